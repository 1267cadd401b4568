"""JSON of /api/billing: the subscription in both shapes that the modelled service documents, packs, history, estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.core.accounts.model import Account
from raseed.core.billing.history import TOPUPS_PAGE, Offers, PastGrant
from raseed.core.billing.model import BalanceView, GrantView
from raseed.core.billing.policy import OpenTopup, UnitOfAccount
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.inference.estimate import Estimate
from raseed.core.money import CURRENCY_DIGITS, price_text

CreditsShape = Literal["object", "number"]
"""`credits` as `{"balance": 4250, "currency": "credits", "held": 0}`, or as the balance alone: `732.5`."""

_encode = msgspec.json.Encoder().encode


class _Credits(msgspec.Struct, frozen=True):
    balance: msgspec.Raw
    currency: str
    held: msgspec.Raw


class _Grant(msgspec.Struct, frozen=True):
    id: str
    source: str
    credits: msgspec.Raw
    remaining: msgspec.Raw
    held: msgspec.Raw
    effective_at: str
    expires_at: str | None
    priority: int


class _Subscription(msgspec.Struct, frozen=True):
    tier: str
    status: str
    expires_at: str | None
    credits: _Credits | msgspec.Raw
    credits_balance: msgspec.Raw
    grants: list[_Grant]
    debt: msgspec.Raw | msgspec.UnsetType
    debt_limit: msgspec.Raw | msgspec.UnsetType


def encode_subscription(
    account: Account,
    balance: BalanceView,
    *,
    debt_limit_microcredits: int = 0,
    credits_shape: CreditsShape = "object",
    unit: UnitOfAccount = "credits",
) -> bytes:
    """Plan and balance. Amounts are JSON numbers of credits, exact to six decimals; moments RFC 3339 in UTC.

    `balance` and `credits_balance` are what a new request could spend now; `held` is set aside for open requests and
    not part of it. `grants` are those with credit left, in the order in which they are spent. `debt` and `debt_limit`
    are there for accounts that may owe or do.
    """
    owes = balance.debt_microcredits > 0 or debt_limit_microcredits > 0
    spendable = credits_json(balance.spendable_microcredits)
    as_object = _Credits(balance=spendable, currency=unit, held=credits_json(balance.held_microcredits))
    subscription = _Subscription(
        tier=account.tier.value,
        status=account.status.value,
        expires_at=_moment(account.tier_expires_at),
        credits=as_object if credits_shape == "object" else spendable,
        credits_balance=spendable,
        grants=[_grant(grant) for grant in balance.grants],
        debt=credits_json(balance.debt_microcredits) if owes else msgspec.UNSET,
        debt_limit=credits_json(debt_limit_microcredits) if owes else msgspec.UNSET,
    )
    return _encode(subscription)


def _grant(grant: GrantView) -> _Grant:
    return _Grant(
        id=grant.id,
        source=grant.source.value,
        credits=credits_json(grant.amount_microcredits),
        remaining=credits_json(grant.remaining_microcredits),
        held=credits_json(grant.held_microcredits),
        effective_at=rfc3339_text(grant.effective_at),
        expires_at=_moment(grant.expires_at),
        priority=grant.priority,
    )


def _moment(at: Microseconds | None) -> str | None:
    return None if at is None else rfc3339_text(at)


# ---------------------------------------------------------------------------------------------- packs and history


class _Pack(msgspec.Struct, frozen=True):
    id: str
    credits: msgspec.Raw
    price: msgspec.Raw
    currency: str
    name: str
    bonus_credits: msgspec.Raw
    popular: bool


class _OpenTopup(msgspec.Struct, frozen=True):
    currency: str
    min: msgspec.Raw
    max: msgspec.Raw
    step: msgspec.Raw


class _Packs(msgspec.Struct, frozen=True, omit_defaults=True):
    packs: list[_Pack]
    open_topup: _OpenTopup | None = None


class _Topup(msgspec.Struct, frozen=True):
    id: str
    credits: msgspec.Raw
    amount: msgspec.Raw
    currency: str
    status: str
    created_at: str


class _History(msgspec.Struct, frozen=True):
    data: list[_Topup]
    current_page: int
    per_page: int
    total: int


class _Cost(msgspec.Struct, frozen=True):
    min: msgspec.Raw
    max: msgspec.Raw


class _Estimate(msgspec.Struct, frozen=True):
    model: str
    prompt_tokens: int
    max_completion_tokens: int
    credits: _Cost
    price_version: str


def decode_page(text: str) -> int:
    """The number of a page, 1 if there is none. Raises RequestInvalid."""
    if not text:
        return 1
    if not (text.isascii() and text.isdecimal() and len(text) <= _PAGE_DIGITS_MAX and int(text)):
        raise RequestInvalid("page must be a whole number from 1 on.", param="page")
    return int(text)


_PAGE_DIGITS_MAX = 9


def encode_packs(offers: Offers) -> bytes:
    """What is on sale. Prices are JSON numbers with all decimals of their currency; `credits` is without the bonus."""
    packs = [
        _Pack(
            id=pack.id,
            credits=credits_json(pack.amount_microcredits),
            price=_money(pack.price_minor, pack.currency),
            currency=pack.currency,
            name=pack.name,
            bonus_credits=credits_json(pack.bonus_microcredits),
            popular=pack.is_popular,
        )
        for pack in offers.packs
    ]
    return _encode(_Packs(packs=packs, open_topup=_open_topup(offers.open_topup)))


def encode_topups(topups: Sequence[PastGrant], *, page: int, total: int) -> bytes:
    """One page of what was bought, newest first."""
    data = [
        _Topup(
            id=topup.id,
            credits=credits_json(topup.amount_microcredits),
            amount=_money(topup.paid_minor, topup.currency),
            currency=topup.currency,
            status="completed",
            created_at=rfc3339_text(topup.created_at),
        )
        for topup in topups
    ]
    return _encode(_History(data=data, current_page=page, per_page=TOPUPS_PAGE, total=total))


def encode_estimate(estimate: Estimate) -> bytes:
    """What a request would cost: with an answer of one token, and with the longest."""
    return _encode(
        _Estimate(
            model=estimate.model,
            prompt_tokens=estimate.prompt_tokens,
            max_completion_tokens=estimate.max_completion_tokens,
            credits=_Cost(
                min=credits_json(estimate.min_cost_microcredits),
                max=credits_json(estimate.max_cost_microcredits),
            ),
            price_version=estimate.price_version,
        )
    )


def _open_topup(topup: OpenTopup | None) -> _OpenTopup | None:
    if topup is None:
        return None
    return _OpenTopup(
        currency=topup.currency,
        min=_money(topup.min_minor, topup.currency),
        max=_money(topup.max_minor, topup.currency),
        step=_money(topup.step_minor, topup.currency),
    )


def _money(amount_minor: int, currency: str) -> msgspec.Raw:
    """A price as a JSON number, `18.00`: as text, because a float would lose its decimals."""
    text = price_text(amount_minor, currency) if currency in CURRENCY_DIGITS else str(amount_minor)
    return msgspec.Raw(text.encode())

"""JSON of GET /api/billing/subscription, in both shapes that the modelled service documents."""

from __future__ import annotations

from typing import Literal

import msgspec

from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.core.accounts.model import Account
from raseed.core.billing.model import BalanceView, GrantView
from raseed.core.clock import Microseconds

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


def encode_subscription(
    account: Account, balance: BalanceView, *, credits_shape: CreditsShape = "object"
) -> bytes:
    """Plan and balance. Amounts are JSON numbers of credits, exact to six decimals; moments RFC 3339 in UTC.

    `balance` and `credits_balance` are what a new request could spend now; `held` is set aside for open requests and
    not part of it. `grants` are those with credit left, in the order in which they are spent.
    """
    spendable = credits_json(balance.spendable_microcredits)
    as_object = _Credits(balance=spendable, currency="credits", held=credits_json(balance.held_microcredits))
    subscription = _Subscription(
        tier=account.tier.value,
        status=account.status.value,
        expires_at=_moment(account.tier_expires_at),
        credits=as_object if credits_shape == "object" else spendable,
        credits_balance=spendable,
        grants=[_grant(grant) for grant in balance.grants],
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

"""What is sold: packs, and top-ups of any amount."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.source import Source, collecting
from raseed.core.billing.policy import OpenTopup, Pack, PaymentProvider, UnitOfAccount
from raseed.core.money import AMOUNT_MAX, CURRENCY_DIGITS

CREDIT_DECIMALS = 6
MINOR_MAX = 10**12

Minor = Annotated[int, Meta(ge=1, le=MINOR_MAX)]
ProductId = Annotated[str, Meta(max_length=128)]


class _Pack(msgspec.Struct, frozen=True):
    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
    credits: Decimal
    price_minor: Minor
    currency: str
    provider: PaymentProvider
    name: str = ""
    bonus_credits: Decimal = Decimal(0)
    popular: bool = False
    product_id: ProductId = ""


class _Topup(msgspec.Struct, frozen=True):
    currency: str
    provider: PaymentProvider
    min_minor: Minor
    max_minor: Minor
    step_minor: Minor = 1
    product_id: ProductId = ""


def read_packs(source: Source, unit: UnitOfAccount) -> tuple[Pack, ...]:
    """Raises PolicyError."""
    packs: dict[str, Pack] = {}
    with collecting() as attempt:
        for position in range(len(source.at(("packs",)) or ())):
            with attempt():
                path: Path = ("packs", position)
                given = source.table(path, _Pack)
                if given.id in packs:
                    raise source.refusal((*path, "id"), f"there is a pack {given.id!r} already")
                credits_at = (*path, "credits")
                packs[given.id] = Pack(
                    id=given.id,
                    name=given.name or f"{given.credits:,f} {unit}",
                    amount_microcredits=source.units(
                        credits_at, given.credits, CREDIT_DECIMALS, 1, AMOUNT_MAX
                    ),
                    bonus_microcredits=source.units(
                        (*path, "bonus_credits"), given.bonus_credits, CREDIT_DECIMALS, 0, AMOUNT_MAX
                    ),
                    price_minor=given.price_minor,
                    currency=read_currency(source, (*path, "currency"), given.currency),
                    provider=given.provider,
                    is_popular=given.popular,
                    product_id=given.product_id,
                )
    return tuple(packs.values())


def read_topup(source: Source, unit: UnitOfAccount) -> OpenTopup | None:
    """Raises PolicyError."""
    path: Path = ("topup",)
    if source.at(path) is None:
        return None
    given = source.table(path, _Topup)
    if read_currency(source, (*path, "currency"), given.currency) != unit:
        raise source.refusal(
            (*path, "currency"), f"amounts are open only in the unit of account, here {unit}"
        )
    if given.max_minor < given.min_minor:
        raise source.refusal((*path, "max_minor"), "is below min_minor")
    return OpenTopup(
        currency=given.currency,
        provider=given.provider,
        min_minor=given.min_minor,
        max_minor=given.max_minor,
        step_minor=given.step_minor,
        product_id=given.product_id,
    )


def read_currency(source: Source, path: Path, currency: str) -> str:
    """Raises PolicyError for one that has no minor unit here."""
    if currency not in CURRENCY_DIGITS:
        raise source.refusal(path, f"unknown currency {currency!r}; known: {', '.join(CURRENCY_DIGITS)}")
    return currency

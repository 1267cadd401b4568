"""What is sold by the period, and room for more keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.offers import CREDIT_DECIMALS, Minor, ProductId, read_currency
from raseed.adapters.policy.source import Source, collecting
from raseed.core.accounts.model import Tier
from raseed.core.billing.policy import ExtraKeys, PaymentProvider, PeriodLength, Plan
from raseed.core.clock import DAY
from raseed.core.money import AMOUNT_MAX

GRACE_DAYS = 3
"""A weekend: whoever pays by hand is not cut off over one."""
REMINDER_DAYS = 3
EXTRA_KEYS_MAX = 100
NO_PRODUCT = "is missing: creem sells what is in its own catalogue"

Name = Annotated[str, Meta(min_length=1, max_length=64)]


class _Plan(msgspec.Struct, frozen=True):
    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
    name_en: Name
    name_ar: Name
    tier: Tier
    credits: Decimal
    price_minor: Minor
    currency: str
    provider: PaymentProvider
    period: PeriodLength = PeriodLength.MONTH
    product_id: ProductId = ""
    trial_days: Annotated[int, Meta(ge=0, le=366)] = 0
    trial_credits: Decimal | None = None
    rollover: Literal["none", "capped"] = "none"
    rollover_cap: Decimal | None = None
    grace_days: Annotated[int, Meta(ge=0, le=27)] = GRACE_DAYS
    reminder_days: Annotated[int, Meta(ge=1, le=27)] = REMINDER_DAYS
    is_public: bool = True


class _ExtraKeys(msgspec.Struct, frozen=True):
    price_minor: Minor
    currency: str
    provider: PaymentProvider
    product_id: ProductId = ""
    max: Annotated[int, Meta(ge=1, le=EXTRA_KEYS_MAX)] = 10


def read_plans(source: Source) -> tuple[Plan, ...]:
    """Raises PolicyError."""
    plans: dict[str, Plan] = {}
    with collecting() as attempt:
        for position in range(len(source.at(("plans",)) or ())):
            with attempt():
                path: Path = ("plans", position)
                given = source.table(path, _Plan)
                if given.id in plans:
                    raise source.refusal((*path, "id"), f"there is a plan {given.id!r} already")
                plans[given.id] = _plan(source, path, given)
    return tuple(plans.values())


def _plan(source: Source, path: Path, given: _Plan) -> Plan:
    if given.provider is PaymentProvider.CREEM and given.is_public and not given.product_id:
        raise source.refusal((*path, "product_id"), NO_PRODUCT)
    return Plan(
        id=given.id,
        name_en=given.name_en,
        name_ar=given.name_ar,
        tier=given.tier,
        amount_microcredits=_credits(source, (*path, "credits"), given.credits),
        period=given.period,
        price_minor=given.price_minor,
        currency=read_currency(source, (*path, "currency"), given.currency),
        provider=given.provider,
        product_id=given.product_id,
        trial_us=given.trial_days * DAY,
        trial_microcredits=_with(
            source, path, "trial_credits", given.trial_credits, "trial_days", is_needed=given.trial_days > 0
        ),
        rollover_cap_microcredits=_with(
            source,
            path,
            "rollover_cap",
            given.rollover_cap,
            'rollover = "capped"',
            is_needed=given.rollover == "capped",
        ),
        grace_us=given.grace_days * DAY,
        reminder_us=given.reminder_days * DAY,
        is_public=given.is_public,
    )


def _with(
    source: Source, path: Path, key: str, given: Decimal | None, belongs_to: str, *, is_needed: bool
) -> int:
    """Credit that is said if, and only if, another key asks for it; 0 if not."""
    if is_needed and given is None:
        raise source.refusal((*path, key), f"is missing: {belongs_to} needs it")
    if given is None:
        return 0
    if not is_needed:
        raise source.refusal((*path, key), f"only with {belongs_to}")
    return _credits(source, (*path, key), given)


def _credits(source: Source, path: Path, given: Decimal) -> int:
    return source.units(path, given, CREDIT_DECIMALS, 1, AMOUNT_MAX)


def read_extra_keys(source: Source) -> ExtraKeys | None:
    """Raises PolicyError."""
    path: Path = ("extra_keys",)
    if source.at(path) is None:
        return None
    given = source.table(path, _ExtraKeys)
    if given.provider is PaymentProvider.CREEM and not given.product_id:
        raise source.refusal((*path, "product_id"), NO_PRODUCT)
    return ExtraKeys(
        price_minor=given.price_minor,
        currency=read_currency(source, (*path, "currency"), given.currency),
        provider=given.provider,
        product_id=given.product_id,
        max_count=given.max,
    )

"""JSON of /api/billing/plans, plan, subscribe, trial and subscription/…"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.adapters.wire.payments import encode_payment
from raseed.core.billing.policy import ExtraKeys, Plan
from raseed.core.clock import DAY, Microseconds
from raseed.core.money import price_text
from raseed.core.payments.model import Payment
from raseed.core.payments.subscription_model import Subscription

_encode = msgspec.json.Encoder().encode


class _Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: str
    method: str = ""
    language: str = ""


class _Plan(msgspec.Struct, frozen=True):
    id: str
    name_en: str
    name_ar: str
    tier: str
    credits: msgspec.Raw
    period: str
    price: msgspec.Raw
    currency: str
    trial_days: int
    trial_credits: msgspec.Raw
    rollover_cap: msgspec.Raw


class _ExtraKeys(msgspec.Struct, frozen=True):
    price: msgspec.Raw
    currency: str
    max: int


class _Plans(msgspec.Struct, frozen=True):
    plans: list[_Plan]
    extra_keys: _ExtraKeys | None


class _Subscription(msgspec.Struct, frozen=True):
    id: str
    plan: str
    state: str
    period_start: str | None
    period_end: str | None
    paid_until: str | None
    cancels_at_end: bool
    next_plan: str | None
    renews_by_itself: bool


class _View(msgspec.Struct, frozen=True):
    subscription: _Subscription
    payment: msgspec.Raw | None


_wish = msgspec.json.Decoder(_Wish)
_KEYS = served_keys(_Wish.__struct_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWish:
    """Which plan somebody wants, and how he wants to pay."""

    plan: str
    method: str
    language: str


def decode_wish(body: bytes) -> PlanWish:
    """Raises RequestInvalid."""
    asked = read_body(body, _wish, _KEYS, WORDS)
    return PlanWish(plan=asked.plan, method=asked.method, language=asked.language)


def encode_plans(plans: Sequence[Plan], extra: ExtraKeys | None) -> bytes:
    """Prices are JSON numbers with all decimals of their currency, for a period."""
    shown = [_plan(plan) for plan in plans]
    return _encode(_Plans(plans=shown, extra_keys=None if extra is None else _extra_keys(extra)))


def encode_view(subscription: Subscription, payment: Payment | None) -> bytes:
    """A plan, with an order for it that waits to be paid."""
    shown = msgspec.Raw(encode_payment(payment)) if payment else None
    return _encode(_View(subscription=_subscription(subscription), payment=shown))


def _plan(plan: Plan) -> _Plan:
    return _Plan(
        id=plan.id,
        name_en=plan.name_en,
        name_ar=plan.name_ar,
        tier=plan.tier.value,
        credits=credits_json(plan.amount_microcredits),
        period=plan.period.value,
        price=_money(plan.price_minor, plan.currency),
        currency=plan.currency,
        trial_days=plan.trial_us // DAY,
        trial_credits=credits_json(plan.trial_microcredits),
        rollover_cap=credits_json(plan.rollover_cap_microcredits),
    )


def _extra_keys(extra: ExtraKeys) -> _ExtraKeys:
    return _ExtraKeys(
        price=_money(extra.price_minor, extra.currency), currency=extra.currency, max=extra.max_count
    )


def _subscription(subscription: Subscription) -> _Subscription:
    return _Subscription(
        id=subscription.id,
        plan=subscription.plan_id,
        state=subscription.state.value,
        period_start=_moment(subscription.period_start),
        period_end=_moment(subscription.period_end),
        paid_until=_moment(subscription.paid_until),
        cancels_at_end=subscription.cancels_at_end,
        next_plan=subscription.next_plan_id or None,
        renews_by_itself=bool(subscription.provider_subscription_id),
    )


def _moment(at: Microseconds | None) -> str | None:
    return None if at is None else rfc3339_text(at)


def _money(amount_minor: int, currency: str) -> msgspec.Raw:
    return msgspec.Raw(price_text(amount_minor, currency).encode())

"""Subscriptions, their periods and agreements as rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.model import Mode, PaymentState
from raseed.core.payments.subscription_model import (
    RENEWALS_ACTOR,
    Period,
    ProviderSubscription,
    Role,
    Subscription,
    SubscriptionState,
)


def fixed_values(subscription: Subscription) -> dict[str, Any]:
    """What never changes of it."""
    return {
        "id": subscription.id,
        "account_id": subscription.account_id,
        "actor": subscription.actor,
        "created_at": subscription.created_at,
    }


def changing_values(subscription: Subscription) -> dict[str, Any]:
    """What becomes of it; its version is the store's to say."""
    return {
        "plan_id": subscription.plan_id,
        "language": subscription.language,
        "state": subscription.state.value,
        "period_start": subscription.period_start,
        "period_end": subscription.period_end,
        "paid_until": subscription.paid_until,
        "covered_until": subscription.covered_until,
        "is_trial": int(subscription.is_trial),
        "cancels_at_end": int(subscription.cancels_at_end),
        "next_plan_id": subscription.next_plan_id,
        "provider_subscription_id": subscription.provider_subscription_id,
        "is_refused": int(subscription.is_refused),
        "ended_at": subscription.ended_at,
        "end_reason": subscription.end_reason,
        "next_look_at": subscription.next_look_at,
    }


def read_subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        account_id=row.account_id,
        actor=row.actor,
        plan_id=row.plan_id,
        language=row.language,
        created_at=row.created_at,
        state=SubscriptionState(row.state),
        period_start=row.period_start,
        period_end=row.period_end,
        paid_until=row.paid_until,
        covered_until=row.covered_until,
        is_trial=bool(row.is_trial),
        cancels_at_end=bool(row.cancels_at_end),
        next_plan_id=row.next_plan_id,
        provider_subscription_id=row.provider_subscription_id,
        is_refused=bool(row.is_refused),
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        next_look_at=row.next_look_at,
        version=row.version,
    )


def period_values(period: Period) -> dict[str, Any]:
    return {
        "subscription_id": period.subscription_id,
        "number": period.number,
        "id": period.id,
        "account_id": period.account_id,
        "plan_id": period.plan_id,
        "role": period.role.value,
        "begins_at": period.begins_at,
        "ends_at": period.ends_at,
        "anchor_at": period.anchor_at,
        "is_trial": int(period.is_trial),
        "allotted_at": period.allotted_at,
        "extra_microcredits": period.extra_microcredits,
        "is_settled": int(period.is_settled),
    }


def read_period(row: Row[Any]) -> Period:
    """Of a row with `payment_state`, `payment_provider`, `payment_actor`, `came_minor` and `gone_minor` of its payment,
    NULL for a trial.
    """
    is_trial = bool(row.is_trial)
    return Period(
        id=row.id,
        subscription_id=row.subscription_id,
        account_id=row.account_id,
        number=row.number,
        plan_id=row.plan_id,
        role=Role(row.role),
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        anchor_at=row.anchor_at,
        is_trial=is_trial,
        allotted_at=row.allotted_at,
        is_credited=is_trial or row.payment_state == PaymentState.CREDITED.value,
        provider=None if is_trial else PaymentProvider(row.payment_provider),
        is_collected=row.payment_actor == RENEWALS_ACTOR,
        is_given_back=not is_trial and 0 < row.came_minor <= row.gone_minor,
        extra_microcredits=row.extra_microcredits,
        is_settled=bool(row.is_settled),
    )


def agreement_values(agreement: ProviderSubscription) -> dict[str, Any]:
    return {
        "provider": agreement.provider.value,
        "mode": agreement.mode.value,
        "id": agreement.id,
        "subscription_id": agreement.subscription_id,
        "payment_id": agreement.payment_id,
        "is_to_cancel": int(agreement.is_to_cancel),
        "is_canceled": int(agreement.is_canceled),
    }


def read_agreement(row: Row[Any]) -> ProviderSubscription:
    return ProviderSubscription(
        provider=PaymentProvider(row.provider),
        mode=Mode(row.mode),
        id=row.id,
        subscription_id=row.subscription_id,
        payment_id=row.payment_id,
        is_to_cancel=bool(row.is_to_cancel),
        is_canceled=bool(row.is_canceled),
    )

"""What a subscription is, by its periods and the hour: pure functions.

| its last period             | not cancelled          | cancelled              |
|-----------------------------|------------------------|------------------------|
| none                        | `pending`              | `canceled`             |
| lasts, and none is paid now | `pending`              | `pending`              |
| lasts, and is a trial       | `trialing`             | `trialing`             |
| lasts                       | `active`               | `active`               |
| over, and was a trial       | `ended`                | `canceled`             |
| over, within the grace      | `grace`, or `past_due` where the provider renews by itself | `canceled` |
| over for longer             | `ended`                | `canceled`             |

None is paid now where one was given back and the next was paid early: that one counts from its beginning, and until then
there is neither tier nor grace. What an operator ended is `ended`, until something is paid after that. Nothing else is final: a period that is credited late
brings a subscription back, and one that is refunded ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Tier
from raseed.core.billing.policy import Plan
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.payments.periods import chain
from raseed.core.payments.subscription_model import (
    LIVE_STATES,
    TIER_STATES,
    Period,
    ProviderSubscription,
    Role,
    Subscription,
    SubscriptionState,
)

LINK_LOOK_US = 6 * HOUR
"""While a renewal waits for its holder: a page that ran out is replaced so often."""
FIRST_LOOK_US = 5 * MINUTE
"""After the end of a period that the provider renews: it needs minutes, and its event may be lost."""
LOOK_MAX_US = 6 * HOUR
AGREEMENT_LOOK_US = 1 * DAY
"""While a provider renews by itself: what it charged at another time than we expect, and whose event was lost."""
UNSETTLED_LOOK_US = 1 * MINUTE
"""Until open requests have given back what they hold of a period that is over, or the ledger can be reached again."""
AFTER_END_US = 3 * DAY
"""For how long a subscription that is over is still compared with its provider: a charge may have been under way."""


@dataclass(frozen=True, slots=True)
class TierUntil:
    tier: Tier
    until: Microseconds


def since_ended(subscription: Subscription, periods: Iterable[Period]) -> list[Period]:
    """Those that count after what an operator ended."""
    ended_at = subscription.ended_at
    return [period for period in periods if ended_at is None or period.allotted_at > ended_at]


def counted(subscription: Subscription, periods: Iterable[Period]) -> list[Period]:
    """The chain of what is credited and not given back."""
    return chain(period for period in since_ended(subscription, periods) if period.counts)


def brought_up(
    subscription: Subscription, periods: Sequence[Period], grace_us: int, now: Microseconds
) -> Subscription:
    """The subscription as it is now. The same again changes nothing. `grace_us`: of the plan that it is on."""
    so_far = counted(subscription, periods)
    if not so_far:
        return replace(subscription, state=_without_period(subscription))
    current = _current(so_far, now)
    last = so_far[-1]
    is_new = _is_new(subscription, last, periods)
    # Who orders anew wants it renewed, whatever was said before; what a provider collected says nothing.
    is_ordered = is_new and not last.is_collected
    has_changed_plan = subscription.next_plan_id in {current.plan_id, last.plan_id}
    is_left = has_changed_plan or (is_ordered and last.role is Role.BEGIN)
    after = replace(
        subscription,
        plan_id=current.plan_id,
        period_start=current.begins_at,
        period_end=current.ends_at,
        paid_until=last.ends_at,
        covered_until=_covered_until(so_far, current),
        is_trial=current.is_trial,
        cancels_at_end=subscription.cancels_at_end and not is_ordered,
        next_plan_id="" if is_left else subscription.next_plan_id,
        is_refused=subscription.is_refused and not is_new,
    )
    return replace(after, state=_state(after, grace_us, now))


def _current(so_far: Sequence[Period], now: Microseconds) -> Period:
    """The one that lasts; else the next one, and after all of them the last."""
    not_over = [period for period in so_far if now < period.ends_at]
    lasts = [period for period in not_over if period.begins_at <= now]
    if lasts:
        return lasts[-1]
    return not_over[0] if not_over else so_far[-1]


def _covered_until(so_far: Sequence[Period], current: Period) -> Microseconds:
    until = current.ends_at
    for period in so_far:
        if period.begins_at <= until:
            until = max(until, period.ends_at)
    return until


def _is_new(subscription: Subscription, last: Period, periods: Iterable[Period]) -> bool:
    """Whether it was not known yet that the last period counts."""
    until = subscription.paid_until
    if last.ends_at == until:
        return False
    return not any(period.is_given_back and period.ends_at == until for period in periods)


def _without_period(subscription: Subscription) -> SubscriptionState:
    if subscription.ended_at is not None or subscription.paid_until is not None:
        return SubscriptionState.ENDED  # by an operator, or because what was paid was given back
    return SubscriptionState.CANCELED if subscription.cancels_at_end else SubscriptionState.PENDING


def _state(subscription: Subscription, grace_us: int, now: Microseconds) -> SubscriptionState:
    assert subscription.paid_until is not None
    assert subscription.period_start is not None
    if now < subscription.period_start:
        return SubscriptionState.PENDING
    if now < subscription.paid_until:
        return SubscriptionState.TRIALING if subscription.is_trial else SubscriptionState.ACTIVE
    if subscription.cancels_at_end:
        return SubscriptionState.CANCELED
    if subscription.is_trial or now >= subscription.paid_until + grace_us:
        return SubscriptionState.ENDED
    return SubscriptionState.PAST_DUE if subscription.provider_subscription_id else SubscriptionState.GRACE


def tier_of(subscription: Subscription, plan: Plan | None) -> TierUntil | None:
    """Which tier the account has from it, and until when if nothing more is paid. None: none."""
    if plan is None or subscription.paid_until is None or subscription.state not in TIER_STATES:
        return None
    until = subscription.covered_until or subscription.paid_until
    # In a gap there is no grace: what was given back was not to be renewed.
    has_grace = (
        not subscription.is_trial and not subscription.cancels_at_end and until >= subscription.paid_until
    )
    return TierUntil(plan.tier, Microseconds(until + (plan.grace_us if has_grace else 0)))


def is_renewable_by_link(subscription: Subscription, reminder_us: int, now: Microseconds) -> bool:
    """Whether its holder should have a page to pay the next period on."""
    return (
        subscription.state in LIVE_STATES
        and subscription.paid_until is not None
        and not subscription.cancels_at_end
        and not subscription.provider_subscription_id
        and now >= subscription.paid_until - reminder_us
    )


def agreement_of(
    subscription: Subscription, periods: Sequence[Period], agreements: Sequence[ProviderSubscription]
) -> ProviderSubscription | None:
    """The agreement under which a provider renews it. None: each period is paid by a link."""
    own = _own_agreements(subscription, periods, agreements)
    return next((agreement for agreement in reversed(own) if not agreement.is_to_cancel), None)


def to_cancel(
    subscription: Subscription, periods: Sequence[Period], agreements: Sequence[ProviderSubscription]
) -> list[ProviderSubscription]:
    """Those that are not to renew anything again, and whose provider does not know it yet: of what is over, is to end, is
    to change, or was left.
    """
    is_kept = (
        subscription.state in LIVE_STATES
        and not subscription.cancels_at_end
        and not subscription.next_plan_id
    )
    kept = agreement_of(subscription, periods, agreements) if is_kept else None
    return [agreement for agreement in agreements if agreement != kept and not agreement.is_canceled]


def _own_agreements(
    subscription: Subscription, periods: Sequence[Period], agreements: Sequence[ProviderSubscription]
) -> list[ProviderSubscription]:
    """Of the plan that it is on; whether what was paid first was given back does not matter."""
    so_far = chain(since_ended(subscription, periods))
    by_payment = {agreement.payment_id: agreement for agreement in agreements}
    return [by_payment[PaymentId(period.id)] for period in so_far if period.id in by_payment]


def unagreed(periods: Iterable[Period], agreements: Iterable[ProviderSubscription]) -> list[Period]:
    """Those of which the provider has not said yet under which agreement it renews them: also of a plan that was left or
    is over, since it renews that until it is told not to.
    """
    known = {agreement.payment_id for agreement in agreements}
    return [
        period
        for period in periods
        if period.is_credited and period.begins_agreement and period.id not in known
    ]


def next_look(
    subscription: Subscription,
    periods: Sequence[Period],
    agreements: Sequence[ProviderSubscription],
    plan: Plan | None,
    now: Microseconds,
) -> Microseconds | None:
    """When the job looks at it again; None: when something is paid."""
    looks: list[int] = [
        max(period.begins_at, now + UNSETTLED_LOOK_US)
        for period in periods
        if period.counts and not period.is_settled
    ]
    if to_cancel(subscription, periods, agreements):
        looks.append(now + FIRST_LOOK_US)
    if any(not agreement.is_canceled for agreement in agreements):
        looks.append(now + AGREEMENT_LOOK_US)
    looks += [now + _later(now - period.allotted_at) for period in unagreed(periods, agreements)]
    if subscription.state in LIVE_STATES:
        looks += _live_looks(subscription, plan, now)
    elif agreements and now < _over_at(subscription, plan) + AFTER_END_US:
        looks.append(now + LOOK_MAX_US)
    return Microseconds(min(looks)) if looks else None


def _live_looks(subscription: Subscription, plan: Plan | None, now: Microseconds) -> list[int]:
    paid_until, begins, ends = subscription.paid_until, subscription.period_start, subscription.period_end
    if paid_until is None or begins is None or ends is None:
        return []
    reminder_us = plan.reminder_us if plan else 0
    marks = (begins, ends, paid_until - reminder_us, paid_until, _over_at(subscription, plan))
    looks = [mark for mark in marks if mark > now]
    if subscription.provider_subscription_id and now >= paid_until:
        looks.append(now + _later(now - paid_until))
    elif is_renewable_by_link(subscription, reminder_us, now):
        looks.append(now + LINK_LOOK_US)
    return looks


def _over_at(subscription: Subscription, plan: Plan | None) -> int:
    return max((subscription.paid_until or 0) + (plan.grace_us if plan else 0), subscription.ended_at or 0)


def _later(waited_us: int) -> int:
    """Ever more rarely."""
    return min(max(waited_us // 2, FIRST_LOOK_US), LOOK_MAX_US)

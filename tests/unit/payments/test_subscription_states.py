"""What a subscription is, by its periods and the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.unit.payments.subscription_values import GRACE_US, at, period, subscription, text_of

from raseed.adapters.policy.loader import load_policy
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, MINUTE
from raseed.core.ids import PaymentId, SubscriptionId
from raseed.core.payments.model import Mode
from raseed.core.payments.subscription_model import (
    Period,
    ProviderSubscription,
    Role,
    Subscription,
    SubscriptionState,
)
from raseed.core.payments.subscription_states import (
    brought_up,
    is_renewable_by_link,
    next_look,
    tier_of,
)

BASIC = load_policy("resayil", HoldPolicy()).plan("basic")
S = SubscriptionState
FIRST = period(1, "2027-01-31", "2027-02-28")
SECOND = period(2, "2027-02-28", "2027-03-31")
THIRD = period(3, "2027-03-31", "2027-04-30")
GIVEN_BACK = [replace(FIRST, is_given_back=True), SECOND]
GAP = [FIRST, replace(SECOND, is_given_back=True), THIRD]
TRIAL = period(1, "2027-01-31", "2027-02-07", is_trial=True)
UPGRADE = period(2, "2027-02-10", "2027-03-10", plan_id="pro", role=Role.BEGIN)
DOWNGRADE = replace(SECOND, plan_id="starter")
CANCELLED = subscription(cancels_at_end=True)
HAS_CANCELLED = replace(CANCELLED, paid_until=at("2027-02-28"))
HAS_PAID = subscription(paid_until=at("2027-02-28"))
BY_CREEM = subscription(provider_subscription_id="sub_creem")


@pytest.mark.parametrize(
    ("before", "periods", "now", "state", "plan", "paid_until"),
    [
        (subscription(), [], "2027-02-01", S.PENDING, "basic", None),
        (CANCELLED, [], "2027-02-01", S.CANCELED, "basic", None),
        # paid, and not credited yet
        (subscription(), [replace(FIRST, is_credited=False)], "2027-02-01", S.PENDING, "basic", None),
        (subscription(), [FIRST], "2027-01-31", S.ACTIVE, "basic", "2027-02-28"),
        (subscription(), [FIRST], "2027-02-27T23:59", S.ACTIVE, "basic", "2027-02-28"),
        (subscription(), [FIRST], "2027-02-28", S.GRACE, "basic", "2027-02-28"),
        (subscription(), [FIRST], "2027-03-02T23:59", S.GRACE, "basic", "2027-02-28"),
        (subscription(), [FIRST], "2027-03-03", S.ENDED, "basic", "2027-02-28"),
        (BY_CREEM, [FIRST], "2027-02-28", S.PAST_DUE, "basic", "2027-02-28"),
        (BY_CREEM, [FIRST], "2027-03-03", S.ENDED, "basic", "2027-02-28"),
        (HAS_CANCELLED, [FIRST], "2027-02-27", S.ACTIVE, "basic", "2027-02-28"),
        (HAS_CANCELLED, [FIRST], "2027-02-28", S.CANCELED, "basic", "2027-02-28"),
        # paid early, and paid after its end
        (subscription(), [FIRST, SECOND], "2027-02-26", S.ACTIVE, "basic", "2027-03-31"),
        (subscription(state=S.ENDED), [FIRST, SECOND], "2027-03-20", S.ACTIVE, "basic", "2027-03-31"),
        # trials
        (subscription(), [TRIAL], "2027-02-06", S.TRIALING, "basic", "2027-02-07"),
        (subscription(), [TRIAL], "2027-02-07", S.ENDED, "basic", "2027-02-07"),
        (replace(CANCELLED, paid_until=at("2027-02-07")), [TRIAL], "2027-02-07", S.CANCELED, "basic", "2027-02-07"),
        # changes of plan
        (subscription(), [FIRST, UPGRADE], "2027-02-10", S.ACTIVE, "pro", "2027-03-10"),
        (subscription(), [FIRST, replace(UPGRADE, is_given_back=True)], "2027-02-10", S.ACTIVE, "basic", "2027-02-28"),
        (subscription(next_plan_id="starter"), [FIRST, DOWNGRADE], "2027-02-27", S.ACTIVE, "basic", "2027-03-31"),
        (subscription(), [FIRST, DOWNGRADE], "2027-02-28", S.ACTIVE, "starter", "2027-03-31"),
        (subscription(), [FIRST, UPGRADE, replace(SECOND, number=3, role=Role.ASIDE)], "2027-03-11", S.GRACE, "pro", "2027-03-10"),
        # refunded, and ended by an operator
        (subscription(paid_until=at("2027-02-28")), [replace(FIRST, is_given_back=True)], "2027-02-10", S.ENDED, "basic", "2027-02-28"),
        # given back, and the next one paid early: nothing is free until that begins
        (subscription(paid_until=at("2027-03-31")), GIVEN_BACK, "2027-02-10", S.PENDING, "basic", "2027-03-31"),
        (subscription(paid_until=at("2027-03-31"), cancels_at_end=True), GIVEN_BACK, "2027-02-10", S.PENDING, "basic", "2027-03-31"),
        (subscription(paid_until=at("2027-03-31")), GIVEN_BACK, "2027-02-28", S.ACTIVE, "basic", "2027-03-31"),
        (subscription(paid_until=at("2027-04-30")), GAP, "2027-02-27", S.ACTIVE, "basic", "2027-04-30"),
        (subscription(paid_until=at("2027-04-30")), GAP, "2027-02-28", S.PENDING, "basic", "2027-04-30"),
        (replace(BY_CREEM, paid_until=at("2027-04-30")), GAP, "2027-02-28", S.PENDING, "basic", "2027-04-30"),
        (subscription(paid_until=at("2027-04-30")), GAP, "2027-03-31", S.ACTIVE, "basic", "2027-04-30"),
        (subscription(ended_at=at("2027-02-10")), [FIRST], "2027-02-10", S.ENDED, "basic", None),
        (subscription(ended_at=at("2027-02-10")), [FIRST, SECOND], "2027-03-01", S.ACTIVE, "basic", "2027-03-31"),
    ],
)  # fmt: skip
def test_the_state_follows_from_the_periods_and_the_hour(before, periods, now, state, plan, paid_until):
    after = brought_up(before, periods, GRACE_US, at(now))
    shown = None if after.paid_until is None else text_of(after.paid_until)[:10]
    assert (after.state, after.plan_id, shown) == (state, plan, paid_until)
    assert brought_up(after, periods, GRACE_US, at(now)) == after


def test_a_change_that_has_come_is_not_awaited_any_more():
    awaited = replace(HAS_PAID, next_plan_id="starter")
    assert brought_up(awaited, [FIRST], GRACE_US, at("2027-02-26")).next_plan_id == "starter"
    assert brought_up(awaited, [FIRST, DOWNGRADE], GRACE_US, at("2027-02-26")).next_plan_id == ""


def test_who_orders_anew_wants_it_renewed():
    after = brought_up(
        replace(HAS_CANCELLED, next_plan_id="starter"), [FIRST, UPGRADE], GRACE_US, at("2027-02-10")
    )
    assert (after.cancels_at_end, after.next_plan_id) == (False, "")
    again = replace(after, cancels_at_end=True, next_plan_id="starter")
    assert brought_up(again, [FIRST, UPGRADE], GRACE_US, at("2027-02-11")) == again, (
        "what was said after that stands"
    )


def test_what_a_provider_collects_or_gives_back_takes_no_cancellation_back():
    collected = replace(SECOND, is_collected=True)
    assert brought_up(HAS_CANCELLED, [FIRST, collected], GRACE_US, at("2027-03-01")).cancels_at_end
    two = replace(HAS_CANCELLED, paid_until=at("2027-03-31"))
    given_back = replace(SECOND, is_given_back=True)
    assert brought_up(two, [FIRST, given_back], GRACE_US, at("2027-02-10")).cancels_at_end


def test_what_could_not_be_collected_is_forgotten_once_it_was():
    refused = subscription(is_refused=True, paid_until=at("2027-02-28"))
    assert brought_up(refused, [FIRST], GRACE_US, at("2027-03-01")).is_refused
    assert not brought_up(refused, [FIRST, SECOND], GRACE_US, at("2027-03-01")).is_refused


@pytest.mark.parametrize(
    ("before", "periods", "now", "until"),
    [
        (subscription(), [FIRST], "2027-02-01", "2027-03-03"),
        (subscription(), [FIRST], "2027-03-01", "2027-03-03"),
        (HAS_CANCELLED, [FIRST], "2027-02-01", "2027-02-28"),
        (subscription(), [TRIAL], "2027-02-01", "2027-02-07"),
        (subscription(), [], "2027-02-01", None),
        (subscription(), [FIRST], "2027-03-03", None),
        (subscription(), GIVEN_BACK, "2027-02-10", None),
        (subscription(), GIVEN_BACK, "2027-02-28", "2027-04-03"),
        (subscription(), GAP, "2027-03-01", None),
        (subscription(), GAP, "2027-02-01", "2027-02-28"),  # neither over the gap, nor into it by a grace
        (subscription(), GAP, "2027-04-01", "2027-05-03"),
        (subscription(), [FIRST, SECOND, THIRD], "2027-02-01", "2027-05-03"),
    ],
)
def test_the_tier_lasts_as_long_as_the_plan_and_its_grace(before, periods, now, until):
    found = tier_of(brought_up(before, periods, GRACE_US, at(now)), BASIC)
    assert (found and text_of(found.until)[:10]) == until
    assert found is None or found.tier == "basic"


def look(
    before: Subscription, periods: list[Period], now: str, agreements: Sequence[ProviderSubscription] = ()
) -> int | None:
    after = brought_up(before, periods, GRACE_US, at(now))
    found = next_look(after, periods, agreements, BASIC, at(now))
    return None if found is None else found - at(now)


def test_the_job_looks_when_something_is_to_happen():
    assert look(subscription(), [], "2027-02-01") is None
    assert look(subscription(), [FIRST], "2027-02-01") == 24 * DAY, "the reminder"
    assert look(subscription(), [FIRST], "2027-02-26") == 6 * HOUR, "the link may have run out"
    assert look(subscription(), [FIRST], "2027-02-27T20:00") == 4 * HOUR, "the end of the period"
    assert look(subscription(), [FIRST], "2027-03-02T22:00") == 2 * HOUR, "the end of the grace"
    assert look(subscription(), [FIRST], "2027-03-03") is None
    assert look(subscription(), [FIRST, SECOND], "2027-02-26") == 2 * DAY, "the next period begins"
    assert look(HAS_CANCELLED, [FIRST], "2027-02-26") == 2 * DAY
    assert look(subscription(), GIVEN_BACK, "2027-02-10") == 18 * DAY, "what was paid early begins"
    assert look(subscription(), GAP, "2027-02-20") == 8 * DAY, "what was given back would have begun"
    assert look(subscription(), GAP, "2027-03-01") == 30 * DAY


def test_what_a_provider_renews_is_looked_for_ever_more_rarely():
    looks = [look(BY_CREEM, [FIRST], now) for now in ("2027-02-28", "2027-02-28T02:00", "2027-03-01")]
    assert looks == [5 * MINUTE, 1 * HOUR, 6 * HOUR]


def test_a_provider_is_looked_at_until_it_has_cancelled_and_a_while_longer():
    agreement = ProviderSubscription(
        provider=PaymentProvider.CREEM,
        mode=Mode.TEST,
        id="sub_creem",
        subscription_id=SubscriptionId("sub_1"),
        payment_id=PaymentId("pay_1"),
    )
    assert look(subscription(), [FIRST], "2027-02-01", [agreement]) == 1 * DAY
    assert look(HAS_CANCELLED, [FIRST], "2027-02-01", [agreement]) == 5 * MINUTE
    assert look(subscription(), [FIRST, UPGRADE], "2027-02-11", [agreement]) == 5 * MINUTE
    assert look(replace(HAS_PAID, next_plan_id="starter"), [FIRST], "2027-02-11", [agreement]) == 5 * MINUTE
    ended = replace(agreement, is_to_cancel=True, is_canceled=True)
    assert look(subscription(), [FIRST], "2027-03-03", [ended]) == 6 * HOUR
    assert look(subscription(), [FIRST], "2027-03-20", [ended]) is None


@pytest.mark.parametrize(
    ("before", "periods", "now", "expected"),
    [
        (subscription(), [FIRST], "2027-02-24T23:00", False),
        (subscription(), [FIRST], "2027-02-25", True),
        (subscription(), [FIRST], "2027-03-02", True),
        (subscription(), [FIRST], "2027-03-03", False),
        (subscription(), [], "2027-03-03", False),
        (HAS_CANCELLED, [FIRST], "2027-02-25", False),
        (BY_CREEM, [FIRST], "2027-02-25", False),
        (subscription(), [TRIAL], "2027-02-05", True),
        (subscription(), [FIRST, SECOND], "2027-02-25", False),
    ],
)
def test_a_link_is_there_from_the_reminder_to_the_end_of_the_grace(before, periods, now, expected):
    after = brought_up(before, periods, GRACE_US, at(now))
    assert is_renewable_by_link(after, 3 * DAY, at(now)) is expected

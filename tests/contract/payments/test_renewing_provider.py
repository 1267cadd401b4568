"""Plans that a provider renews by itself: each charge is a period, heard of or not, and what ends here ends there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.plan_house import PlanHouse
from tests.unit.billing.builders import ALICE, START

from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.payments.model import PaymentState
from raseed.core.payments.subscription_model import Role, SubscriptionState

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
S = SubscriptionState
CREDIT = 1_000_000_000


async def test_a_provider_that_renews_is_followed_without_any_event(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    assert (await house.subscription()).provider_subscription_id == agreement.id
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - 2 * DAY))
    assert (await house.told())[-1] == "renewal_reminder"
    assert await house.open_links() == []
    await house.turn_to(end)
    assert (await house.subscription()).state is S.PAST_DUE
    assert "subscription_past_due" not in await house.told(), "it may only be slow"
    house.auto.charge(agreement, Microseconds(end + 10 * MINUTE))
    await house.turn_to(Microseconds(end + 30 * MINUTE))
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start) == (S.ACTIVE, end)
    assert await house.spendable() == CREDIT + 400_000_000, "with what went over"
    assert (await house.account()).tier_expires_at == await house.paid_until() + 3 * DAY


@AT_ONCE
async def test_an_event_that_comes_many_times_at_once_is_one_period(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await house.paid_until()
    await house.turn_to(end)
    house.auto.charge(agreement, end)
    house.auto.pace_s = 0.005
    outcomes = await asyncio.gather(
        *(house.hear(agreement) for _ in range(12)), house.look(), return_exceptions=True
    )
    assert any(outcome is True for outcome in outcomes)
    await house.hear(agreement)
    assert [period.role for period in await house.periods()] == [Role.BEGIN, Role.NEXT]
    assert len(await house.granted()) == 3, "two periods, and what went over"
    assert (await house.subscription()).state is S.ACTIVE


async def test_events_about_a_stranger_or_before_the_first_payment_are_left_alone(house: PlanHouse):
    payment = await house.subscribe("auto")
    house.pay(payment)
    [agreement] = house.auto.agreements.values()
    assert not await house.hear(agreement)
    assert not await house.hear(replace(agreement, id="psub_stranger"))
    await house.settle(payment.id)
    assert await house.hear(agreement)
    assert len(await house.granted()) == 1


async def test_a_renewal_of_another_amount_is_not_credited(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await house.paid_until()
    charged = house.auto.charge(agreement, end)
    agreement.charges[-1] = replace(charged, amount_minor=1)
    await house.turn_to(Microseconds(end + MINUTE))
    assert len(await house.granted()) == 1
    in_review = await house.worker.payments.in_state(PaymentState.REVIEW, "", 10)
    assert [payment.amount_minor for payment in in_review] == [1_000]


async def test_what_the_provider_cannot_collect_is_told_and_ends_after_the_grace(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await house.paid_until()
    agreement.is_refused = True
    await house.turn_to(Microseconds(end + HOUR))
    assert (await house.told()).count("subscription_past_due") == 1
    await house.turn_to(Microseconds(end + 3 * DAY))
    assert (await house.subscription()).state is S.ENDED
    assert agreement.is_canceled, "nothing is collected for a plan that is over"
    # it was collecting just then
    house.auto.charge(agreement, Microseconds(end + 3 * DAY + MINUTE))
    await house.turn_to(Microseconds(end + 4 * DAY))
    assert (await house.subscription()).state is S.ACTIVE
    assert len(await house.granted()) == 2


async def test_a_cancellation_reaches_the_provider_and_what_is_resumed_goes_on_by_links(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await house.paid_until()
    house.auto.fail("cancel_subscription", Fault.BEFORE, Fault.AFTER)
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    await house.look()
    assert [agreement.is_canceled for agreement in house.auto.agreements.values()] == [False]
    assert house.problems
    for minutes in (5, 10):
        await house.turn_to(Microseconds(START + minutes * MINUTE))
    assert agreement.is_canceled
    await house.worker.subscriptions.resume(ALICE, actor=ALICE)
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    assert (await house.subscription()).provider_subscription_id == ""
    house.pay(link)
    await house.settle(link.id)
    first, second = house.auto.agreements.values()
    assert (await house.subscription()).provider_subscription_id == second.id
    assert (first.is_canceled, second.is_canceled) == (True, False)


async def test_who_cancels_at_the_provider_has_cancelled(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    agreement.is_canceled = True
    assert await house.hear(agreement)
    assert (await house.subscription()).cancels_at_end
    await house.turn_to(await house.paid_until())
    assert (await house.subscription()).state is S.CANCELED


async def test_the_agreement_that_lasts_is_followed_however_many_newer_ones_were_cancelled(house: PlanHouse):
    """Of four pages the first is paid last: what it agreed on is what renews the plan."""
    orders = [await house.subscribe("auto", f"key {number}") for number in range(4)]
    for payment in (*orders[1:], orders[0]):
        house.pay(payment)
        await house.settle(payment.id)
    [lasting] = [each for each in house.auto.agreements.values() if not each.is_canceled]
    assert lasting.payment_id == orders[0].id
    await house.turn_to(lasting.next_charge_at)
    house.auto.charge(lasting, house.store.clock.now())
    await house.turn_to(Microseconds(house.store.clock.now() + DAY))
    assert len(await house.periods()) == 5
    assert len([key for key in await house.granted() if key.startswith("payment:")]) == 5
    assert house.problems == []


async def test_an_upgrade_ends_the_old_agreement(house: PlanHouse):
    await house.buy("auto")
    payment = await house.change("auto_large")
    assert payment is not None
    house.pay(payment)
    await house.settle(payment.id)
    old, new = house.auto.agreements.values()
    assert (old.is_canceled, new.is_canceled) == (True, False)
    assert (await house.subscription()).provider_subscription_id == new.id

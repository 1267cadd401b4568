"""Periods of a plan on a real store and ledger: paid by a link, renewed early, late and not at all, and what is left of their credit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore
from tests.support.plan_house import POLICY, PlanHouse
from tests.unit.billing.builders import START, place, settle

from raseed.core.billing.commands import Held, Settled
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.payments.model import PaymentState
from raseed.core.payments.subscription_model import Role, SubscriptionState

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
S = SubscriptionState
CREDIT = 1_000_000_000


@ON_BOTH
async def test_the_first_period_gives_its_credit_and_the_tier(house: PlanHouse):
    payment = await house.subscribe("small")
    assert payment.state is PaymentState.PENDING
    assert (await house.subscription()).state is S.PENDING
    assert (await house.account()).tier == "free"
    house.pay(payment)
    assert (await house.settle(payment.id)).state is PaymentState.CREDITED
    subscription = await house.subscription()
    assert (subscription.state, subscription.plan_id) == (S.ACTIVE, "small")
    assert await house.granted() == {f"payment:{payment.id}": (CREDIT, subscription.period_end)}
    account = await house.account()
    assert (account.tier, account.tier_expires_at) == ("starter", await house.paid_until() + 3 * DAY)
    assert await house.told() == ["subscription_confirmed"]


async def test_a_link_comes_three_days_before_the_end_and_is_paid_late_from_the_old_end(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - 3 * DAY - 1))
    assert await house.open_links() == []
    await house.turn_to(Microseconds(end - 3 * DAY))
    [link] = await house.open_links()
    assert (link.period_start, link.amount_minor) == (end, 5_000)
    assert await house.told() == ["subscription_confirmed", "renewal_link"]
    await house.turn_to(Microseconds(end + 2 * DAY))
    assert (await house.subscription()).state is S.GRACE
    assert (await house.account()).tier == "starter"
    house.pay((await house.open_links())[0])
    await house.settle((await house.open_links())[0].id)
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start) == (S.ACTIVE, end)
    assert len(await house.granted()) == 2
    assert await house.spendable() == CREDIT, "the first month's credit is over"
    assert (await house.told())[-1] == "subscription_renewed"
    assert "subscription_past_due" in await house.told()


async def test_what_nobody_renews_ends_after_its_grace(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end + 3 * DAY - 1))
    assert (await house.subscription()).state is S.GRACE
    assert (await house.account()).tier == "starter"
    await house.turn_to(Microseconds(end + 3 * DAY))
    assert (await house.subscription()).state is S.ENDED
    assert ((await house.account()).tier, (await house.account()).tier_expires_at) == ("free", None)
    assert (await house.told())[-1] == "subscription_ended"
    assert (await house.subscription()).next_look_at is None


async def test_a_link_that_is_paid_after_the_grace_begins_anew(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    await house.turn_to(Microseconds(end + 10 * DAY))
    house.pay(link)
    await house.settle(link.id)
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start) == (S.ACTIVE, end + 10 * DAY)
    assert (await house.account()).tier == "starter"
    assert await house.spendable() == CREDIT


async def test_two_links_that_are_both_paid_are_two_periods(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    again = await house.subscribe("small", "again")
    [link] = await house.open_links()
    for payment in (again, link):
        house.pay(payment)
        await house.settle(payment.id)
    periods = await house.periods()
    assert [period.role for period in periods] == [Role.BEGIN, Role.NEXT, Role.NEXT]
    assert periods[1].begins_at == periods[0].ends_at
    assert periods[2].begins_at == periods[1].ends_at
    assert len(await house.granted()) == 3


@ON_BOTH
async def test_what_is_left_goes_over_once_up_to_the_cap(house: PlanHouse):
    await house.buy("rolling")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    house.pay(link)
    await house.settle(link.id)
    assert await house.spendable() == 2 * CREDIT, "paid early, it can be spent early"
    await house.turn_to(end)
    second = (await house.periods())[1]
    assert (await house.granted())[f"period:{second.id}"] == (400_000_000, second.ends_at)
    assert await house.spendable() == CREDIT + 400_000_000
    for _ in range(3):
        await house.worker.keeper.advance(second.subscription_id)
    assert len(await house.granted()) == 3


async def test_what_requests_hold_of_a_period_goes_over_when_they_gave_it_back(house: PlanHouse):
    await house.buy("rolling")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    house.pay(link)
    await house.settle(link.id)
    house.store.clock.advance(DAY - 1)
    [held] = await house.store.ledger.submit([place("hold_1", CREDIT // 2)])
    assert isinstance(held, Held)
    await house.turn_to(end)
    assert len(await house.granted()) == 2, "it may still be spent"
    [settled] = await house.store.ledger.submit([settle("hold_1", CREDIT // 4)])
    assert isinstance(settled, Settled)
    await house.turn_to(Microseconds(end + 2 * MINUTE))
    second = (await house.periods())[1]
    assert (await house.granted())[f"period:{second.id}"][0] == 400_000_000


async def test_credit_that_an_upgrade_leaves_goes_where_the_profile_says_so(store: SqlStore):
    house = PlanHouse(store, policy=replace(POLICY, on_upgrade="forfeit"))
    await house.open_account()
    await house.buy("small")
    await house.turn_to(Microseconds(START + DAY))
    payment = await house.change("large")
    assert payment is not None
    assert await house.spendable() == CREDIT, "until it is paid"
    house.pay(payment)
    await house.settle(payment.id)
    assert await house.spendable() == CREDIT
    assert len(await house.granted()) == 2


async def test_a_renewal_link_is_made_again_when_its_page_is_over(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - 3 * DAY))
    [first] = await house.open_links()
    await house.turn_to(Microseconds(end - DAY))
    await house.settle(first.id)
    await house.turn_to(Microseconds(end - DAY + 7 * HOUR))
    assert len(await house.open_links()) == 2
    assert (await house.told()).count("renewal_link") == 1, "the portal has the new one"
    await house.turn_to(end)
    assert (await house.told()).count("renewal_link") == 2

"""What ends a plan before its time, and what does not: operators, refunds, gaps, closed accounts, other plans."""

from __future__ import annotations

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE
from tests.support.plan_house import PlanHouse
from tests.unit.billing.builders import ALICE, START

from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.core.accounts.model import AccountStatus, Tier
from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import (
    Conflict,
    RequestInvalid,
)
from raseed.core.payments.subscription_model import SubscriptionState

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
S = SubscriptionState
CREDIT = 1_000_000_000


async def test_an_operator_ends_a_plan_at_once(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    with pytest.raises(RequestInvalid):
        await house.worker.subscriptions.end(ALICE, reason="", actor="op_1")
    await house.worker.subscriptions.end(ALICE, reason="abuse", actor="op_1")
    ended = await house.worker.subscriptions.end(ALICE, reason="again", actor="op_1")
    await house.look()
    assert (ended.state, ended.end_reason) == (S.ENDED, "abuse")
    assert (await house.account()).tier == "free"
    assert agreement.is_canceled
    assert await house.spendable() == CREDIT
    await house.buy("small", "back")
    assert (await house.account()).tier == "starter"


async def test_a_period_that_is_given_back_ends_the_plan(house: PlanHouse):
    payment = await house.buy("small")
    house.book.give_back(payment.id, payment.amount_minor)
    await house.settle(payment.id)
    assert (await house.subscription()).state is S.ENDED
    assert (await house.account()).tier == "free"
    assert await house.spendable() == 0


@ON_BOTH
async def test_a_period_paid_early_gives_nothing_before_it_begins_once_the_one_before_is_given_back(
    house: PlanHouse,
):
    first = await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    house.pay(link)
    await house.settle(link.id)
    house.book.give_back(first.id, first.amount_minor)
    await house.settle(first.id)
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start, subscription.next_look_at) == (S.PENDING, end, end)
    assert ((await house.account()).tier, (await house.account()).tier_expires_at) == ("free", None)
    with pytest.raises(Conflict, match="already"):
        await house.subscribe("small", "again")
    await house.turn_to(end)
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start) == (S.ACTIVE, end)
    assert (await house.account()).tier == "starter"


async def test_the_tier_ends_at_a_gap_also_if_no_job_looks_then(house: PlanHouse):
    """Of three periods, two of them paid early, the second is given back."""
    await house.buy("small")
    end = await house.paid_until()
    await house.turn_to(Microseconds(end - DAY))
    second, third = [await house.subscribe("small", key) for key in ("second", "third")]
    for payment in (second, third):
        house.pay(payment)
        await house.settle(payment.id)
    three = (await house.account()).tier_expires_at
    house.book.give_back(second.id, second.amount_minor)
    await house.settle(second.id)
    account = await house.account()
    assert (account.tier, account.tier_expires_at) == ("starter", end)
    assert (three or 0) > end + 2 * 28 * DAY
    assert await house.worker.store.paid_until(ALICE) == end


async def test_a_part_that_is_given_back_leaves_the_plan(house: PlanHouse):
    payment = await house.buy("small")
    house.book.give_back(payment.id, 1)
    await house.settle(payment.id)
    assert (await house.subscription()).state is S.ACTIVE


async def test_a_payment_of_a_plan_that_is_over_does_not_end_the_other(house: PlanHouse):
    old = await house.subscribe("small")
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    await house.buy("large", "new")
    house.pay(old)
    await house.settle(old.id)
    subscription = await house.subscription()
    assert (subscription.plan_id, subscription.state) == ("large", S.ACTIVE)
    assert (await house.account()).tier == "pro"
    assert await house.spendable() == 2 * CREDIT


async def test_a_tier_that_operators_gave_for_good_stays(house: PlanHouse):
    database, _ = house.store.next_worker()
    await SqlStandingStore(database).set_tier(ALICE, Tier.ENTERPRISE, None, "partner", "op_1")
    await house.buy("small")
    await house.turn_to(Microseconds(START + 60 * DAY))
    assert (await house.account()).tier == "enterprise"


async def test_a_closed_account_is_not_renewed(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await house.paid_until()
    await house.store.set_status(ALICE, AccountStatus.CLOSED)
    await house.turn_to(Microseconds(end - 3 * DAY))
    assert agreement.is_canceled
    assert (await house.subscription()).state is S.ENDED

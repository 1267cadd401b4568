"""Who has a plan changes it, cancels it, orders it anew, and tries one."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.plan_house import PlanHouse
from tests.unit.billing.builders import ALICE, START

from raseed.adapters.sql.admin.tables import audit_log
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.errors import (
    Conflict,
    NotFound,
    PaymentLimitReached,
    RequestInvalid,
    RequestReusedWithOtherInput,
)
from raseed.core.payments.checkout import ORDER_BOUNDS
from raseed.core.payments.subscription_model import SubscriptionState

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
S = SubscriptionState
CREDIT = 1_000_000_000


async def test_nobody_pays_by_mistake_for_what_he_has(house: PlanHouse):
    await house.buy("small")
    with pytest.raises(Conflict, match="already"):
        await house.subscribe("small", "again")
    with pytest.raises(Conflict, match="change it"):
        await house.subscribe("large", "other")
    await house.worker.subscriptions.end(ALICE, reason="x", actor="op_1")
    await house.buy("auto", "other")
    with pytest.raises(Conflict, match="by itself"):
        await house.subscribe("auto", "again")


async def test_an_order_that_is_never_paid_leaves_room_for_another(house: PlanHouse):
    first = await house.subscribe("small")
    payment = await house.buy("large", "second")
    assert payment.subscription_id == first.subscription_id
    assert (await house.subscription()).plan_id == "large"
    house.pay(first)
    await house.settle(first.id)
    assert (await house.subscription()).plan_id == "small", "the last plan that was paid for to begin"
    assert len(await house.granted()) == 2


async def test_what_is_cancelled_lasts_until_its_end_without_grace(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    cancelled = await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    assert (cancelled.state, cancelled.cancels_at_end) == (S.ACTIVE, True)
    assert (await house.account()).tier_expires_at == end
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    assert await house.told() == ["subscription_confirmed", "subscription_cancelled"]
    await house.turn_to(Microseconds(end - DAY))
    assert await house.open_links() == []
    await house.turn_to(end)
    assert (await house.subscription()).state is S.CANCELED
    assert (await house.account()).tier == "free"
    with pytest.raises(NotFound):
        await house.worker.subscriptions.resume(ALICE, actor=ALICE)
    await house.buy("small", "back")
    assert (await house.subscription()).state is S.ACTIVE


async def test_what_is_cancelled_can_go_on_after_all(house: PlanHouse):
    await house.buy("small")
    end = await house.paid_until()
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    resumed = await house.worker.subscriptions.resume(ALICE, actor=ALICE)
    assert not resumed.cancels_at_end
    assert (await house.account()).tier_expires_at == end + 3 * DAY
    await house.turn_to(Microseconds(end - DAY))
    assert len(await house.open_links()) == 1


async def test_an_upgrade_after_a_cancellation_is_renewed(house: PlanHouse):
    await house.buy("auto")
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    await house.turn_to(Microseconds(START + HOUR))
    payment = await house.change("auto_large")
    assert payment is not None
    house.pay(payment)
    await house.settle(payment.id)
    subscription = await house.subscription()
    assert (subscription.plan_id, subscription.cancels_at_end) == ("auto_large", False)
    assert [agreement.is_canceled for agreement in house.auto.agreements.values()] == [True, False]


async def begun(house: PlanHouse) -> int:
    """How many plans were written down, as the audit log has it."""
    counted = select(func.count()).select_from(audit_log).where(audit_log.c.action == "subscription.begin")
    return await house.store.database.read(lambda connection: connection.scalar(counted) or 0)


async def test_an_order_that_is_refused_leaves_no_plan_behind(house: PlanHouse):
    for number in range(ORDER_BOUNDS.open_max):
        await house.subscribe("small", f"key {number}")
        await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    written = await begun(house)
    with pytest.raises(PaymentLimitReached):
        await house.subscribe("small", "one more")
    with pytest.raises(RequestInvalid):
        await house.subscribe("small", "")
    assert await begun(house) == written == ORDER_BOUNDS.open_max
    assert (await house.worker.subscriptions.try_plan(ALICE, "small", "en")).state is S.TRIALING


async def test_an_order_that_is_repeated_after_it_was_cancelled_begins_no_other_plan(house: PlanHouse):
    first = await house.subscribe("small")
    await house.worker.subscriptions.cancel(ALICE, actor=ALICE)
    assert (await house.subscribe("small")).id == first.id
    with pytest.raises(RequestReusedWithOtherInput):
        await house.subscribe("large")
    assert (await begun(house), (await house.subscription()).state) == (1, S.CANCELED)


async def test_an_order_that_is_not_paid_is_cancelled_at_once(house: PlanHouse):
    await house.subscribe("small")
    assert (await house.worker.subscriptions.cancel(ALICE, actor=ALICE)).state is S.CANCELED


async def test_a_dearer_plan_begins_at_once_and_the_old_credit_stays(house: PlanHouse):
    first = await house.buy("small")
    old_end = await house.paid_until()
    await house.turn_to(Microseconds(START + 10 * DAY))
    payment = await house.change("large")
    assert payment is not None
    assert payment.amount_minor == 9_000, "the whole price"
    house.pay(payment)
    await house.settle(payment.id)
    subscription = await house.subscription()
    assert (subscription.plan_id, subscription.period_start) == ("large", START + 10 * DAY)
    assert (await house.account()).tier == "pro"
    assert await house.spendable() == 2 * CREDIT
    assert (await house.granted())[f"payment:{first.id}"] == (CREDIT, old_end)


async def test_any_other_plan_is_changed_to_when_the_period_is_over(house: PlanHouse):
    await house.buy("large")
    end = await house.paid_until()
    assert await house.change("small") is None
    assert (await house.subscription()).next_plan_id == "small"
    await house.turn_to(Microseconds(end - DAY))
    [link] = await house.open_links()
    assert (link.item.id, link.amount_minor) == ("small", 5_000)
    house.pay(link)
    await house.settle(link.id)
    assert (await house.account()).tier == "pro", "until the end of what was paid"
    await house.turn_to(end)
    subscription = await house.subscription()
    assert (subscription.plan_id, subscription.next_plan_id) == ("small", "")
    assert (await house.account()).tier == "starter"


async def test_a_change_can_be_taken_back(house: PlanHouse):
    await house.buy("large")
    await house.change("small")
    assert await house.change("large", "stay") is None
    await house.turn_to(Microseconds(await house.paid_until() - DAY))
    assert [link.item.id for link in await house.open_links()] == ["large"]


@AT_ONCE
async def test_an_account_has_one_plan_however_many_orders_come_at_once(house: PlanHouse):
    payments = await asyncio.gather(*(house.subscribe("small", f"key {number}") for number in range(6)))
    assert len({payment.subscription_id for payment in payments}) == 1

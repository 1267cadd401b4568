"""Subscriptions from the first period to the last: each paid one credited once, and nobody has a tier unpaid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store
from tests.support.fake_gateway import Fault
from tests.support.plan_house import POLICY, PlanHouse
from tests.unit.billing.builders import ALICE, BOB, START, place, settle

from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.admin.tables import audit_log
from raseed.core.accounts.model import AccountStatus, Tier
from raseed.core.billing.commands import Held, Settled
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.errors import (
    Conflict,
    NotFound,
    PaymentLimitReached,
    RequestInvalid,
    RequestReusedWithOtherInput,
)
from raseed.core.payments.checkout import ORDER_BOUNDS
from raseed.core.payments.model import PaymentState
from raseed.core.payments.subscription_model import Role, SubscriptionState

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
S = SubscriptionState
CREDIT = 1_000_000_000


@pytest.fixture(params=[SQLITE])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def house(store: SqlStore) -> PlanHouse:
    opened = PlanHouse(store, workers=3)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    return opened


async def until(house: PlanHouse) -> Microseconds:
    found = (await house.subscription()).paid_until
    assert found is not None
    return found


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
    assert (account.tier, account.tier_expires_at) == ("starter", await until(house) + 3 * DAY)
    assert await house.told() == ["subscription_confirmed"]


async def test_a_link_comes_three_days_before_the_end_and_is_paid_late_from_the_old_end(house: PlanHouse):
    await house.buy("small")
    end = await until(house)
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
    end = await until(house)
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
    end = await until(house)
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
    end = await until(house)
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
    end = await until(house)
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
    end = await until(house)
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
    old_end = await until(house)
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
    end = await until(house)
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
    await house.turn_to(Microseconds(await until(house) - DAY))
    assert [link.item.id for link in await house.open_links()] == ["large"]


async def test_a_provider_that_renews_is_followed_without_any_event(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    assert (await house.subscription()).provider_subscription_id == agreement.id
    end = await until(house)
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
    assert (await house.account()).tier_expires_at == await until(house) + 3 * DAY


@AT_ONCE
async def test_an_event_that_comes_many_times_at_once_is_one_period(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await until(house)
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
    end = await until(house)
    charged = house.auto.charge(agreement, end)
    agreement.charges[-1] = replace(charged, amount_minor=1)
    await house.turn_to(Microseconds(end + MINUTE))
    assert len(await house.granted()) == 1
    in_review = await house.worker.payments.in_state(PaymentState.REVIEW, "", 10)
    assert [payment.amount_minor for payment in in_review] == [1_000]


async def test_what_the_provider_cannot_collect_is_told_and_ends_after_the_grace(house: PlanHouse):
    await house.buy("auto")
    [agreement] = house.auto.agreements.values()
    end = await until(house)
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
    end = await until(house)
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
    await house.turn_to(await until(house))
    assert (await house.subscription()).state is S.CANCELED


async def test_an_upgrade_ends_the_old_agreement(house: PlanHouse):
    await house.buy("auto")
    payment = await house.change("auto_large")
    assert payment is not None
    house.pay(payment)
    await house.settle(payment.id)
    old, new = house.auto.agreements.values()
    assert (old.is_canceled, new.is_canceled) == (True, False)
    assert (await house.subscription()).provider_subscription_id == new.id


@ON_BOTH
async def test_what_is_left_goes_over_once_up_to_the_cap(house: PlanHouse):
    await house.buy("rolling")
    end = await until(house)
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
    end = await until(house)
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


@ON_BOTH
async def test_a_trial_is_once_and_needs_nobody_s_money(house: PlanHouse):
    tried = await house.worker.subscriptions.try_plan(ALICE, "small", "en")
    assert (tried.state, tried.paid_until) == (S.TRIALING, START + 7 * DAY)
    account = await house.account()
    assert (account.tier, account.tier_expires_at) == ("starter", START + 7 * DAY)
    assert await house.granted() == {f"period:{tried.id}": (100_000_000, START + 7 * DAY)}
    assert await house.told() == ["trial_welcome"]
    await house.turn_to(Microseconds(START + 5 * DAY))
    [link] = await house.open_links()
    house.pay(link)
    await house.settle(link.id)
    assert (await house.subscription()).state is S.TRIALING, "the trial lasts as long as it was given for"
    await house.turn_to(Microseconds(START + 7 * DAY))
    subscription = await house.subscription()
    assert (subscription.state, subscription.period_start) == (S.ACTIVE, START + 7 * DAY)
    with pytest.raises(Conflict):
        await house.worker.subscriptions.try_plan(ALICE, "small", "en")


async def test_a_trial_that_nobody_continues_ends_without_grace(house: PlanHouse):
    await house.worker.subscriptions.try_plan(ALICE, "small", "en")
    await house.turn_to(Microseconds(START + 7 * DAY))
    assert (await house.subscription()).state is S.ENDED
    assert (await house.account()).tier == "free"
    assert await house.spendable() == 0
    with pytest.raises(Conflict, match="once"):
        await house.worker.subscriptions.try_plan(ALICE, "small", "en")


async def test_who_may_not_try(house: PlanHouse):
    with pytest.raises(RequestInvalid, match="cannot be tried"):
        await house.worker.subscriptions.try_plan(ALICE, "large", "en")
    await house.store.open_account("acct_unproven")  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="of one's own"):
        await house.worker.subscriptions.try_plan("acct_unproven", "small", "en")  # type: ignore[arg-type]
    await house.buy("large")
    with pytest.raises(Conflict, match="already"):
        await house.worker.subscriptions.try_plan(ALICE, "small", "en")


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
    end = await until(house)
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


async def test_a_part_that_is_given_back_leaves_the_plan(house: PlanHouse):
    payment = await house.buy("small")
    house.book.give_back(payment.id, 1)
    await house.settle(payment.id)
    assert (await house.subscription()).state is S.ACTIVE


@AT_ONCE
async def test_an_account_has_one_plan_however_many_orders_come_at_once(house: PlanHouse):
    payments = await asyncio.gather(*(house.subscribe("small", f"key {number}") for number in range(6)))
    assert len({payment.subscription_id for payment in payments}) == 1


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
    end = await until(house)
    await house.store.set_status(ALICE, AccountStatus.CLOSED)
    await house.turn_to(Microseconds(end - 3 * DAY))
    assert agreement.is_canceled
    assert (await house.subscription()).state is S.ENDED


async def test_a_renewal_link_is_made_again_when_its_page_is_over(house: PlanHouse):
    await house.buy("small")
    end = await until(house)
    await house.turn_to(Microseconds(end - 3 * DAY))
    [first] = await house.open_links()
    await house.turn_to(Microseconds(end - DAY))
    await house.settle(first.id)
    await house.turn_to(Microseconds(end - DAY + 7 * HOUR))
    assert len(await house.open_links()) == 2
    assert (await house.told()).count("renewal_link") == 1, "the portal has the new one"
    await house.turn_to(end)
    assert (await house.told()).count("renewal_link") == 2

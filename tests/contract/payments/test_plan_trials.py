"""Trials: once for each person, without money, and whatever was ordered before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.plan_house import PlanHouse
from tests.unit.billing.builders import ALICE, START

from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import (
    Conflict,
    RequestInvalid,
)
from raseed.core.payments.model import PaymentState
from raseed.core.payments.subscription_model import Role, SubscriptionState

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
S = SubscriptionState


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


@ON_BOTH
@pytest.mark.parametrize("becomes", ["refused", "open"])
async def test_who_ordered_and_has_not_paid_may_try_and_what_he_pays_then_comes_after(
    house: PlanHouse, becomes: str
):
    if becomes == "refused":
        house.book.fail("create", Fault.REFUSED)
    ordered = await house.subscribe("small")
    before = await house.subscription()
    assert (before.state, ordered.state is PaymentState.FAILED) == (S.PENDING, becomes == "refused")
    tried = await house.worker.subscriptions.try_plan(ALICE, "small", "en")
    assert (tried.id, tried.state, tried.paid_until) == (before.id, S.TRIALING, START + 7 * DAY)
    assert (await house.account()).tier == "starter"
    if becomes == "open":
        house.pay(ordered)
        await house.settle(ordered.id)
        paid = await house.subscription()
        assert (paid.state, paid.period_end) == (S.TRIALING, START + 7 * DAY)
        [trial, first] = await house.periods()
        assert (first.role, first.begins_at, paid.paid_until) == (Role.NEXT, trial.ends_at, first.ends_at)
    with pytest.raises(Conflict, match="once"):
        await house.worker.subscriptions.try_plan(ALICE, "small", "en")


async def test_what_is_paid_already_is_not_tried(house: PlanHouse):
    """Also before it is credited: then its period is written down."""
    ordered = await house.subscribe("small")
    house.pay(ordered)
    worker = house.worker
    seen = replace(ordered, state=PaymentState.PAID, paid_at=START)
    await worker.keeper.period_end(seen)
    with pytest.raises(Conflict, match="already"):
        await worker.subscriptions.try_plan(ALICE, "small", "en")

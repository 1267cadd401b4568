"""A ledger that does not answer may have done what it was asked to. Each thing is done once all the same."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.faulty_ledger import When
from tests.unit.inference.conftest import nothing_left

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import ExtendHold, PlaceHold, ReleaseHold, Settled, SettleHold
from raseed.core.billing.model import HoldState
from raseed.core.billing.service import ATTEMPTS_MAX
from raseed.core.errors import CapacityError, Conflict, RequestReusedWithOtherInput
from raseed.core.inference.run import Ended

SCRIPT = chat("#script tokens=5", max_tokens=100)
COST = prompt_tokens_of(SCRIPT) + 5


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("times", range(1, ATTEMPTS_MAX))
async def test_a_hold_is_placed_once(desk, ledger, books, when, times):
    ledger.fail(PlaceHold, when, times)
    run = desk.ask(SCRIPT)
    assert (await read(run)).ended.cost_microcredits == COST
    assert books.event(run).cost_microcredits == COST


@pytest.mark.parametrize("when", When)
async def test_a_hold_of_which_nothing_is_known_is_let_go(desk, ledger, books, when):
    """The caller hears that it may try again; whatever was placed is released, not left to the lease."""
    ledger.fail(PlaceHold, when, ATTEMPTS_MAX)
    run = desk.ask(SCRIPT)
    answer = await read(run)
    assert isinstance(answer.error, CapacityError)
    assert answer.error.is_transient
    await gone(run)
    assert books.spendable == 10_000
    if when is When.AFTER:
        assert books.event(run).hold.state is HoldState.RELEASED
    assert not desk.reported


async def test_it_is_let_go_also_when_the_ledger_stays_away_for_long(desk, ledger, books):
    ledger.fail(PlaceHold, When.AFTER, ATTEMPTS_MAX)
    ledger.block(ReleaseHold)
    run = desk.ask(SCRIPT)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert isinstance((await read(run)).error, CapacityError)
    assert loop.time() - began < 1  # the caller does not wait for that
    await asyncio.sleep(30)
    assert books.alice.held_microcredits > 0
    ledger.block(ReleaseHold).set()
    await gone(run)
    assert books.event(run).hold.state is HoldState.RELEASED


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("times", [1, 2, 7])
async def test_a_charge_is_booked_once(desk, ledger, books, when, times):
    ledger.fail(SettleHold, when, times)
    run = desk.ask(SCRIPT)
    answer = await read(run)
    assert answer.ended.cost_microcredits == COST if times < 7 else answer.end is not None
    await gone(run)
    event = books.event(run)
    assert (event.cost_microcredits, event.run.outcome) == (COST, "completed")
    settled = [seen for seen in ledger.seen if isinstance(seen.result, Settled)]
    assert [seen.result.replayed for seen in settled] == [False] + [True] * (len(settled) - 1)
    assert len(settled) == (times + 1 if when is When.AFTER else 1)


@pytest.mark.parametrize("when", When)
async def test_a_release_is_booked_once(desk, ledger, books, when):
    ledger.fail(ReleaseHold, when, 2)
    run = desk.ask(chat("#script fail_at=0"))
    await read(run)
    assert books.event(run).hold.state is HoldState.RELEASED


async def test_everything_at_once(desk, ledger, books):
    for kind in (PlaceHold, ExtendHold, SettleHold):
        ledger.fail(kind, When.AFTER, 2)
    request = chat("#script tokens=50", max_tokens=100)
    run = desk.ask(request)
    assert (await read(run)).ended.usage.completion_tokens == 50
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 50


# ── the same request id, sent again ──────────────────────────────────────────────────────────────────────────────


async def test_a_request_id_is_answered_once(desk, books):
    first = desk.ask(SCRIPT, request_id="r")
    assert isinstance((await read(first)).end, Ended)
    await gone(first)
    again = desk.ask(SCRIPT, request_id="r")
    assert isinstance((await read(again)).error, Conflict)
    assert books.spendable == 10_000 - COST


async def test_a_request_id_that_is_being_answered(desk, books):
    first = desk.ask(chat("#script tokens=5 pace_ms=10"), request_id="r")
    await asyncio.sleep(0.02)
    with pytest.raises(Conflict, match="being answered now"):
        desk.ask(chat("#script tokens=5 pace_ms=10"), request_id="r")
    with pytest.raises(RequestReusedWithOtherInput):
        desk.ask(chat("#script tokens=6 pace_ms=10"), request_id="r")
    assert isinstance((await read(first)).end, Ended)
    assert len(books.memory.state.usage_events) == 1


async def test_a_request_id_with_other_content(desk):
    await gone(desk.ask(SCRIPT, request_id="r"))
    again = desk.ask(chat("#script tokens=6", max_tokens=100), request_id="r")
    assert isinstance((await read(again)).error, RequestReusedWithOtherInput)


async def test_a_request_id_that_was_refused_may_be_sent_again(desk, ledger, books):
    ledger.fail(PlaceHold, When.BEFORE, ATTEMPTS_MAX)
    refused = desk.ask(SCRIPT, request_id="r")
    assert isinstance((await read(refused)).error, CapacityError)
    await gone(refused)
    assert isinstance((await read(desk.ask(SCRIPT, request_id="r"))).end, Ended)
    assert books.spendable == 10_000 - COST


@pytest.mark.parametrize("when", When)
async def test_an_answered_request_sent_again_in_bad_weather_is_not_answered_again(desk, ledger, books, when):
    """The hold that the ledger then shows is the answered one, and not ours from an attempt that got lost."""
    await gone(desk.ask(SCRIPT, request_id="r"))
    ledger.fail(PlaceHold, when, 1)
    again = desk.ask(SCRIPT, request_id="r")
    assert isinstance((await read(again)).error, Conflict)
    assert books.spendable == 10_000 - COST
    await gone(again)
    assert not desk.reported


async def test_nor_is_one_that_another_worker_is_answering(desk, ledger, books):
    elsewhere = Desk(ledger, policy=desk.policy, epoch=2)
    slow = chat("#script tokens=5 pace_ms=1000")
    running = elsewhere.ask(slow, request_id="r")
    await asyncio.sleep(1)
    ledger.fail(PlaceHold, When.BEFORE, 1)
    again = desk.ask(slow, request_id="r")
    assert isinstance((await read(again)).error, Conflict)
    assert isinstance((await read(running)).end, Ended)
    await gone(running)
    await nothing_left(elsewhere)


async def test_a_hold_that_is_gone_when_the_run_ends_is_reported(desk, ledger, books):
    """Swept under a run that lives: that must never happen, so somebody has to hear of it."""
    run = desk.ask(chat("#script tokens=5 pace_ms=100"))
    await asyncio.sleep(0.25)
    thief = Desk(ledger, epoch=2)
    assert await thief.holds.sweep() == 1
    await read(run)
    await gone(run)
    assert [what for what, _ in desk.reported] == ["run"]
    assert books.event(run).hold.state is HoldState.SWEPT

"""Every row of the table in `core.inference.run`: what the reader gets, and what is charged."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.desk import chat, gone, read
from tests.support.faulty_ledger import When
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.inference.conftest import CHUNK

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import ReleaseHold, SettleHold
from raseed.core.billing.model import HoldState, Meter
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    Overloaded,
    PromptTooLong,
    RaseedError,
    SettlementDelayed,
)
from raseed.core.inference.closing import SETTLE_WAIT_S
from raseed.core.inference.model import FinishReason, UsageSource
from raseed.core.inference.run import Stage


@pytest.mark.parametrize("stream", [True, False])
async def test_the_model_is_done(desk, books, stream):
    request = chat("#script tokens=5", max_tokens=100)
    run = desk.ask(request, stream=stream)
    answer = await read(run)

    cost = prompt_tokens_of(request) + 5
    assert (answer.text, answer.tokens) == ("alpha beta gamma delta alpha ", 5)
    assert answer.ended.finish_reason is FinishReason.STOP
    assert (answer.ended.usage.total_tokens, answer.ended.cost_microcredits) == (cost, cost)
    assert answer.ended.spendable_microcredits == books.spendable == 10_000 - cost
    event = books.event(run)
    assert (event.cost_microcredits, event.shortfall_microcredits) == (cost, 0)
    assert (event.run.outcome, event.run.finish_reason) == ("completed", "stop")
    assert event.run.usage_source is UsageSource.ENGINE
    await gone(run)
    assert run.stage is Stage.ENDED


async def test_the_reader_hears_of_the_end_after_the_charge_is_booked(desk, ledger, books):
    settled = ledger.block(SettleHold)
    run = desk.ask(chat("#script tokens=2"))
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(1)
    assert not reading.done()
    assert run.stage is Stage.SETTLING
    settled.set()
    await reading
    assert books.event(run).cost_microcredits > 0


async def test_a_unary_reader_is_not_woken_for_pieces(desk):
    run = desk.ask(chat("#script tokens=50 pace_ms=1"), stream=False)
    first = await run.next()
    assert isinstance(first, list)
    assert first[-1].completion_tokens == 50
    await read(run)


async def test_the_model_stops_at_max_tokens(desk, books):
    request = chat("#script", max_tokens=7)
    run = desk.ask(request)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (7, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 7


# ── the engine fails ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_engine_fails_before_any_token(desk, books):
    run = desk.ask(chat("#script fail_at=0"))
    answer = await read(run)
    assert isinstance(answer.error, BackendUnavailable)
    event = books.event(run)
    assert (event.hold.state, event.cost_microcredits, event.lines) == (HoldState.RELEASED, 0, ())
    assert event.run.outcome == "failed"
    assert books.spendable == 10_000


@pytest.mark.parametrize("error", [BackendUnavailable("down"), Overloaded("full"), DeadlineExceeded("late")])
async def test_the_engine_does_not_start(hand_desk, hand, books, error):
    hand.start_error = error
    run = hand_desk.ask(chat("hi", model="hand"))
    answer = await read(run)
    assert answer.error is error
    assert books.event(run).hold.state is HoldState.RELEASED


@pytest.mark.parametrize("error", [BackendLost("gone"), DeadlineExceeded("late")])
async def test_the_engine_fails_after_some_tokens(hand_desk, hand, books, error):
    run = hand_desk.ask(chat("hi", model="hand"))
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(1)
    hand.generation.say(piece(1), piece(2), piece(3), error)
    answer = await reading
    assert (answer.tokens, answer.error) == (3, error)
    event = books.event(run)
    assert (event.hold.state, event.cost_microcredits) == (HoldState.SETTLED, PROMPT_TOKENS + 3)
    assert (event.run.outcome, event.run.usage_source) == ("failed", UsageSource.COUNTED)
    assert hand.generation.closes == 1


async def test_the_time_of_the_request_reaches_the_engine(hand_desk, hand):
    hand.prepare_gate.clear()
    run = hand_desk.ask(chat("hi", model="hand"), timeout_s=30)
    await asyncio.sleep(10)
    hand.prepare_gate.set()
    await asyncio.sleep(1)
    assert hand.generation.timeout_s == pytest.approx(20)
    hand.generation.say(finish(0))
    await read(run)


async def test_a_request_whose_time_is_up_before_the_engine_starts_holds_nothing(hand_desk, hand, ledger):
    hand.prepare_gate.clear()
    run = hand_desk.ask(chat("hi", model="hand"), timeout_s=5)
    await asyncio.sleep(6)
    hand.prepare_gate.set()
    assert isinstance((await read(run)).error, DeadlineExceeded)
    assert hand.generations == []
    assert ledger.attempts == []


async def test_a_request_that_cannot_be_prepared_holds_nothing(desk, ledger):
    run = desk.ask(chat("x" * 600_000))
    assert isinstance((await read(run)).error, PromptTooLong)
    assert ledger.attempts == []


async def test_a_defect_of_an_engine_is_reported_and_told_to_nobody(hand_desk, hand, books):
    """What was generated is charged; the reader learns nothing of the inside, the operator all of it."""
    run = hand_desk.ask(chat("hi", model="hand"))
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(1)
    defect = ZeroDivisionError("secret")
    hand.generation.say(piece(4), defect)
    answer = await reading
    await gone(run)
    assert type(answer.error) is RaseedError
    assert "secret" not in answer.error.message
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 4
    [(what, error)] = hand_desk.reported
    assert (what, error.__cause__) == ("run", defect)
    hand_desk.reported.clear()


async def test_a_defect_while_preparing_is_reported(hand_desk, hand, ledger):
    async def broken(request):
        raise ZeroDivisionError

    hand.prepare = broken
    run = hand_desk.ask(chat("hi", model="hand"))
    assert type((await read(run)).error) is RaseedError
    await gone(run)
    [(what, error)] = hand_desk.reported
    assert (what, type(error)) == ("run", ZeroDivisionError)
    assert ledger.attempts == []


# ── the charge is late ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [True, False])
async def test_a_charge_that_takes_long_is_told_and_still_booked(desk, ledger, books, stream):
    ledger.fail(SettleHold, When.BEFORE, times=1_000_000)
    request = chat("#script tokens=3")
    run = desk.ask(request, stream=stream)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await read(run)
    assert isinstance(answer.error, SettlementDelayed)
    assert answer.error.is_transient is False
    assert loop.time() - began == pytest.approx(SETTLE_WAIT_S, abs=0.1)
    assert answer.tokens == 3
    assert not books.has_event(run)

    run.abandon()  # what the reader does then changes nothing
    await asyncio.sleep(3600)
    assert run.stage is Stage.SETTLING
    ledger.mend()
    await gone(run)
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 3


async def test_a_ledger_that_only_hangs_is_the_same(desk, ledger, books):
    committed = ledger.block(SettleHold)
    run = desk.ask(chat("#script tokens=3"))
    assert isinstance((await read(run)).error, SettlementDelayed)
    committed.set()
    await gone(run)
    assert books.has_event(run)


async def test_a_late_release_is_told_too(desk, ledger, books):
    ledger.fail(ReleaseHold, When.BEFORE, times=1_000_000)
    run = desk.ask(chat("#script fail_at=0"))
    assert isinstance((await read(run)).error, SettlementDelayed)
    ledger.mend()
    await gone(run)
    assert books.event(run).hold.state is HoldState.RELEASED


async def test_a_reader_that_looks_after_the_late_charge_gets_its_end(desk, ledger):
    """The delay is told to those who wait; who comes after the charge is durable has nothing to fear."""
    committed = ledger.block(SettleHold)
    run = desk.ask(chat("#script tokens=3"))
    await asyncio.sleep(SETTLE_WAIT_S + 1)
    committed.set()
    await gone(run)
    assert (await read(run)).ended.usage.completion_tokens == 3


async def test_while_the_ledger_is_away_it_is_asked_ever_less_often(desk, ledger):
    ledger.fail(SettleHold, When.BEFORE, times=1_000_000)
    run = desk.ask(chat("#script tokens=3"))
    await asyncio.sleep(600)
    asked = sum(isinstance(command, SettleHold) for command in ledger.attempts)
    assert 300 <= asked <= 310
    ledger.mend()
    await gone(run)


# ── the measurement ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_engine_counts_beyond_the_hold_is_lost_by_the_house(hand_desk, hand, books):
    """A reader that leaves does not pay for more than its hold, however long the engine went on."""
    hand.heeds_cancel = False
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    run.abandon()
    hand.generation.say(finish(40, None))
    await gone(run)
    event = books.event(run)
    assert event.hold.amount_microcredits == PROMPT_TOKENS + CHUNK
    assert (event.cost_microcredits, event.shortfall_microcredits) == (PROMPT_TOKENS + CHUNK, 40 - CHUNK)


async def test_a_suspended_account_gets_what_it_has_held(desk, memory, books):
    run = desk.ask(chat("#script tokens=100 pace_ms=1"))
    await asyncio.sleep(0.0045)
    memory.set_status(books.alice.id, AccountStatus.SUSPENDED)
    answer = await read(run)
    assert answer.ended.finish_reason is FinishReason.LENGTH
    event = books.event(run)
    assert event.cost_microcredits <= event.hold.amount_microcredits
    assert dict(event.hold.checkpoint.quantities)[Meter.OUTPUT_TOKENS] == answer.tokens

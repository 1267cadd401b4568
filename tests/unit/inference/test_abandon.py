"""A reader that goes away, in every stage of a run: the model stops, what was generated is charged, nothing is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.billing.builders import place, release
from tests.unit.inference.conftest import CHUNK, nothing_left

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import ExtendHold, PlaceHold, SettleHold
from raseed.core.billing.model import HoldState
from raseed.core.inference.admission import SlotLimits
from raseed.core.inference.run import CANCEL_WAIT_S, Stage

HAND = chat("hi", model="hand", max_tokens=100)


async def test_before_the_run_has_begun(desk, ledger):
    run = desk.ask(chat("#script tokens=5"))
    run.abandon()
    await gone(run)
    assert ledger.attempts == []


async def test_while_the_prompt_is_prepared(hand_desk, hand, ledger):
    hand.prepare_gate.clear()
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    run.abandon()
    await gone(run)
    assert run.stage is Stage.ENDED
    assert ledger.attempts == []


async def test_while_waiting_for_a_slot(hand_desk, hand, ledger):
    busy = [hand_desk.ask(HAND) for _ in range(hand_desk.limits.slots)]
    waiting = hand_desk.ask(HAND)
    after = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    waiting.abandon()
    await gone(waiting)
    assert [type(command) for command in ledger.attempts] == [PlaceHold] * len(busy)
    for generation in hand.generations:
        generation.say(finish(1))
    await asyncio.sleep(1)
    hand.generations[-1].say(finish(1))
    await asyncio.gather(*map(read, [*busy, after]))


async def test_while_the_hold_is_placed(hand_desk, hand, ledger, books):
    """The hold is already on its way: it is placed, and let go at once; the model is never called."""
    placed = ledger.block(PlaceHold)
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    assert run.stage is Stage.ADMITTING
    run.abandon()
    placed.set()
    await gone(run)
    assert hand.generations == []
    assert (books.event(run).hold.state, books.spendable) == (HoldState.RELEASED, 10_000)


async def test_while_waiting_for_own_holds(hand_desk, ledger):
    """It does not keep its slot for somebody who has left."""
    await ledger.inner.submit([place("other", 10_000)])
    run = hand_desk.ask(HAND)
    await asyncio.sleep(0.5)
    run.abandon()
    await asyncio.sleep(0.2)
    assert run.stage is Stage.ENDED
    await ledger.inner.submit([release("other")])


async def test_while_the_engine_starts(hand_desk, hand, books):
    hand.start_gate.clear()
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    run.abandon()
    hand.start_gate.set()
    await gone(run)
    assert (hand.generation.cancels > 0, hand.generation.closes) == (True, 1)
    event = books.event(run)
    assert (event.cost_microcredits, event.run.outcome) == (PROMPT_TOKENS, "cancelled")


@pytest.mark.parametrize("delivered", range(CHUNK + 2))
async def test_while_the_model_writes(hand_desk, hand, books, delivered):
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    for tokens in range(1, delivered + 1):
        hand.generation.say(piece(tokens))
        await run.next()
    run.abandon()
    run.abandon()
    await gone(run)
    event = books.event(run)
    assert (event.cost_microcredits, event.shortfall_microcredits) == (PROMPT_TOKENS + delivered, 0)
    assert (event.run.outcome, event.run.finish_reason) == ("cancelled", None)
    assert (hand.generation.cancels, hand.generation.closes) == (1, 1)


async def test_the_scripted_model_stops_within_a_step(desk, books):
    request = chat("#script tokens=1000 pace_ms=1")
    run = desk.ask(request)
    seen = 0
    while seen < 20:
        seen = (await run.next())[-1].completion_tokens
    run.abandon()
    await gone(run)
    assert prompt_tokens_of(request) + seen <= books.event(run).cost_microcredits
    assert books.event(run).cost_microcredits <= prompt_tokens_of(request) + seen + 1


async def test_while_an_extension_is_asked_for(hand_desk, hand, ledger, books):
    granted = ledger.block(ExtendHold)
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK + 1))
    await asyncio.sleep(1)
    run.abandon()
    granted.set()
    await gone(run)
    event = books.event(run)
    assert event.cost_microcredits == PROMPT_TOKENS + CHUNK + 1
    assert event.run.outcome == "cancelled"


async def test_while_an_extension_is_refused(hand_desk, hand, ledger, books):
    """The engine's own count is charged, up to the hold: it ended as cancelled, not as an answer cut short."""
    await ledger.inner.submit([place("other", 10_000 - PROMPT_TOKENS - CHUNK)])
    refused = ledger.block(ExtendHold)
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK + 1))
    await asyncio.sleep(1)
    run.abandon()
    refused.set()
    await gone(run)
    event = books.event(run)
    assert (event.cost_microcredits, event.shortfall_microcredits) == (PROMPT_TOKENS + CHUNK, 1)
    assert event.run.outcome == "cancelled"
    await ledger.inner.submit([release("other")])


async def test_while_the_charge_is_booked(desk, ledger, books):
    booked = ledger.block(SettleHold)
    request = chat("#script tokens=5")
    run = desk.ask(request)
    await asyncio.sleep(1)
    assert run.stage is Stage.SETTLING
    run.abandon()
    booked.set()
    await gone(run)
    event = books.event(run)
    assert (event.cost_microcredits, event.run.outcome) == (prompt_tokens_of(request) + 5, "completed")


async def test_after_the_end(desk, books):
    run = desk.ask(chat("#script tokens=5"))
    answer = await read(run)
    run.abandon()
    await gone(run)
    run.abandon()
    assert books.event(run).cost_microcredits == answer.ended.cost_microcredits


async def test_an_engine_that_does_not_heed_is_left_to_itself(hand_desk, hand, books):
    """Its hold and slot are not kept for ever: what was counted until then is charged."""
    hand.heeds_cancel = False
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    hand.generation.say(piece(1), piece(2))
    await asyncio.sleep(1)
    run.abandon()
    await gone(run, timeout_s=CANCEL_WAIT_S + 0.1)
    event = books.event(run)
    assert (event.cost_microcredits, event.run.outcome) == (PROMPT_TOKENS + 2, "cancelled")
    assert hand.generation.closes == 1


async def test_an_engine_that_ends_in_time_is_not_disturbed_afterwards(hand_desk, hand, ledger, books):
    hand.heeds_cancel = False
    settled = ledger.block(SettleHold)
    run = hand_desk.ask(HAND)
    await asyncio.sleep(1)
    run.abandon()
    await asyncio.sleep(1)
    hand.generation.say(finish(7, None))
    await asyncio.sleep(2 * CANCEL_WAIT_S)
    assert run.stage is Stage.SETTLING
    settled.set()
    await gone(run)
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 7


async def test_a_crowd_that_leaves_leaves_nothing_behind(ledger, books, policy):
    """Whatever the moment: 200 readers leave at moments of their own, some before they were admitted."""
    desk = Desk(ledger, policy=replace(policy, hold_wait_s=0.02), limits=SlotLimits(slots=10, queue_max=500))
    request = chat("#script tokens=30 pace_ms=1", max_tokens=40)
    runs = []

    async def leave(number: int) -> None:
        run = desk.ask(request, stream=number % 3 > 0)
        runs.append(run)
        await asyncio.sleep(0.0005 * number)
        run.abandon()

    await asyncio.gather(*map(leave, range(200)))
    for run in runs:
        await gone(run)
    for run in runs:
        if books.has_event(run):
            event = books.event(run)
            assert 0 <= event.cost_microcredits <= prompt_tokens_of(request) + 30
            assert event.shortfall_microcredits == 0
    await nothing_left(desk)

"""A model that fails again and again is left alone for a while, and nobody waits or pays for that."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import HandBackend, finish, piece
from tests.unit.inference.conftest import nothing_left

from raseed.core.errors import BackendLost, BackendUnavailable, RequestInvalid
from raseed.core.inference.admission import MODEL_BREAKER, SlotLimits
from raseed.core.inference.model import ChatRequest, Sampling

FAILS = "#script fail_at=0"
FAILURES = MODEL_BREAKER.failures
ANSWERED = 3
"""What "hi" and its echo cost."""


@pytest.fixture
async def desk(ledger, books, policy, limits):
    desk = Desk(ledger, policy=policy, limits=limits, breaker=MODEL_BREAKER)
    yield desk
    await nothing_left(desk)


async def outcome(desk: Desk, text: str, model: str = "scripted") -> str:
    """What a request comes to: "said", "failed" by the model, or "refused" by the breaker."""
    run = desk.ask(chat(text, model=model))
    answer = await read(run)
    if not isinstance(answer.end, BackendUnavailable):
        return "said"
    return "refused" if await desk.ledger.hold(run.hold_id) is None else "failed"


async def open_it(desk: Desk) -> None:
    for _ in range(FAILURES):
        assert await outcome(desk, FAILS) == "failed"


async def test_it_opens_after_so_many_failures_in_a_row(desk, books):
    before = books.spendable
    await open_it(desk)
    answer = await read(desk.ask(chat("hi")))
    assert isinstance(answer.error, BackendUnavailable)
    assert answer.error.retry_after_s == pytest.approx(1, abs=0.1)
    assert await outcome(desk, "hi") == "refused"
    assert await outcome(desk, "hi", model="another") == "said"
    assert before - books.spendable == ANSWERED


async def test_a_success_in_between_begins_the_count_anew(desk):
    for _ in range(FAILURES - 1):
        assert await outcome(desk, FAILS) == "failed"
    assert await outcome(desk, "hi") == "said"
    await open_it(desk)
    assert await outcome(desk, "hi") == "refused"


async def test_answers_that_break_off_count(desk):
    for _ in range(FAILURES):
        answer = await read(desk.ask(chat("#script tokens=5 fail_at=2")))
        assert isinstance(answer.error, BackendLost)
    assert await outcome(desk, "hi") == "refused"


async def test_what_is_wrong_with_a_request_says_nothing_of_the_model(desk):
    for _ in range(2 * FAILURES):
        answer = await read(desk.ask(chat("#script nonsense")))
        assert isinstance(answer.error, RequestInvalid)
    assert await outcome(desk, "hi") == "said"


async def test_after_the_pause_one_request_is_let_through_and_closes_it(desk):
    await open_it(desk)
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    probe = desk.ask(chat("#script tokens=2 pace_ms=1000"))
    await asyncio.sleep(0.5)
    assert await outcome(desk, "hi") == "refused"
    await asyncio.sleep(1)  # its first token came
    assert await outcome(desk, "hi") == "said"
    assert (await read(probe)).tokens == 2


async def test_a_probe_that_fails_makes_the_pause_longer(desk):
    await open_it(desk)
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    assert await outcome(desk, FAILS) == "failed"
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    assert await outcome(desk, "hi") == "refused"
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    assert await outcome(desk, "hi") == "said"


async def test_a_probe_whose_client_leaves_lets_the_next_one_through(desk):
    await open_it(desk)
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    probe = desk.ask(chat("#script hang_at=0"))
    await asyncio.sleep(0.5)
    probe.abandon()
    await gone(probe)
    assert await outcome(desk, "hi") == "said"


async def test_those_who_wait_for_a_slot_learn_of_it(ledger, books, policy):
    hand = HandBackend()
    desk = Desk(
        ledger,
        backend=hand,
        policy=policy,
        limits=SlotLimits(slots=1),
        breaker=replace(MODEL_BREAKER, failures=1),
    )
    asked = chat("hi", model="hand", max_tokens=9)
    first, second = desk.ask(asked), desk.ask(asked)
    await asyncio.sleep(1)
    hand.generation.say(BackendUnavailable("gone"))
    assert isinstance((await read(first)).error, BackendUnavailable)
    assert isinstance((await read(second)).error, BackendUnavailable)
    assert len(hand.generations) == 1
    assert not books.has_event(second)
    await nothing_left(desk)


async def test_a_success_that_began_before_it_opened_does_not_close_it(ledger, books, policy, limits):
    hand = HandBackend()
    desk = Desk(
        ledger, backend=hand, policy=policy, limits=limits, breaker=replace(MODEL_BREAKER, failures=1)
    )
    asked = chat("hi", model="hand", max_tokens=9)
    slow, failing = desk.ask(asked), desk.ask(asked)
    await asyncio.sleep(1)
    hand.generations[1].say(BackendUnavailable("gone"))
    await read(failing)
    hand.generations[0].say(piece(1, "a"), finish(1))
    assert (await read(slow)).text == "a"
    assert isinstance((await read(desk.ask(asked))).error, BackendUnavailable)
    assert len(hand.generations) == 2
    await nothing_left(desk)


async def test_a_request_that_does_not_ask_the_model_says_nothing_of_it(desk):
    """The prompt alone is given back without the model: the next request is the one that is let through to see."""
    await open_it(desk)
    await asyncio.sleep(MODEL_BREAKER.pause_s)
    nothing = ChatRequest(model="scripted", prompts=("one",), echo=True, sampling=Sampling(max_tokens=0))
    assert (await read(desk.ask(nothing))).text == "one"
    assert await outcome(desk, FAILS) == "failed"
    assert await outcome(desk, "hi") == "refused"

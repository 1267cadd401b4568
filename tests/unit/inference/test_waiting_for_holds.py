"""An account whose own open requests hold its credit: wait a little, then 402; never wait for what cannot come."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import PROMPT_TOKENS, finish
from tests.unit.billing.builders import ALICE, BOB, issue, place, release, settle
from tests.unit.inference.conftest import nothing_left

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import PlaceHold
from raseed.core.errors import (
    INSUFFICIENT_CREDITS_MESSAGE,
    BackendUnavailable,
    CreditExhausted,
    HeldByOpenRequests,
)
from raseed.core.inference.admission import SlotLimits
from raseed.core.inference.run import Ended

SCRIPT = chat("#script tokens=5", max_tokens=100)


@pytest.fixture
async def elapsed():
    loop = asyncio.get_running_loop()
    began = loop.time()
    return lambda: loop.time() - began


@pytest.mark.parametrize("after_s", [0.05, 1.0, 1.95])
async def test_released_in_time(desk, ledger, elapsed, after_s):
    """By another worker, so that only the ledger knows."""
    await ledger.inner.submit([place("other", 10_000)])
    run = desk.ask(SCRIPT)
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(after_s)
    assert not reading.done()
    await ledger.inner.submit([release("other")])
    assert isinstance((await reading).end, Ended)
    assert elapsed() <= after_s + 0.11


async def test_released_by_a_run_of_this_worker(hand_desk, ledger, elapsed):
    """At once: nobody has to poll for it."""
    await ledger.inner.submit([place("most", 9_990), settle("most", 9_990)])
    desk = Desk(ledger, policy=hand_desk.policy)
    first = desk.ask(chat("#script tokens=1 pace_ms=550", max_tokens=100))
    second = desk.ask(chat("#script fail_at=0", max_tokens=100))
    await asyncio.gather(read(first), read(second))
    assert elapsed() == pytest.approx(0.55, abs=0.01)
    await gone(first)
    await gone(second)


async def test_not_released_in_time(desk, ledger, elapsed):
    await ledger.inner.submit([place("other", 10_000)])
    run = desk.ask(SCRIPT)
    answer = await read(run)
    assert isinstance(answer.error, HeldByOpenRequests)
    assert answer.error.message == INSUFFICIENT_CREDITS_MESSAGE
    assert answer.error.metadata["held_microcredits"] == "10000"
    assert elapsed() == pytest.approx(2.0, abs=0.01)
    await ledger.inner.submit([release("other")])


async def test_without_a_wait_the_answer_is_at_once(ledger, books, policy, elapsed):
    desk = Desk(ledger, policy=replace(policy, hold_wait_s=0))
    await ledger.inner.submit([place("other", 10_000)])
    assert isinstance((await read(desk.ask(SCRIPT))).error, HeldByOpenRequests)
    assert elapsed() == 0
    await ledger.inner.submit([release("other")])
    await nothing_left(desk)


async def test_never_when_even_everything_held_would_not_pay(desk, ledger, elapsed):
    least = prompt_tokens_of(SCRIPT) + 1
    await ledger.inner.submit([place("spent", 10_001 - least), settle("spent", 10_001 - least)])
    await ledger.inner.submit([place("other", least - 1)])
    assert isinstance((await read(desk.ask(SCRIPT))).error, CreditExhausted)
    assert elapsed() == 0
    await ledger.inner.submit([release("other")])


async def test_no_longer_when_the_others_have_spent_it(desk, ledger, elapsed):
    await ledger.inner.submit([place("other", 10_000)])
    run = desk.ask(SCRIPT)
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(0.5)
    await ledger.inner.submit([settle("other", 10_000)])
    assert isinstance((await reading).error, CreditExhausted)
    assert elapsed() <= 0.61


async def test_a_top_up_ends_the_wait(desk, ledger, elapsed):
    await ledger.inner.submit([place("other", 10_000)])
    run = desk.ask(SCRIPT)
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(0.5)
    await ledger.inner.submit([issue("top-up", 1_000)])
    assert isinstance((await reading).end, Ended)
    assert elapsed() <= 0.61
    await ledger.inner.submit([release("other")])


async def test_who_waits_longest_goes_first(ledger, hand, books, policy):
    """What pays for one goes from one to the next at once, in the order in which they came."""
    least = PROMPT_TOKENS + 1
    await ledger.inner.submit([place("spent", 10_000 - least), settle("spent", 10_000 - least)])
    desk = Desk(ledger, backend=hand, policy=policy, limits=SlotLimits(slots=100))
    runs = [desk.ask(chat("hi", model="hand")) for _ in range(20)]
    readers = [asyncio.create_task(read(run)) for run in runs]
    for served in range(20):
        await asyncio.sleep(0.01)
        assert len(hand.generations) == served + 1
        hand.generations[-1].say(BackendUnavailable("next, please"))
    answers = await asyncio.gather(*readers)
    assert all(isinstance(answer.error, BackendUnavailable) for answer in answers)
    assert [generation.run_id for generation in hand.generations] == [run.id for run in runs]
    await nothing_left(desk)


async def test_a_release_that_pays_for_several_admits_several_at_once(ledger, hand, books, policy, elapsed):
    await ledger.inner.submit([place("spent", 9_000), settle("spent", 9_000)])
    desk = Desk(ledger, backend=hand, policy=policy)
    first = desk.ask(chat("x", model="hand", max_tokens=1))
    await asyncio.sleep(0.01)
    await ledger.inner.submit([place("rest", 1_000 - PROMPT_TOKENS - 1)])
    others = [desk.ask(chat("x", model="hand", max_tokens=1)) for _ in range(3)]
    await asyncio.sleep(0.01)
    await ledger.inner.submit([release("rest")])
    hand.generation.say(finish(0))  # the release that this worker knows of
    await asyncio.sleep(0.01)
    assert len(hand.generations) == 4
    for generation in hand.generations[1:]:
        generation.say(finish(1))
    for run in [first, *others]:
        await read(run)
    assert elapsed() <= 0.04
    await nothing_left(desk)


async def test_a_release_costs_the_ledger_one_question_and_not_one_for_each_who_waits(
    ledger, hand, books, policy
):
    least = PROMPT_TOKENS + 1
    await ledger.inner.submit([place("spent", 10_000 - least), settle("spent", 10_000 - least)])
    desk = Desk(ledger, backend=hand, policy=policy, limits=SlotLimits(slots=100))
    runs = [desk.ask(chat("hi", model="hand")) for _ in range(50)]
    await asyncio.sleep(0.01)
    before = len(ledger.attempts)
    hand.generation.say(BackendUnavailable("next, please"))
    await asyncio.sleep(0.01)
    asked = [command for command in ledger.attempts[before:] if isinstance(command, PlaceHold)]
    assert len(asked) == 2  # one is admitted, the next is not
    hand.generations[1].say(finish(1))
    await asyncio.gather(*map(read, runs))
    await nothing_left(desk)


async def test_who_needs_less_is_not_kept_by_who_needs_more(ledger, hand, books, policy):
    """The first cannot be paid by what comes back, the second can: it does not wait until the first gives up."""
    await ledger.inner.submit([place("large", 9_900), place("small", 100)])
    desk = Desk(ledger, policy=policy)
    greedy = asyncio.create_task(read(desk.ask(chat("x" * 4_000, max_tokens=1))))
    await asyncio.sleep(0.01)
    modest = asyncio.create_task(read(desk.ask(chat("x", max_tokens=1))))
    await asyncio.sleep(0.01)
    await ledger.inner.submit([release("small")])
    await asyncio.sleep(0.6)
    assert (greedy.done(), modest.done()) == (False, True)
    assert isinstance((await modest).end, Ended)
    await ledger.inner.submit([release("large")])
    assert isinstance((await greedy).end, Ended)
    await nothing_left(desk)


async def test_a_crowd_that_waits_does_not_flood_the_ledger(ledger, books, policy):
    """Each of them asks again when something was released, and seldom otherwise."""
    await ledger.inner.submit([place("other", 10_000)])
    desk = Desk(ledger, policy=policy, limits=SlotLimits(slots=1_000))
    runs = [desk.ask(SCRIPT) for _ in range(400)]
    answers = await asyncio.gather(*map(read, runs))
    assert all(isinstance(answer.error, HeldByOpenRequests) for answer in answers)
    asked = sum(isinstance(command, PlaceHold) for command in ledger.attempts)
    assert asked / len(runs) <= 8
    assert desk.holds._turns._waiting == {}
    await ledger.inner.submit([release("other")])


async def test_accounts_do_not_wait_for_each_other(desk, ledger, memory):
    await ledger.inner.submit([place("other", 10_000)])
    memory.open_account(BOB)
    await ledger.inner.submit([issue("g", 100, account_id=BOB)])
    waiting = desk.ask(SCRIPT, account_id=ALICE)
    assert isinstance((await read(desk.ask(SCRIPT, account_id=BOB))).end, Ended)
    await ledger.inner.submit([release("other")])
    await read(waiting)

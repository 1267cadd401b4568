"""Who may start: as many as there are slots, the others in order, for a bounded time and in a bounded number."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import finish
from tests.unit.inference.conftest import nothing_left

from raseed.core.errors import Overloaded
from raseed.core.inference.admission import SlotLimits, Slots
from raseed.core.inference.run import Ended


def slots(count: int = 1, queue_max: int = 10, wait_s: float = 10.0) -> Slots:
    return Slots(SlotLimits(slots=count, queue_max=queue_max, wait_s=wait_s))


async def test_a_free_slot_is_taken_at_once():
    two = slots(2)
    await two.acquire()
    await two.acquire()
    assert (two.in_flight, two.queue_length) == (2, 0)
    two.release()
    two.release()
    assert two.in_flight == 0


async def test_first_come_first_served():
    one = slots()
    await one.acquire()
    served = []

    async def wait(number: int) -> None:
        await one.acquire()
        served.append(number)
        await asyncio.sleep(0.1)
        one.release()

    waiting = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    one.release()
    await asyncio.gather(*waiting)
    assert served == list(range(5))
    assert one.in_flight == 0


async def test_nobody_overtakes_those_who_wait():
    one = slots()
    await one.acquire()
    first = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)
    one.release()  # the slot is promised to `first`, which has not run yet
    late = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)
    assert (first.done(), late.done(), one.in_flight) == (True, False, 1)
    one.release()
    await late
    one.release()
    assert one.in_flight == 0


async def test_several_slots_are_taken_together_and_in_order():
    four = slots(4)
    assert await four.acquire(3) == 3
    many = asyncio.create_task(four.acquire(2))
    await asyncio.sleep(0)
    single = asyncio.create_task(four.acquire())
    await asyncio.sleep(0)
    assert (many.done(), single.done(), four.in_flight) == (False, False, 3), "nobody overtakes"
    four.release(3)
    assert (await many, await single, four.in_flight) == (2, 1, 3)
    four.release(2)
    four.release()
    assert await four.acquire(99) == 4, "never more than there are"
    four.release(4)
    assert four.in_flight == 0


async def test_who_gives_up_lets_those_behind_go_on():
    four = slots(4)
    await four.acquire(2)
    many = asyncio.create_task(four.acquire(4))
    await asyncio.sleep(0)
    few = asyncio.create_task(four.acquire(2))
    await asyncio.sleep(0)
    many.cancel()
    assert await few == 2
    assert four.in_flight == 4


async def test_a_run_takes_a_slot_for_each_choice(hand_desk, hand):
    run = hand_desk.ask(replace(chat("hi", model="hand"), n=3))
    other = hand_desk.ask(replace(chat("hi", model="hand"), n=2))
    await asyncio.sleep(1)
    assert (hand_desk.slots.in_flight, len(hand.generations)) == (3, 3)
    for generation in hand.generations:
        generation.say(finish(1))
    await read(run)
    await asyncio.sleep(1)
    assert (hand_desk.slots.in_flight, len(hand.generations)) == (2, 5)
    other.abandon()
    await gone(other)


async def test_a_full_queue_refuses_at_once():
    one = slots(queue_max=2)
    await one.acquire()
    waiting = [asyncio.create_task(one.acquire()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await one.acquire()
    assert refused.value.is_transient
    for task in waiting:
        one.release()
        await task
    one.release()
    assert one.in_flight == 0


async def test_a_long_wait_ends_in_a_refusal():
    one = slots(wait_s=3.0)
    await one.acquire()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Overloaded):
        await one.acquire()
    assert loop.time() - began == pytest.approx(3.0)
    assert (one.in_flight, one.queue_length) == (1, 0)
    one.release()
    assert one.in_flight == 0


async def test_who_leaves_the_queue_leaves_nothing_behind():
    one = slots()
    await one.acquire()
    waiting = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (one.in_flight, one.queue_length) == (1, 0)
    one.release()
    assert one.in_flight == 0


async def test_a_slot_that_was_handed_over_in_the_moment_of_leaving_goes_on():
    one = slots()
    await one.acquire()
    leaving = asyncio.create_task(one.acquire())
    next_one = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)
    one.release()
    leaving.cancel()
    await asyncio.sleep(0.01)
    assert (leaving.cancelled(), next_one.done(), one.in_flight) == (True, True, 1)
    one.release()
    assert one.in_flight == 0


@pytest.mark.parametrize("seed", range(30))
async def test_no_slot_is_lost_or_made_up(seed):
    """Waits that time out, are cancelled, or get their slot in the very same moment."""
    rng = random.Random(seed)
    few = slots(3, queue_max=20, wait_s=0.01)
    inside = 0

    async def visit() -> None:
        nonlocal inside
        await asyncio.sleep(rng.randrange(100) / 1_000)
        try:
            await few.acquire()
        except Overloaded:
            return
        try:
            inside += 1
            assert inside <= 3
            await asyncio.sleep(rng.randrange(10) / 1_000)
        finally:
            inside -= 1
            few.release()

    visits = [asyncio.create_task(visit()) for _ in range(200)]
    for task in rng.sample(visits, 60):
        asyncio.get_running_loop().call_later(rng.randrange(110) / 1_000, task.cancel)
    results = await asyncio.gather(*visits, return_exceptions=True)
    assert {type(result) for result in results if result is not None} <= {asyncio.CancelledError}
    assert (few.in_flight, few.queue_length, inside) == (0, 0, 0)


# ── fair to accounts ─────────────────────────────────────────────────────────────────────────────────────────────


async def in_order(few: Slots, requests: list[tuple[str, int]]) -> list[str]:
    """The accounts, with their weights, in the order in which their requests get the only slot."""
    await few.acquire()
    served: list[str] = []

    async def wait(account: str, weight: int) -> None:
        await few.acquire(1, account, weight)
        served.append(account)
        await asyncio.sleep(0.001)
        few.release()

    waiting = [asyncio.create_task(wait(*request)) for request in requests]
    await asyncio.sleep(0)
    few.release()
    await asyncio.gather(*waiting)
    assert (few.in_flight, few.queue_length) == (0, 0)
    return served


async def test_a_flood_of_one_account_does_not_make_others_wait():
    served = await in_order(slots(queue_max=200), [*[("flood", 1)] * 100, ("polite", 1), ("other", 1)])
    assert {"polite", "other"} <= set(served[:4])


async def test_accounts_are_served_in_proportion_to_their_weights():
    requests = [("light", 1)] * 40 + [("heavy", 4)] * 40
    served = await in_order(slots(queue_max=200), requests)
    assert served[:40].count("heavy") == pytest.approx(32, abs=1)
    assert served[:40].count("light") == pytest.approx(8, abs=1), "and nobody starves"


async def test_many_choices_count_as_many_requests():
    four = slots(4, queue_max=200)
    await four.acquire(4)
    served: list[str] = []

    async def wait(account: str, count: int) -> None:
        taken = await four.acquire(count, account)
        served.append(account)
        await asyncio.sleep(0.001)
        four.release(taken)

    waiting = [asyncio.create_task(wait("many", 4)) for _ in range(8)]
    waiting += [asyncio.create_task(wait("one", 1)) for _ in range(8)]
    await asyncio.sleep(0)
    four.release(4)
    await asyncio.gather(*waiting)
    assert served.index("many") > 2
    assert served[:10].count("one") == 8


async def test_a_full_queue_has_room_for_who_has_had_less():
    one = slots(queue_max=10)
    await one.acquire()
    flood = [asyncio.create_task(one.acquire(1, "flood")) for _ in range(10)]
    await asyncio.sleep(0)
    polite = asyncio.create_task(one.acquire(1, "polite"))
    await asyncio.sleep(0.001)
    assert [type(task.exception()) for task in flood if task.done()] == [Overloaded], "the last of the flood"
    with pytest.raises(Overloaded):
        await one.acquire(1, "flood")
    for _ in range(2):
        one.release()
        await asyncio.sleep(0)
    assert polite.done()
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


async def test_who_was_idle_saves_nothing_up():
    """An account that comes late begins at the present, and not with all the turns that it did not take."""
    one = slots(queue_max=500)
    await one.acquire()
    served: list[str] = []

    async def wait(account: str) -> None:
        await one.acquire(1, account)
        served.append(account)
        await asyncio.sleep(0.001)
        one.release()

    waiting = [asyncio.create_task(wait("busy")) for _ in range(100)]
    await asyncio.sleep(0)
    one.release()
    await asyncio.sleep(0.05)
    before = len(served)
    waiting += [asyncio.create_task(wait("late")) for _ in range(50)]
    await asyncio.gather(*waiting)
    assert served[before : before + 40].count("busy") >= 15


# ── in runs ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_held_while_a_request_queues(hand_desk, hand, ledger, books):
    running = [hand_desk.ask(chat("hi", model="hand")) for _ in range(hand_desk.limits.slots)]
    queued = hand_desk.ask(chat("hi", model="hand"))
    await asyncio.sleep(5)
    assert len(books.memory.state.holds) == len(running)
    for generation in hand.generations:
        generation.say(finish(1))
    await asyncio.sleep(0.01)
    hand.generations[-1].say(finish(1))
    for run in [*running, queued]:
        assert isinstance((await read(run)).end, Ended)


async def test_a_request_that_queued_too_long_costs_nothing(hand_desk, hand, books):
    running = [hand_desk.ask(chat("hi", model="hand")) for _ in range(hand_desk.limits.slots)]
    answer = await read(hand_desk.ask(chat("hi", model="hand")))
    assert isinstance(answer.error, Overloaded)
    for generation in hand.generations:
        generation.say(finish(1))
    for run in running:
        await read(run)
    assert len(books.memory.state.usage_events) == len(running)


async def test_slots_come_back_whatever_the_end(ledger, books, policy):
    desk = Desk(ledger, policy=policy, limits=SlotLimits(slots=2, queue_max=1_000))
    scripts = ["tokens=3", "fail_at=0", "fail_at=2", "tokens=9999999", "nonsense"] * 20
    runs = [desk.ask(chat(f"#script {script}", max_tokens=20)) for script in scripts]
    await asyncio.gather(*map(read, runs))
    for run in runs:
        await gone(run)
    await nothing_left(desk)

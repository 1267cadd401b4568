"""What every store of limits promises. The windows are short, because the time of one of them cannot be turned."""

from __future__ import annotations

import asyncio

import pytest

from raseed.core.clock import SECOND
from raseed.core.limits.gcra import Quota
from raseed.core.limits.ports import LimitStore, Seats, Take

SLOW = Quota(5, 3600 * SECOND, 5)
"""Of which nothing flows back while a test runs."""
QUICK = Quota(10, 3 * SECOND, 10)
"""One in 50 ms."""
SEATS = Seats("seats", 2)


def take(key: str, cost: int = 1, quota: Quota = SLOW) -> Take:
    return Take(key, quota, cost)


async def is_taken(store: LimitStore, *takes: Take) -> bool:
    return (await store.take(takes, (), "")).refused is None


async def test_a_burst_is_admitted_and_then_nothing(store):
    assert [await is_taken(store, take("a")) for _ in range(7)] == [True] * 5 + [False] * 2
    assert await is_taken(store, take("b")), "another key is another limit"


async def test_a_refusal_says_which_and_how_long(store):
    await is_taken(store, take("a", 4))
    verdict = await store.take([take("b"), take("a", 2)], (), "")
    assert verdict.refused == 1
    assert verdict.wait_us == pytest.approx(720 * SECOND, abs=SECOND)
    assert SLOW.remaining(verdict.fill_us) == 1


async def test_a_refusal_takes_nothing_from_any(store):
    await is_taken(store, take("full", 5))
    for _ in range(10):
        assert not await is_taken(store, take("a"), take("full"), take("b"))
    assert await is_taken(store, take("a", 5), take("b", 5))


async def test_seats_are_not_taken_by_a_refusal_nor_rates_by_missing_seats(store):
    await is_taken(store, take("full", 5))
    for number in range(5):
        assert (await store.take([take("full")], [SEATS], f"late {number}")).refused == 0
    assert (await store.take([], [SEATS], "one")).refused is None
    assert (await store.take([], [SEATS], "two")).refused is None
    for number in range(5):
        assert (await store.take([take("a")], [SEATS], f"more {number}")).refused == 1
    assert await is_taken(store, take("a", 5))


async def test_a_seat_that_is_left_is_free(store):
    for holder in ("one", "two"):
        await store.take([], [SEATS], holder)
    store.settle([], [SEATS], "one")
    store.settle([], [SEATS], "one")  # leaving twice frees one seat
    assert (await store.take([], [SEATS], "three")).refused is None
    assert (await store.take([], [SEATS], "four")).refused == 0


async def test_what_was_taken_flows_back(store):
    assert await is_taken(store, take("a", 10, QUICK))
    assert not await is_taken(store, take("a", 2, QUICK))
    await asyncio.sleep(0.7)
    assert await is_taken(store, take("a", 2, QUICK))


async def test_an_estimate_is_corrected_both_ways(store):
    assert await is_taken(store, take("a", 5))
    store.settle([take("a", -3)], (), "")
    assert await is_taken(store, take("a", 3))
    store.settle([take("b", 4)], (), "")
    assert not await is_taken(store, take("b", 2))
    assert await is_taken(store, take("b", 1))


async def test_giving_back_more_than_was_taken_saves_nothing_up(store):
    store.settle([take("a", -100)], (), "")
    assert await is_taken(store, take("a", 5))
    assert not await is_taken(store, take("a"))


async def test_a_correction_may_exceed_the_burst(store):
    """A run that used more than was expected is not forgiven: the next one waits longer."""
    store.settle([take("a", 10)], (), "")
    verdict = await store.take([take("a")], (), "")
    assert verdict.wait_us == pytest.approx(6 * 720 * SECOND, abs=SECOND)


async def test_how_full_a_limit_is_can_be_asked_without_waiting(store):
    assert store.fill_us("a") == 0
    await is_taken(store, take("a", 2))
    assert store.fill_us("a") == pytest.approx(2 * 720 * SECOND, abs=SECOND)


async def test_a_refusal_can_be_foreseen(store):
    assert store.peek(take("a")).refused is None
    await is_taken(store, take("a", 4))
    assert (store.peek(take("a")).refused, store.peek(take("a", 2)).refused) == (None, 0)
    assert store.peek(take("a", 2)).wait_us == pytest.approx(720 * SECOND, abs=SECOND)
    assert await is_taken(store, take("a")), "looking takes nothing"
    assert store.peek(take("a")).refused == 0


async def test_one_that_asks_for_more_than_the_burst_is_told_that_it_never_will(store):
    verdict = await store.take([take("a", 6)], (), "")
    assert (verdict.refused, verdict.wait_us) == (0, float("inf"))


async def test_all_at_once_get_no_more_than_there_is(store):
    verdicts = await asyncio.gather(*(store.take([take("a")], [SEATS], f"r{n}") for n in range(50)))
    assert sum(verdict.refused is None for verdict in verdicts) == 2
    verdicts = await asyncio.gather(*(store.take([take("b")], (), f"r{n}") for n in range(50)))
    assert sum(verdict.refused is None for verdict in verdicts) == 5

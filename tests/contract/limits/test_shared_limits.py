"""Several workers and one Redis: they admit one limit together, and get on without the server, bounded."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest
from tests.support.redis import RedisServer, connected, is_installed, sharing_workers

from raseed.adapters.limits.redis import RedisLimitStore
from raseed.core.clock import SECOND
from raseed.core.limits.gcra import Quota
from raseed.core.limits.ports import LimitStore, Seats, Take

QUICK_S = 1.0
LONG_S = 30.0
RATE = 150
"""A second; each worker asks several times as often."""
HOUR = 3600 * SECOND
SLACK_S = 5.0
"""What a busy machine may take; 200 waits for a server that hangs would be twice as long."""
LEASE_S = 2.0
"""Short, and still longer than a busy machine may keep a worker from renewing its seats."""


@pytest.fixture
async def mortal() -> AsyncIterator[RedisServer]:
    """A server that the test may kill."""
    if not is_installed():
        pytest.skip("there is no wheel of Redis for this Python")
    server = RedisServer().start()
    yield server
    server.stop()


async def admitted(store: LimitStore, quota: Quota, until: float) -> list[float]:
    """When a worker was let through that asks again and again, four requests at a time."""
    moments: list[float] = []

    async def ask() -> None:
        while time.monotonic() < until:
            if (await store.take([Take("a", quota, 1)], (), "")).refused is None:
                moments.append(time.monotonic())
            await asyncio.sleep(0)

    await asyncio.gather(*(ask() for _ in range(4)))
    return moments


@pytest.mark.parametrize(("workers", "off_by"), [(1, 0.01), (3, 0.05)])
@pytest.mark.parametrize("duration_s", [QUICK_S, pytest.param(LONG_S, marks=pytest.mark.long)])
async def test_workers_admit_the_limit_together(redis, workers, off_by, duration_s):
    quota = Quota(
        RATE, SECOND, RATE
    )  # a burst of a second: a machine that is busy for a moment loses nothing
    async with sharing_workers(redis, workers) as stores:
        began = time.monotonic()
        by_worker = await asyncio.gather(*(admitted(store, quota, began + duration_s) for store in stores))
    moments = sorted(moment for one in by_worker for moment in one)
    expected = quota.burst + RATE * (moments[-1] - moments[0])
    assert len(moments) == pytest.approx(expected, rel=off_by)
    assert all(by_worker)


async def test_seats_are_shared_and_those_of_a_dead_worker_lapse(redis):
    seats = [Seats("seats", 2)]
    async with sharing_workers(redis, 1) as [alive]:
        async with sharing_workers(redis, 2, lease_s=LEASE_S) as [dying, other]:
            assert (await dying.take([], seats, "one")).refused is None
            assert (await alive.take([], seats, "two")).refused is None
            assert (await other.take([], seats, "three")).refused == 0
            await asyncio.sleep(1.5 * LEASE_S)
            assert (await other.take([], seats, "three")).refused == 0, "its seat is renewed while it lives"
        async with asyncio.timeout(10 * LEASE_S):
            while (await alive.take([], seats, "three")).refused is not None:  # noqa: ASYNC110 - told by nobody
                await asyncio.sleep(0.05)
        assert (await alive.take([], seats, "four")).refused == 0


async def test_who_stops_waiting_takes_nothing(redis):
    quota, seats = Quota(5, HOUR, 5), [Seats("seats", 1)]
    async with sharing_workers(redis, 1) as [store]:
        for number in range(20):
            asking = asyncio.create_task(store.take([Take("a", quota, 1)], seats, f"run {number}"))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            if not asking.cancelled():
                store.settle([Take("a", quota, -1)], seats, f"run {number}")
        await asyncio.sleep(0.1)  # for the answers that nobody waits for
        assert (await store.take([Take("a", quota, 5)], seats, "last")).refused is None


async def test_who_leaves_in_the_moment_of_the_answer_takes_nothing(redis):
    quota, seats = Quota(5, HOUR, 5), [Seats("seats", 1)]
    async with sharing_workers(redis, 1) as [store]:
        asking = asyncio.create_task(store.take([Take("a", quota, 3)], seats, "run"))
        while store.fill_us("a") == 0:  # noqa: ASYNC110 - the very moment is what is looked for
            await asyncio.sleep(0)
        assert not asking.done(), "the answer is there, and nobody has read it"
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
        assert (await store.take([Take("a", quota, 5)], seats, "last")).refused is None


async def test_a_server_that_forgot_the_script_is_given_it_again(redis):
    reported: list[BaseException] = []
    async with sharing_workers(redis, 1, reported=reported) as [store]:
        quota = Quota(5, HOUR, 5)
        await store.take([Take("a", quota, 2)], (), "")
        redis.command("SCRIPT FLUSH")
        assert (await store.take([Take("a", quota, 1)], (), "")).refused is None
        await connected([store])
        assert (await store.take([Take("a", quota, 3)], (), "")).refused is None
        assert (await store.take([Take("a", quota, 1)], (), "")).refused == 0
    assert len(reported) == 1


async def outage(
    stores: list[RedisLimitStore], reported: list[BaseException], quota: Quota
) -> tuple[int, float]:
    """How many are admitted without the server, of far more than are allowed, and the longest wait."""
    longest, count = 0.0, 0
    for number in range(200):
        began = time.monotonic()
        verdict = await stores[number % len(stores)].take([Take("a", quota, 1)], (), "")
        longest = max(longest, time.monotonic() - began)
        count += verdict.refused is None
    return count, longest


async def test_without_the_server_each_worker_grants_its_part_and_remembers_what_was_taken(mortal):
    reported: list[BaseException] = []
    quota = Quota(30, HOUR, 30)
    async with sharing_workers(mortal, 3, reported=reported) as stores:
        for number in range(12):  # 12 of 30, which all three have seen
            await stores[number % 3].take([Take("a", quota, 1)], (), "")
        mortal.stop()
        count, longest = await outage(stores, reported, quota)
        assert 15 <= count <= 21, "what was left, in three parts"
        assert longest < SLACK_S
        assert 1 <= len(reported) <= 3, "once for each worker, and not for every request"
        assert (await stores[0].take([], [Seats("seats", 3)], "one")).refused is None
        assert (await stores[0].take([], [Seats("seats", 3)], "two")).refused == 0
        mortal.start()
        await connected(stores)
        assert (await stores[1].take([], [Seats("seats", 3)], "three")).refused is None
        assert (await stores[1].take([], [Seats("seats", 3)], "four")).refused is None
        refused = await stores[2].take([], [Seats("seats", 3)], "five")
        assert refused.refused == 0, "the seat that was taken meanwhile is told when the server is back"


async def test_a_server_that_hangs_holds_nobody_up(mortal):
    reported: list[BaseException] = []
    quota = Quota(30, HOUR, 30)
    async with sharing_workers(mortal, 1, timeout_s=0.05, reported=reported) as [store]:
        await store.take([Take("a", quota, 1)], (), "")
        mortal.send(signal.SIGSTOP)
        began = time.monotonic()
        count, _ = await outage([store], reported, quota)
        assert count == 29
        assert time.monotonic() - began < SLACK_S, "one has waited, and the others have learned from it"
        mortal.send(signal.SIGCONT)
        await asyncio.sleep(0.1)
        await connected([store])
        assert (await store.take([Take("b", quota, 30)], (), "")).refused is None

"""Calls about one thing take turns, and those that waited share a run that began after they asked."""

from __future__ import annotations

import asyncio

import pytest

from raseed.core.payments.turns import SharedTurns


class Counting:
    def __init__(self) -> None:
        self.runs = 0
        self.gate = asyncio.Event()

    async def work(self) -> int:
        self.runs += 1
        mine = self.runs
        await self.gate.wait()
        return mine

    async def fail(self) -> int:
        raise LookupError(await self.work())


async def test_who_waits_shares_a_run_that_began_after_he_asked():
    turns, counting = SharedTurns[int](), Counting()
    first = asyncio.create_task(turns.run("key", counting.work))
    await asyncio.sleep(0)
    others = [asyncio.create_task(turns.run("key", counting.work)) for _ in range(50)]
    await asyncio.sleep(0)
    counting.gate.set()
    assert await first == 1
    assert set(await asyncio.gather(*others)) == {2}
    assert await turns.run("key", counting.work) == 3, "nothing is remembered"


async def test_other_keys_do_not_wait():
    turns, counting, free = SharedTurns[int](), Counting(), Counting()
    free.gate.set()
    waiting = asyncio.create_task(turns.run("slow", counting.work))
    assert await turns.run("quick", free.work) == 1
    counting.gate.set()
    assert await waiting == 1


async def test_a_failure_is_that_of_all_who_waited_and_of_nobody_later():
    turns, counting = SharedTurns[int](), Counting()
    tasks = [asyncio.create_task(turns.run("key", counting.fail)) for _ in range(20)]
    await asyncio.sleep(0)
    counting.gate.set()
    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert [repr(failure) for failure in failures] == ["LookupError(1)"] + ["LookupError(2)"] * 19
    assert len({id(failure) for failure in failures}) == 20
    assert await turns.run("key", counting.work) == 3


async def test_a_run_that_is_cancelled_is_nobodys():
    turns, counting = SharedTurns[int](), Counting()
    first = asyncio.create_task(turns.run("key", counting.work))
    await asyncio.sleep(0)
    second = asyncio.create_task(turns.run("key", counting.work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    counting.gate.set()
    assert await second == 2

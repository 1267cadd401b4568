"""A job goes on for ever: in rounds of bounded length, past whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.support.virtual_time import VirtualTimeLoop

from raseed.core.jobs import Job, run_job

Batch = Callable[[float], Awaitable[bool]]


def moments_of(batch: Batch, *, until_s: float) -> tuple[list[float], list[tuple[str, type]]]:
    """When the batches of a job with rounds of 5 s each 60 s began, and what was reported."""
    began: list[float] = []
    reported: list[tuple[str, type]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def noted() -> bool:
            began.append(round(loop.time() - start, 1))
            return await batch(loop.time() - start)

        job = Job(name="work", batch=noted, interval_s=60, round_s=5)
        task = asyncio.create_task(run_job(job, lambda name, error: reported.append((name, type(error)))))
        await asyncio.sleep(until_s)
        task.cancel()
        await asyncio.wait([task])

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(serve())
    return began, reported


def test_a_round_goes_on_while_something_is_due():
    left = [True, True, False, False]

    async def batch(_now: float) -> bool:
        return left.pop(0)

    assert moments_of(batch, until_s=130) == ([60.0, 60.0, 60.0, 120.1], [])


def test_a_batch_that_fails_is_reported_and_the_next_round_tries_again():
    async def batch(now: float) -> bool:
        if now < 100:
            raise ValueError
        return False

    assert moments_of(batch, until_s=130) == ([60.0, 120.0], [("work", ValueError)])


def test_a_round_that_does_not_end_is_stopped():
    async def batch(_now: float) -> bool:
        await asyncio.sleep(600)
        return True

    assert moments_of(batch, until_s=130) == ([60.0, 125.0], [("work", TimeoutError)])

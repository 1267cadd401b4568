"""Background jobs that work off what is due, a bounded batch at a time.

What is due is read from committed state, and doing it twice changes nothing: so a job may be killed at any moment, begin
anew after a restart, and run in several workers at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

PAUSE_S = 0.02
"""Between two batches, for the requests that wait for the same writer."""

Report = Callable[[str, BaseException], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    name: str
    batch: Callable[[], Awaitable[bool]]
    """Does one batch. True: there may be more that is due now. Safe to repeat and to cancel."""
    interval_s: float
    """Pause between two rounds."""
    round_s: float
    """Longest round; what is left then is for the next one."""


async def run_job(job: Job, report: Report) -> None:
    """Runs for ever; the worker that starts it owns it. A round that fails is reported, and the next one tries again."""
    while True:
        await asyncio.sleep(job.interval_s)
        try:
            async with asyncio.timeout(job.round_s):
                await run_round(job)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round may succeed
            report(job.name, error)


async def run_round(job: Job) -> None:
    """Batches until nothing is due. Raises what a batch raises."""
    more = True
    while more:
        more = await job.batch()
        await asyncio.sleep(PAUSE_S)

"""Group commit on the event loop: statements run in the loop, only the commit waits in a thread (docs/adr/0002).

While one commit waits for the disk, the next batch forms by itself: whoever writes meanwhile is in it. Nothing waits
for a timer, and a lone request pays for one commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite_batch import BatchConnection, Commands, Job, Outcome

log = logging.getLogger(__name__)

BATCH_COMMANDS_MAX = 64
"""Commands in one transaction, so in one uninterrupted stretch of the event loop: two to three milliseconds."""
CUSTOM_JOB_WEIGHT = 8
"""A write through SQLAlchemy takes the loop about as long as so many ledger commands."""
QUEUE_COMMANDS_MAX = 4_096
"""Commands that may wait for the writer: about a fifth of a second of its work. Beyond that the disk is stuck, and a
caller is better told so than kept."""
IDLE_CHECKPOINT_S = 1.0
"""After so long without a write, the log is moved to the database file: at a time when nobody waits for it."""


@dataclass(slots=True)
class _Waiting:
    job: Job
    weight: int
    done: asyncio.Future[Any]


class SqliteWriter:
    """Owns the writing connection. All methods are called on one event loop."""

    def __init__(self, connection: BatchConnection) -> None:
        self._connection = connection
        self._queue: deque[_Waiting] = deque()
        self._queued_weight = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._task = asyncio.create_task(self._run(), name="sqlite-writer")

    async def submit(self, job: Job) -> Any:
        """Returns when the job is durable. If the caller is cancelled, the job is done all the same.

        Raises what the job's own work raised, or DatabaseUnavailable.
        """
        weight = len(job.commands) if isinstance(job, Commands) else CUSTOM_JOB_WEIGHT
        if self._closing:
            raise DatabaseUnavailable("the database is closing")
        if self._queued_weight + weight > QUEUE_COMMANDS_MAX:
            raise DatabaseUnavailable(f"{self._queued_weight} writes are waiting already")
        waiting = _Waiting(job, weight, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued_weight += weight
        self._wake.set()
        return await waiting.done

    async def close(self) -> None:
        """Write what is queued, leave a database file without a log."""
        self._closing = True
        self._wake.set()
        await self._task
        await asyncio.get_running_loop().run_in_executor(self._disk, self._connection.close)
        self._disk.shutdown()

    async def _run(self) -> None:
        while await self._something_to_write():
            batch = self._take()
            try:
                outcomes = await self._write([waiting.job for waiting in batch])
            except Exception as error:
                log.exception("a batch of %d writes failed", len(batch))
                unavailable = DatabaseUnavailable("it is unknown whether the write happened")
                unavailable.__cause__ = error
                outcomes = [Outcome(error=unavailable)] * len(batch)
                await self._recover()
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _answer(waiting.done, outcome)
            # Those who were answered go first: what they write next joins the next batch.
            await asyncio.sleep(0)
            if self._connection.checkpoint_is_due:
                await self._checkpoint()

    async def _something_to_write(self) -> bool:
        """Waits for a job. False when closing and nothing is left."""
        while not self._queue:
            if self._closing:
                return False
            self._wake.clear()
            try:
                async with asyncio.timeout(IDLE_CHECKPOINT_S if self._connection.has_unsaved_log else None):
                    await self._wake.wait()
            except TimeoutError:
                await self._checkpoint()
        return True

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        weight = 0
        while self._queue and (not batch or weight + self._queue[0].weight <= BATCH_COMMANDS_MAX):
            waiting = self._queue.popleft()
            weight += waiting.weight
            batch.append(waiting)
        self._queued_weight -= weight
        return batch

    async def _write(self, jobs: list[Job]) -> list[Outcome]:
        outcomes = self._connection.execute(jobs)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._connection.commit)
        return outcomes

    async def _checkpoint(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._connection.checkpoint)
        except Exception:
            log.exception("checkpoint failed; the log keeps growing until one succeeds")

    async def _recover(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._connection.recover)
        except Exception:
            log.exception("the database cannot be opened again; the next write tries once more")


def _answer(done: asyncio.Future[Any], outcome: Outcome) -> None:
    if done.done():
        return  # the caller was cancelled meanwhile
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)

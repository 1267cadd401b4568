"""Group commit on the event loop: statements run in the loop, only the commit waits in a thread (docs/adr/0002).

While one commit waits for the disk, the next batch forms by itself: whoever writes meanwhile is in it. Nothing waits
for a timer, and a lone request pays for one commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands, Job, Outcome

log = logging.getLogger(__name__)

BATCH_COMMANDS_MAX = 64
"""Commands in one transaction, so in one uninterrupted stretch of the event loop: two to three milliseconds."""
CUSTOM_JOB_WEIGHT = 8
"""A write through SQLAlchemy takes the loop about as long as so many ledger commands."""
QUEUE_COMMANDS_MAX = 4_096
"""Commands that may wait for the writer: about a fifth of a second of its work. Beyond that the disk is stuck, and a
caller is better told so than kept."""
GATHER_TURNS_MAX = 16
"""Turns of the loop that a batch waits while each of them brings another write."""
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
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Waiting] = deque()
        self._queued_weight = 0
        self._is_busy = False
        self._closing: asyncio.Future[None] | None = None
        self._idle_checkpoint: asyncio.TimerHandle | None = None
        self._disk: SimpleQueue[tuple[Callable[[], None], Callable[[Exception | None], None]] | None] = (
            SimpleQueue()
        )
        self._thread = Thread(target=self._work_on_disk, name="sqlite-commit", daemon=True)
        self._thread.start()

    async def submit(self, job: Job) -> Any:
        """Returns when the job is durable. If the caller is cancelled, the job is done all the same.

        Raises what the job's own work raised, or DatabaseUnavailable.
        """
        weight = len(job.commands) if isinstance(job, Commands) else CUSTOM_JOB_WEIGHT
        if self._closing is not None:
            raise DatabaseUnavailable("the database is closing")
        if self._queued_weight + weight > QUEUE_COMMANDS_MAX:
            raise DatabaseUnavailable(f"{self._queued_weight} writes are waiting already")
        waiting = _Waiting(job, weight, self._loop.create_future())
        self._queue.append(waiting)
        self._queued_weight += weight
        if not self._is_busy:
            self._next()
        return await waiting.done

    async def close(self) -> None:
        """Write what is queued, leave a database file without a log."""
        self._closing = self._loop.create_future()
        if not self._is_busy:
            self._next()
        await self._closing
        self._disk.put(None)
        self._thread.join()
        self._connection.close()

    # Exactly one of these is under way while `_is_busy`: gathering a batch, or something on the disk.

    def _next(self) -> None:
        self._is_busy = True
        if self._idle_checkpoint is not None:
            self._idle_checkpoint.cancel()
            self._idle_checkpoint = None
        if self._queue:
            self._loop.call_soon(self._gather, 0, GATHER_TURNS_MAX)
        elif self._closing is not None:
            self._closing.set_result(None)
        else:
            self._is_busy = False
            if self._connection.has_unsaved_log:
                self._idle_checkpoint = self._loop.call_later(IDLE_CHECKPOINT_S, self._checkpoint)

    def _gather(self, seen: int, turns_left: int) -> None:
        """Go on while every turn of the loop brings another write: a busy loop has more of them in its hands.

        A commit costs as much as ten commands, so on a busy loop many small batches would cost more than what is in
        them. On an idle loop this is one turn: microseconds.
        """
        if turns_left and seen < self._queued_weight < BATCH_COMMANDS_MAX:
            self._loop.call_soon(self._gather, self._queued_weight, turns_left - 1)
            return
        batch = self._take()
        try:
            outcomes = self._connection.execute([waiting.job for waiting in batch])
        except Exception as error:  # noqa: BLE001 - logged by _fail, and answered to every caller
            self._fail(batch, error)
            return
        self._disk.put((self._connection.commit, lambda error: self._committed(batch, outcomes, error)))

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        weight = 0
        while self._queue and (not batch or weight + self._queue[0].weight <= BATCH_COMMANDS_MAX):
            waiting = self._queue.popleft()
            weight += waiting.weight
            batch.append(waiting)
        self._queued_weight -= weight
        return batch

    def _committed(self, batch: list[_Waiting], outcomes: list[Outcome], error: Exception | None) -> None:
        if error is not None:
            self._fail(batch, error)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _answer(waiting.done, outcome)
        if self._connection.checkpoint_is_due:
            self._checkpoint()
        else:
            self._next()

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        log.error("a batch of %d writes failed", len(batch), exc_info=error)
        unavailable = DatabaseUnavailable("it is unknown whether the write happened")
        unavailable.__cause__ = error
        for waiting in batch:
            _answer(waiting.done, Outcome(error=unavailable))
        self._disk.put((self._connection.recover, self._recovered))

    def _recovered(self, error: Exception | None) -> None:
        if error is not None:
            log.error("the database cannot be opened again; the next write tries once more", exc_info=error)
        self._next()

    def _checkpoint(self) -> None:
        self._is_busy = True
        self._idle_checkpoint = None
        self._disk.put((self._connection.checkpoint, self._checkpointed))

    def _checkpointed(self, error: Exception | None) -> None:
        if error is not None:
            log.error("checkpoint failed; the log keeps growing until one succeeds", exc_info=error)
        self._next()

    def _work_on_disk(self) -> None:
        while (job := self._disk.get()) is not None:
            work, done = job
            error: Exception | None = None
            try:
                work()
            except Exception as raised:  # noqa: BLE001 - whatever it is, the loop has to hear of it
                error = raised
            self._loop.call_soon_threadsafe(done, error)


def _answer(done: asyncio.Future[Any], outcome: Outcome) -> None:
    if done.done():
        return  # the caller was cancelled meanwhile
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)

"""Group commit in virtual time: what `SqliteWriter` does with a thread, on the store's real writing connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite.batch import BatchConnection, Job


class GroupCommit:
    """Jobs that come while a commit is under way share the next one. Cancelled, it leaves everything as it is."""

    def __init__(self, connection: BatchConnection, delay: Callable[[], float]) -> None:
        self._connection = connection
        self._delay = delay
        self._queue: list[tuple[Job, asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._is_closing = False
        self.task = asyncio.create_task(self._work())

    async def submit(self, job: Job) -> Any:
        if self._is_closing:
            raise DatabaseUnavailable("the database is closing")
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((job, done))
        self._wake.set()
        return await done

    async def close(self) -> None:
        self._is_closing = True
        self._wake.set()
        await self.task
        self._connection.close()

    async def _work(self) -> None:
        while True:
            while not self._queue:
                if self._is_closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            batch, self._queue = self._queue, []
            await self._commit(batch)
            if self._connection.has_unsaved_log and self._delay() == 0:
                self._connection.checkpoint()

    async def _commit(self, batch: list[tuple[Job, asyncio.Future[Any]]]) -> None:
        try:
            outcomes = self._connection.execute([job for job, _ in batch])
            await asyncio.sleep(self._delay())
            self._connection.commit()
        except Exception as error:  # noqa: BLE001 - as in production: the outcome is unknown
            unavailable = DatabaseUnavailable("it is unknown whether the write happened")
            unavailable.__cause__ = error
            for _, done in batch:
                _answer(done, None, unavailable)
            await asyncio.sleep(self._delay())
            self._connection.recover()
            return
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            _answer(done, outcome.value, outcome.error)


def _answer(done: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)

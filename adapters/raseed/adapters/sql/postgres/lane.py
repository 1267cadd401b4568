"""Group commit on one connection: takes what waits, commits it as a batch, and again. Reconnects, retries, gives up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.postgres.batch import CommitUnknown, PostgresBatch
from raseed.adapters.sql.postgres.errors import is_conflict, is_connection_lost, is_of_the_server
from raseed.adapters.sql.postgres.errors import is_input as is_refused_input
from raseed.adapters.sql.postgres.queue import BATCH_COMMANDS_MAX, CommandQueue, Waiting
from raseed.core.billing.commands import Command, Refusal, Refused, Result

log = logging.getLogger(__name__)

CONTENDED_S = 1.0
"""How long accounts are locked first after another worker was found at work on one of them. Where two workers share a
busy account that is always; trying the lighter way once a second costs at most one batch in a hundred."""
CONFLICTS_MAX = 5
"""Under the accounts' locks only a deadlock, or a hold's id that another account uses at this moment, can interfere."""
CONFLICT_PAUSE_MAX_S = 0.02
"""Before a batch is tried for the third time, and again."""
RECONNECT_PAUSE_S = 0.1
"""Between attempts to reach a server that is away."""

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class PostgresLane:
    """Owns one connection and one queue. Used on one event loop."""

    def __init__(self, connect: Connect, batch: PostgresBatch, patience_s: float, name: str) -> None:
        """A command that could not be tried, or not with success, within `patience_s` is given back to its caller."""
        self._connect = connect
        self._batch = batch
        self._queue = CommandQueue(patience_s)
        self._connection: asyncpg.Connection | None = None
        self._locked_until = 0.0
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name=name)

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Commits in order; more than a batch holds in several. Raises DatabaseUnavailable."""
        if len(commands) <= BATCH_COMMANDS_MAX:
            return await self._queue.submit(commands)
        results: list[Result] = []
        for start in range(0, len(commands), BATCH_COMMANDS_MAX):
            results += await self._queue.submit(commands[start : start + BATCH_COMMANDS_MAX])
        return results

    async def close(self) -> None:
        """Write what is queued."""
        self._queue.close()
        await self._task
        self._drop()

    async def _run(self) -> None:
        while batch := await self._queue.take():
            try:
                await self._serve(batch)
            except Exception as error:
                log.exception("a batch of ledger commands failed")
                self._drop()
                _fail(batch, error)
            # Those who were answered go first: what they send next joins the next batch.
            await asyncio.sleep(0)

    async def _serve(self, batch: list[Waiting]) -> None:
        """Answers every caller of the batch."""
        too_late = [each for each in batch if each.give_up_at < self._loop.time()]
        _fail(too_late, DatabaseUnavailable("the write did not happen: it waited too long for its turn"))
        batch = [each for each in batch if each not in too_late]
        if not batch:
            return
        commands = [command for each in batch for command in each.commands]
        try:
            results = await self._commit(commands, batch[0].give_up_at)
        except DatabaseUnavailable as error:
            _fail(batch, error)
        except Exception:
            log.exception("%d ledger commands cannot be written together", len(commands))
            for each in batch:
                await self._serve_alone(each)
        else:
            remaining = iter(results)
            for each in batch:
                _answer(each, [next(remaining) for _ in each.commands])

    async def _serve_alone(self, waiting: Waiting) -> None:
        """Each command by itself, so that one that cannot be written fails alone."""
        results: list[Result] = []
        for command in waiting.commands:
            try:
                results += await self._commit([command], waiting.give_up_at)
            except DatabaseUnavailable as error:
                _fail([waiting], error)
                return
            except Exception:
                log.exception("ledger command cannot be written: %r", command)
                results.append(Refused(refusal=Refusal.CANNOT_BE_WRITTEN))
        _answer(waiting, results)

    async def _commit(self, commands: Sequence[Command], give_up_at: float) -> list[Result]:
        """Raises DatabaseUnavailable, or what the commands themselves are refused with."""
        conflicts = 0
        while True:
            try:
                return await self._attempt(commands)
            except CommitUnknown as error:
                self._drop()
                raise DatabaseUnavailable("it is unknown whether the write happened") from error
            except Exception as error:
                if is_conflict(error) and conflicts < CONFLICTS_MAX:
                    conflicts += 1
                    self._locked_until = self._loop.time() + CONTENDED_S
                    # A different pause for each of those who stepped on each other's toes.
                    pause_s = 0.0 if conflicts == 1 else random.uniform(0, CONFLICT_PAUSE_MAX_S)  # noqa: S311
                elif is_connection_lost(error):
                    self._drop()
                    pause_s = RECONNECT_PAUSE_S
                elif is_refused_input(error) or not is_of_the_server(error):
                    raise
                else:
                    raise DatabaseUnavailable(f"the write did not happen: {error}") from error
                if self._loop.time() + pause_s > give_up_at:
                    raise DatabaseUnavailable(f"the write did not happen in time: {error}") from error
                await asyncio.sleep(pause_s)

    async def _attempt(self, commands: Sequence[Command]) -> list[Result]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        if self._loop.time() < self._locked_until:
            return await self._batch.locked(self._connection, commands)
        return await self._batch.lightly(self._connection, commands)

    def _drop(self) -> None:
        """Let go of the connection without waiting for the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _answer(waiting: Waiting, results: list[Result]) -> None:
    if not waiting.done.done():  # else the caller was cancelled meanwhile
        waiting.done.set_result(results)


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.done.done():
            unavailable = DatabaseUnavailable(
                str(error) if isinstance(error, DatabaseUnavailable) else "a ledger command cannot be written"
            )
            unavailable.__cause__ = error
            waiting.done.set_exception(unavailable)

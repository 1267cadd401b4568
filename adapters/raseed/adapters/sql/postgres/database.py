"""The PostgreSQL database that any number of workers share."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Self, TypeVar

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.postgres import connect as sessions
from raseed.adapters.sql.postgres.batch import CommitUnknown, PostgresBatch, committing
from raseed.adapters.sql.postgres.errors import is_conflict, is_connection_lost, is_trouble
from raseed.adapters.sql.postgres.writer import PostgresWriter
from raseed.adapters.sql.schema import migrate
from raseed.core.billing.commands import Command, Result
from raseed.core.clock import Clock, SystemClock
from raseed.core.ids import new_id

log = logging.getLogger(__name__)

T = TypeVar("T")
SYSTEM_CLOCK = SystemClock()

POINT_CONNECTIONS_MAX = 4
"""Look-ups by key at a time: each takes well under a millisecond."""
READ_CONNECTIONS_MAX = 4
"""Lists and reports at a time. One that takes seconds must not keep key look-ups waiting."""
WRITE_CONNECTIONS_MAX = 2
"""Writes outside the ledger at a time: accounts, keys, settings. They are rare."""
PATIENCE_S = 5.0
"""How long a command waits for its turn and for a server that is away, and how long other work that others interfere
with, or whose connection is lost before it could have an effect, is begun again. Who asked may not wait any longer."""
READY_TIMEOUT_S = 1.0
"""A database that takes longer for `SELECT 1` is not ready for requests."""
MIGRATION_LOCK: Final = 0x5261736565640001
"""Of the advisory locks: whoever has it migrates. Any number will do, but it must stay the same for ever."""
_REPEAT_PAUSE_MAX_S = 0.1

_MAY_COMMIT = "raseed_may_commit"


class PostgresDatabase:
    """Open with `await PostgresDatabase.open(url)`, close with `await close()`. Used from one event loop."""

    def __init__(
        self,
        writer: PostgresWriter,
        points: asyncpg.Pool,
        reading: AsyncEngine,
        writing: AsyncEngine,
        clock: Clock,
        patience_s: float,
    ) -> None:
        self.clock = clock
        """What "now" is for everything that this worker does."""
        self._writer = writer
        self._points = points
        self._reading = reading
        self._writing = writing
        self._patience_s = patience_s
        event.listen(writing.sync_engine, "commit", _refuse_early_commit)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        make_id: Callable[[str], str] = new_id,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Bring the schema up to date, one worker at a time, and connect. The URL is libpq's (`postgres_connect`).

        Raises DatabaseUnavailable if the server cannot be reached, SchemaTooNew if a later version wrote the database.
        """
        try:
            async with sessions.migrating(url) as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                await connection.run_sync(migrate)
                await _warn_of_unsafe_server(connection)
        except Exception as error:
            if is_connection_lost(error):
                raise DatabaseUnavailable(f"PostgreSQL cannot be used: {error}") from error
            raise
        points = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=POINT_CONNECTIONS_MAX,
            timeout=sessions.CONNECT_TIMEOUT_S,
            command_timeout=sessions.COMMAND_TIMEOUT_S,
            server_settings=dict(sessions.LEDGER),
            reset=_nothing_to_reset,
        )
        reading = sessions.engine(
            url,
            sessions.WORK,
            size=READ_CONNECTIONS_MAX,
            command_timeout_s=sessions.REPORT_TIMEOUT_S,
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        )
        writing = sessions.engine(
            url,
            sessions.WORK,
            size=WRITE_CONNECTIONS_MAX,
            execution_options={"isolation_level": "SERIALIZABLE"},
        )
        connect = partial(sessions.connect, url, sessions.LEDGER)
        writer = PostgresWriter(connect, PostgresBatch(clock, make_id), patience_s)
        return cls(writer, points, reading, writing, clock, patience_s)

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Decide and commit ledger commands; `PostgresLedger` is their port. Raises DatabaseUnavailable."""
        return await self._writer.submit(commands)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a SERIALIZABLE transaction, again if others interfere; durable when it returns.

        `work` neither commits nor rolls back: if it raises, what it wrote is undone and the exception is the caller's.
        Raises DatabaseUnavailable when the write did not happen, or when it is unknown whether it did.
        """

        async def once() -> T:
            async with self._writing.connect() as connection:
                info = (await connection.get_raw_connection()).info
                info[_MAY_COMMIT] = False
                value = await connection.run_sync(work)
                info[_MAY_COMMIT] = True
                async with committing():
                    await connection.commit()
                return value

        return await self._repeated(once)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a snapshot of committed state, for lists and reports. It cannot write.

        Raises DatabaseUnavailable.
        """

        async def once() -> T:
            async with self._reading.connect() as connection:
                return await connection.run_sync(work)

        return await self._repeated(once)

    async def read_point(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Run a look-up by key, one statement of the driver, on committed state. Raises DatabaseUnavailable."""

        async def once() -> T:
            async with self._points.acquire(timeout=sessions.CONNECT_TIMEOUT_S) as connection:
                return await work(connection)

        return await self._repeated(once)

    async def is_ready(self) -> bool:
        """Whether the database answers; cheap enough to be asked every second."""
        try:
            async with (
                asyncio.timeout(READY_TIMEOUT_S),
                self._points.acquire(timeout=READY_TIMEOUT_S) as connection,
            ):
                await connection.execute("SELECT 1")
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ready
            return False
        return True

    async def close(self) -> None:
        """Finish queued writes and disconnect."""
        await self._writer.close()
        self._points.terminate()
        await self._reading.dispose()
        await self._writing.dispose()

    async def _repeated(self, once: Callable[[], Awaitable[T]]) -> T:
        """Run it again while that is safe and may help."""
        give_up_at = asyncio.get_running_loop().time() + self._patience_s
        while True:
            try:
                return await once()
            except CommitUnknown as error:
                raise DatabaseUnavailable("it is unknown whether the write happened") from error
            except PoolTimeoutError as error:
                raise DatabaseUnavailable("every connection is in use") from error
            except Exception as error:
                if is_connection_lost(error):
                    await self._points.expire_connections()
                elif is_trouble(error):
                    raise DatabaseUnavailable(f"PostgreSQL cannot do it now: {error}") from error
                elif not is_conflict(error):
                    raise
                if asyncio.get_running_loop().time() > give_up_at:
                    raise DatabaseUnavailable(f"PostgreSQL cannot be reached: {error}") from error
                # A different pause for each of those who stepped on each other's toes.
                await asyncio.sleep(random.uniform(0, _REPEAT_PAUSE_MAX_S))  # noqa: S311


def _refuse_early_commit(connection: Connection) -> None:
    if not connection.info.get(_MAY_COMMIT):
        raise RuntimeError("the database commits, not the work that it runs")


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Look-ups leave nothing behind in their session, and a reset would be a round trip."""


async def _warn_of_unsafe_server(connection: AsyncConnection) -> None:
    for setting in ("fsync", "full_page_writes"):
        value = await connection.scalar(text("SELECT current_setting(:name)"), {"name": setting})
        if value != "on":
            log.warning("PostgreSQL runs with %s=%s: it can lose acknowledged charges.", setting, value)

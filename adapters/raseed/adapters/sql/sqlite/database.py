"""The SQLite database of one machine: one process, one writing connection, readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar, cast

from sqlalchemy import Connection

from raseed.adapters.sql.schema import migrate
from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands, Custom, commit_now
from raseed.adapters.sql.sqlite.dialect import borrowed
from raseed.adapters.sql.sqlite.files import FileLock, connect_writer, warn_of_old_sqlite
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.adapters.sql.sqlite.readers import SqliteReaders
from raseed.adapters.sql.sqlite.writer import SqliteWriter
from raseed.core.billing.commands import Command, Result
from raseed.core.clock import Clock, SystemClock
from raseed.core.ids import new_id

T = TypeVar("T")
SYSTEM_CLOCK = SystemClock()


class Database:
    """Open with `await Database.open(path)`, close with `await close()`. Used from one event loop."""

    def __init__(self, lock: FileLock, writer: SqliteWriter, readers: SqliteReaders, clock: Clock) -> None:
        self.clock = clock
        """What "now" is for everything in this database."""
        self._lock = lock
        self._writer = writer
        self._readers = readers

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        make_id: Callable[[str], str] = new_id,
        commit: Callable[[sqlite3.Connection], None] = commit_now,
    ) -> Self:
        """Lock the file, bring its schema up to date, start the writer.

        Raises DatabaseInUse if another process has it open, SchemaTooNew if a later version wrote it.
        """
        lock = FileLock(path)
        try:
            warn_of_old_sqlite()
            await asyncio.to_thread(_prepare, path)
            batch = LedgerBatch(clock, make_id)
            writer = SqliteWriter(BatchConnection(path, batch.apply, commit))
            return cls(lock, writer, SqliteReaders(path), clock)
        except BaseException:
            lock.release()
            raise

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Decide and commit ledger commands; `SqliteLedger` is their port. Raises DatabaseUnavailable."""
        return cast("list[Result]", await self._writer.submit(Commands(commands)))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the writing connection; durable when it returns.

        `work` runs in the event loop, shares its transaction with other writers and neither commits nor rolls back:
        if it raises, what it wrote is undone and the exception is the caller's. It must be short (a few rows) and do
        nothing but use its connection. Raises DatabaseUnavailable when it is unknown whether the commit happened.
        """
        return cast("T", await self._writer.submit(Custom(work)))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a thread on a snapshot of committed state, for lists and reports. It cannot write."""
        return await self._readers.read(work)

    def read_point(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run look-ups by key at once, in the loop, on a snapshot of committed state."""
        return self._readers.read_point(work)

    async def is_ready(self) -> bool:
        """Whether the file can be read; cheap enough to be asked every second."""
        try:
            self.read_point(lambda connection: connection.execute("SELECT 1").fetchone())
        except sqlite3.Error:
            return False
        return True

    async def close(self) -> None:
        """Finish queued writes, move the log into the file, let another process in."""
        await self._writer.close()
        self._readers.close()
        self._lock.release()


def _prepare(path: Path) -> None:
    raw = connect_writer(path)
    view = borrowed(raw)
    try:
        # One transaction for all revisions: a program that is killed meanwhile leaves the old schema.
        raw.execute("BEGIN IMMEDIATE")
        view.begin()
        migrate(view)
        raw.execute("COMMIT")
    finally:
        view.close()
        view.engine.dispose()
        raw.close()

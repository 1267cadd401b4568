"""Reading beside the writer: a snapshot each, never a lock, never a checkpoint."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from sqlalchemy import Connection

from raseed.adapters.sql.sqlite.dialect import borrowed
from raseed.adapters.sql.sqlite.files import connect_reader

READERS_MAX = 2
"""Reads at a time. Reports and lists; the paths of a request read points, in the loop."""

T = TypeVar("T")


class SqliteReaders:
    def __init__(self, path: Path) -> None:
        self._point = connect_reader(path)
        self._idle: SimpleQueue[tuple[sqlite3.Connection, Connection]] = SimpleQueue()
        self._all: list[tuple[sqlite3.Connection, Connection]] = []
        for _ in range(READERS_MAX):
            raw = connect_reader(path)
            self._all.append((raw, borrowed(raw)))
            self._idle.put(self._all[-1])
        self._threads = ThreadPoolExecutor(max_workers=READERS_MAX, thread_name_prefix="sqlite-read")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a thread, on one snapshot of committed state."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)

    def read_point(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a few look-ups by key here and now: cheaper than a thread, if they find their rows through an index."""
        self._point.execute("BEGIN")
        try:
            return work(self._point)
        finally:
            self._point.execute("ROLLBACK")

    def close(self) -> None:
        self._threads.shutdown()
        for raw, view in self._all:
            view.close()
            view.engine.dispose()
            raw.close()
        self._point.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        raw, view = connections = self._idle.get()
        try:
            raw.execute("BEGIN")
            try:
                return work(view)
            finally:
                view.rollback()  # ends SQLAlchemy's own idea of a transaction
                raw.execute("ROLLBACK")
        finally:
            self._idle.put(connections)

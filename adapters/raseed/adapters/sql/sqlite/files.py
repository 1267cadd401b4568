"""Opening SQLite files: pragmas, the lock that keeps a second process out, and the check of the linked version."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

WAL_RESET_FIXED = (3, 51, 3)
"""Before this version, two connections of which both write or checkpoint can corrupt a WAL file."""


class DatabaseInUse(Exception):
    """Another process has this database open."""


class FileLock:
    """An exclusive lock beside the database, held until `release` or the end of the process, however it ends."""

    def __init__(self, database: Path) -> None:
        """Raises DatabaseInUse at once if another process holds it."""
        self._path = database.with_name(database.name + ".lock")
        self._file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise DatabaseInUse(f"{database.name} is in use by process {holder}") from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        # The file stays: removing it would let two processes lock two files of the same name.
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes and checkpoints. Transactions are begun and ended by hand.

    `synchronous=FULL`: in WAL mode, NORMAL loses the last commits when the power fails. Checkpoints are ours to time,
    because an automatic one would run inside some request's commit.
    """
    connection = _connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten: what was erased must not stay in the file. Linux distributions build it so anyway.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, and so never checkpoints either."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    # Threads share a connection in turns, never at once: each hand-over is an await or a queue.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA trusted_schema = OFF")
    # With one writer, only a backup tool or a person at the sqlite3 shell can hold a lock.
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA cache_size = -16384")  # 16 MiB: the hot accounts of a busy day
    return connection


def warn_of_old_sqlite() -> None:
    """Say so when the linked SQLite has the WAL-reset bug. One connection that writes and checkpoints avoids it."""
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        log.warning(
            "SQLite %s has the WAL-reset bug (fixed in 3.51.3). Raseed avoids it with a single writing connection; "
            "keep other programs from writing to the database, and upgrade SQLite when you can.",
            sqlite3.sqlite_version,
        )

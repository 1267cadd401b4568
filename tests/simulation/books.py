"""The proof of the books, quick enough for every few steps: the statements of `verify`, compiled once."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.elements import ClauseElement

from raseed.adapters.sql.ledger.verify import CHECKS
from raseed.adapters.sql.tables import metadata

IN_MEMORY = Path("/dev/shm")


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where the system has such a place, because a sync costs nothing
    there. What a crash leaves behind is decided by the tests, not by the disk.
    """
    folder = Path(tempfile.mkdtemp(prefix="raseed-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Recorder:
    """Stands in for a connection and remembers what it is asked."""

    def __init__(self) -> None:
        self.statements: list[ClauseElement] = []
        self.dialect = SQLiteDialect_pysqlite()

    def execute(self, statement: ClauseElement) -> list[Any]:
        self.statements.append(statement)
        return []


@cache
def _checks() -> dict[str, str]:
    """SQL of each invariant by its name: rows found break it."""
    compiled: dict[str, str] = {}
    for name, check in CHECKS.items():
        recorder = _Recorder()
        assert list(check(cast("Connection", recorder))) == []
        [statement] = recorder.statements
        compiled[name] = str(
            statement.compile(dialect=recorder.dialect, compile_kwargs={"literal_binds": True})
        )
    assert compiled
    return compiled


def violations(connection: sqlite3.Connection) -> list[str]:
    """What `verify` would name."""
    return [
        f"{name}: {row[0]}: {row[1]}" for name, sql in _checks().items() for row in connection.execute(sql)
    ]


def digest(connection: sqlite3.Connection) -> str:
    """Of everything in the ledger's tables."""
    content = hashlib.sha256()
    for table in metadata.sorted_tables:
        keys = ", ".join(column.name for column in table.primary_key.columns)
        for row in connection.execute(f"SELECT * FROM {table.name} ORDER BY {keys}"):
            content.update(repr((table.name, *row)).encode())
    return content.hexdigest()

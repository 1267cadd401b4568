"""A look at a database from outside: it is not locked, not migrated and not changed, and may be in use."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, text

from raseed.adapters.sql.ledger.verify import CHECKS
from raseed.adapters.sql.postgres.connect import WORK, engine
from raseed.adapters.sql.schema import HEAD, revisions

QUICK_CHECKS = ("account_has_balance", "balance_available_equals_grants", "balance_held_equals_open_holds")
"""Of the ledger's invariants: what reads accounts, live grants and open holds, and not all that was ever booked."""
VIOLATIONS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    revision: str
    """Of the schema; empty: there are no tables yet."""
    violations: tuple[str, ...]
    """Of the quick checks; none are made on another schema than this program's."""
    server_time_us: int
    """By the clock of the database's machine."""

    @property
    def is_current(self) -> bool:
        return self.revision == HEAD


def inspect_sqlite(path: Path) -> Inspection | None:
    """None: there is no such file. Raises sqlalchemy.exc.DatabaseError if it is no database, or cannot be read."""
    if not path.exists():
        return None
    view = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, check_same_thread=False
        ),
    )
    try:
        with view.connect() as connection:
            return _inspect(connection)
    finally:
        view.dispose()


async def inspect_postgres(url: str) -> Inspection:
    """Raises what connecting raises."""
    reading = engine(url, WORK, size=1, execution_options={"postgresql_readonly": True})
    try:
        async with reading.connect() as connection:
            return await connection.run_sync(_inspect)
    finally:
        await reading.dispose()


def _inspect(connection: Connection) -> Inspection:
    now = time.time_ns() // 1000
    if connection.dialect.name == "postgresql":
        now = connection.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")) or 0
    found = "".join(sorted(revisions(connection)))
    violations: list[str] = []
    if found == HEAD:
        for name in QUICK_CHECKS:
            violations += [f"{name}: {id_}: {detail}" for id_, detail in CHECKS[name](connection)]
    return Inspection(revision=found, violations=tuple(violations[:VIOLATIONS_MAX]), server_time_us=now)

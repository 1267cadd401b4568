"""SQLAlchemy on a connection whose transactions somebody else begins and ends."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import StaticPool


class BorrowedConnectionDialect(SQLiteDialect_pysqlite):
    """The usual dialect, except that it never ends a transaction: many callers' writes share one."""

    supports_statement_cache = True

    def do_commit(self, dbapi_connection: Any) -> None:
        raise RuntimeError("the database commits, not the work that it runs")

    def do_rollback(self, dbapi_connection: Any) -> None:
        """SQLAlchemy rolls back when it lets go of a connection; the transaction is not its to undo."""


registry.register("sqlite.borrowed", __name__, BorrowedConnectionDialect.__name__)


def borrowed(connection: sqlite3.Connection) -> Connection:
    """A SQLAlchemy view of an open driver connection. Closing it leaves the driver connection as it is."""
    engine = create_engine("sqlite+borrowed://", creator=lambda: connection, poolclass=StaticPool)
    return engine.connect()

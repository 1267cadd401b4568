"""Connections as the simulation needs them: quick to open, and interrupted at a statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, NullPool, create_engine


class LateView:
    """A SQLAlchemy view that is made when it is first used, of one engine that knows its statements already: a world
    opens the database often, and making an engine takes longer than most transactions.
    """

    _raw_of_next: ClassVar[sqlite3.Connection | None] = None
    _engine: ClassVar[Engine | None] = None

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._made: Connection | None = None
        self.engine = self

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            cls = type(self)
            cls._raw_of_next = self._raw
            if cls._engine is None:
                cls._engine = create_engine(
                    "sqlite+borrowed://", creator=lambda: cls._raw_of_next, poolclass=_LendingPool
                )
            self._made = cls._engine.connect()
        return getattr(self._made, name)

    def rollback(self) -> None:
        if self._made is not None:
            self._made.rollback()

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def dispose(self) -> None:
        """The engine lives on."""


class _LendingPool(NullPool):
    """Asks for a connection each time and leaves it open: it is somebody else's."""

    def _do_return_conn(self, record: Any) -> None:
        record.dbapi_connection = None


class Interrupted:
    """A connection that calls `before` ahead of each statement."""

    def __init__(self, raw: sqlite3.Connection, before: Callable[[], None]) -> None:
        self._raw = raw
        self._before = before

    def execute(self, *args: Any) -> Any:
        self._before()
        return self._raw.execute(*args)

    def executemany(self, *args: Any) -> Any:
        self._before()
        return self._raw.executemany(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

"""The ledger's own rows, read past the product: on a stack's SQLite file or PostgreSQL database, also while it runs.

Queries number their parameters `$1`, `$2`, …, which both databases understand.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

import asyncpg

CONNECT_TIMEOUT_S = 10.0
IDS_IN_A_QUERY_MAX = 500


class Books(Protocol):
    """Waits for its answer, a few milliseconds, also where an event loop runs."""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class SqliteBooks:
    """A connection for each query: none is open when the file's owner dies or a test ends."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{path}?mode=ro"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._uri, uri=True)) as connection:
            return connection.execute(
                query, {str(at): value for at, value in enumerate(values, 1)}
            ).fetchall()

    def close(self) -> None:
        """Nothing is open."""


class PostgresBooks:
    """One connection, made again when the server was away, on an event loop in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "books")
        self._runner = asyncio.Runner()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._run(self._rows(query, values))  # type: ignore[no-any-return]

    def close(self) -> None:
        self._run(self._close())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._thread.submit(self._runner.run, work).result()

    async def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                return await self._fetch(self._connection, query, values)
        self._connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_S)
        return await self._fetch(self._connection, query, values)

    @staticmethod
    async def _fetch(
        connection: asyncpg.Connection, query: str, values: tuple[Any, ...]
    ) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await connection.fetch(query, *values)]

    async def _close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


def rows_of(books: Books, query: str, ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query whose `{ids}` stands for the ids, a few hundred at a time."""
    left = list(ids)
    while left:
        some, left = left[:IDS_IN_A_QUERY_MAX], left[IDS_IN_A_QUERY_MAX:]
        places = ", ".join(f"${at}" for at in range(1, len(some) + 1))
        yield from books.rows(query.format(ids=f"({places})"), *some)


_NEGATIVE = """
SELECT account_id FROM balances WHERE available_microcredits < 0 OR held_microcredits < 0 OR debt_microcredits < 0
UNION ALL
SELECT id FROM grants WHERE remaining_microcredits < 0 OR held_microcredits < 0
"""
_OF_THE_DEAD = """
SELECT holds.id FROM holds JOIN instances ON instances.id = holds.owner_instance
WHERE holds.state = 'open' AND holds.owner_epoch < instances.epoch
"""


def faults_in(books: Books) -> list[str]:
    """Balances below zero, and holds of a dead worker that the living one has not swept."""
    return [f"below zero: {id_}" for (id_,) in books.rows(_NEGATIVE)] + [
        f"held by the dead: {id_}" for (id_,) in books.rows(_OF_THE_DEAD)
    ]


def ends_in(books: Books) -> dict[str, int]:
    """How many requests ended how, by the ledger."""
    query = "SELECT outcome, count(*) FROM usage_events GROUP BY outcome ORDER BY outcome"
    return dict(books.rows(query))


def open_holds(books: Books) -> int:
    [(count,)] = books.rows("SELECT count(*) FROM holds WHERE state = 'open'")
    return int(count)


def owners_of_open_holds(books: Books, account_id: str) -> list[str]:
    """The workers that answer requests of this account now."""
    query = "SELECT DISTINCT owner_instance FROM holds WHERE state = 'open' AND account_id = $1"
    return [owner for (owner,) in books.rows(query, account_id)]

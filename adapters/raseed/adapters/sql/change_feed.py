"""The `changes` table as a feed for workers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import changes
from raseed.core.changes import Change

CHANGES_READ_MAX = 1_000
"""Rows of one poll; more are read by the next."""


class SqlChangeFeed:
    """Implements `core.changes.ChangeFeed`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def changes_after(self, seq: int) -> Sequence[Change]:
        def work(connection: Connection) -> list[Change]:
            rows = connection.execute(
                select(changes).where(changes.c.seq > seq).order_by(changes.c.seq).limit(CHANGES_READ_MAX)
            )
            return [Change(row.seq, row.kind, row.id) for row in rows]

        return await self._database.read(work)

    async def last_seq(self) -> int:
        return await self._database.read(
            lambda connection: connection.scalar(select(func.max(changes.c.seq))) or 0
        )

"""Notices to every active account, in SQL: where each broadcast has got to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue, is_full
from raseed.adapters.sql.messaging.tables import broadcasts
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.model import AccountStatus
from raseed.core.admin.broadcasts import Broadcast
from raseed.core.messaging.notices import Notice, NoticeKind

_OPEN = broadcasts.c.ended_at.is_(None)
_ACTIVE = accounts.c.status == literal_column(f"'{AccountStatus.ACTIVE}'")

BACKLOG_MAX = 200
"""Notices that are due when the next accounts are told: a broadcast to everybody must not keep a notice about somebody's
key waiting for longer than some seconds."""


class SqlBroadcastStore:
    """Implements `core.admin.broadcasts.BroadcastStore`."""

    def __init__(self, database: SqlDatabase, backlog_max: int = BACKLOG_MAX) -> None:
        self._database = database
        self._backlog_max = backlog_max

    async def add(self, broadcast: Broadcast) -> Broadcast:
        row = {
            "id": broadcast.id,
            "kind": broadcast.kind.value,
            "version": broadcast.version,
            "begins_on": broadcast.begins_on,
            "actor": broadcast.actor,
            "created_at": broadcast.created_at,
            "done_to": "",
            "account_count": 0,
            "ended_at": None,
        }

        def work(connection: Connection) -> Broadcast:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            added = connection.execute(
                dialect.insert(broadcasts)
                .values(row)
                .on_conflict_do_nothing(index_elements=["kind", "version"])
            )
            if added.rowcount:
                detail = f"{broadcast.kind} version={broadcast.version} begins_on={broadcast.begins_on}"
                record_audit(
                    connection,
                    broadcast.created_at,
                    broadcast.actor,
                    "notice.broadcast",
                    broadcast.id,
                    detail,
                )
            same = (broadcasts.c.kind == row["kind"]) & (broadcasts.c.version == row["version"])
            return _broadcast(connection.execute(select(broadcasts).where(same)).one())

        return await self._database.write(work)

    async def list(self, after: str, limit: int) -> Sequence[Broadcast]:
        query = select(broadcasts).order_by(broadcasts.c.id.desc()).limit(limit)
        if after:
            query = query.where(broadcasts.c.id < after)
        return await self._database.read(
            lambda connection: [_broadcast(row) for row in connection.execute(query)]
        )

    async def advance(self, limit: int) -> bool:
        oldest = select(broadcasts).where(_OPEN).order_by(broadcasts.c.id).limit(1)
        now = self._database.clock.now()

        def may_go_on(connection: Connection) -> bool:
            is_open = connection.execute(oldest).first() is not None
            return is_open and not is_full(connection, now, self._backlog_max)

        if not await self._database.read(may_go_on):
            return False  # nothing is written while there is nothing to do

        def work(connection: Connection) -> bool:
            row = connection.execute(oldest).first()
            if row is None:
                return False
            due = select(accounts.c.id).where(_ACTIVE, accounts.c.id > row.done_to).order_by(accounts.c.id)
            found = connection.scalars(due.limit(limit)).all()
            told = sum(enqueue(connection, _notice(row, account_id), now) for account_id in found)
            connection.execute(
                update(broadcasts)
                .where(broadcasts.c.id == row.id)
                .values(
                    done_to=found[-1] if found else row.done_to,
                    account_count=row.account_count + told,
                    ended_at=None if len(found) == limit else now,
                )
            )
            return True

        return await self._database.write(work)


def _notice(row: Row[Any], account_id: Any) -> Notice:
    return Notice(
        kind=NoticeKind(row.kind),
        account_id=account_id,
        cause=f"{row.version}:{account_id}",
        parameters={"version": row.version, "begins_on": row.begins_on},
    )


def _broadcast(row: Row[Any]) -> Broadcast:
    return Broadcast(
        id=row.id,
        kind=NoticeKind(row.kind),
        version=row.version,
        begins_on=row.begins_on,
        actor=row.actor,
        created_at=row.created_at,
        account_count=row.account_count,
        ended_at=row.ended_at,
    )

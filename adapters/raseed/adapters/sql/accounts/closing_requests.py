"""Holders' wishes to have their account closed, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from raseed.adapters.sql.accounts.tables import closing_requests
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.closing import ClosingRequest
from raseed.core.clock import DAY
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import Notice, NoticeKind

_requests = closing_requests.c


class SqlClosingRequestStore:
    """Implements `core.accounts.closing.ClosingRequestStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def put(self, request: ClosingRequest, actor: str) -> ClosingRequest:
        now = self._database.clock.now()

        def work(connection: Connection) -> ClosingRequest:
            before = _found(connection, request.account_id)
            kept = request if before is None else replace(request, requested_at=before.requested_at)
            if kept == before:
                return kept
            drop_closing_request(connection, request.account_id)
            connection.execute(
                insert(closing_requests).values(
                    account_id=kept.account_id,
                    requested_at=kept.requested_at,
                    reason=kept.reason,
                    wants_erasure=int(kept.wants_erasure),
                )
            )
            record_audit(connection, now, actor, "account.closing_requested", kept.account_id, kept.reason)
            if before is None:
                notice = Notice(
                    kind=NoticeKind.CLOSING_REQUESTED,
                    account_id=kept.account_id,
                    # Who asks, withdraws and asks again is heard once.
                    cause=f"{kept.account_id}:{now // DAY}",
                    parameters={"account": kept.account_id},
                )
                enqueue(connection, notice, now)
            return kept

        return await self._database.write(work)

    async def get(self, account_id: AccountId) -> ClosingRequest | None:
        return await self._database.read(lambda connection: _found(connection, account_id))

    async def withdraw(self, account_id: AccountId, actor: str) -> None:
        now = self._database.clock.now()

        def work(connection: Connection) -> None:
            if drop_closing_request(connection, account_id):
                record_audit(connection, now, actor, "account.closing_withdrawn", account_id, "")

        await self._database.write(work)

    async def list(self, after: str, limit: int) -> Sequence[ClosingRequest]:
        query = select(closing_requests).order_by(_requests.account_id.desc()).limit(limit)
        if after:
            query = query.where(_requests.account_id < after)
        return await self._database.read(
            lambda connection: [_request(row) for row in connection.execute(query)]
        )


def drop_closing_request(
    connection: Connection, account_id: AccountId, *, keep_for_erasure: bool = False
) -> bool:
    """It is fulfilled, or no longer wished. `keep_for_erasure`: unless there is something left to do."""
    query = delete(closing_requests).where(_requests.account_id == account_id)
    if keep_for_erasure:
        query = query.where(_requests.wants_erasure == 0)
    return connection.execute(query).rowcount > 0


def _found(connection: Connection, account_id: AccountId) -> ClosingRequest | None:
    row = connection.execute(select(closing_requests).where(_requests.account_id == account_id)).first()
    return None if row is None else _request(row)


def _request(row: Row[Any]) -> ClosingRequest:
    return ClosingRequest(
        account_id=row.account_id,
        requested_at=row.requested_at,
        reason=row.reason,
        wants_erasure=bool(row.wants_erasure),
    )

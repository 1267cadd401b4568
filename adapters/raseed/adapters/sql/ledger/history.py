"""Past grants and top-ups in SQL. Ids begin with their time, so the newest have the highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, literal_column, select

from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.history import PastGrant
from raseed.core.billing.model import GrantSource, GrantStatus
from raseed.core.ids import AccountId

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_BOUGHT = grants.c.source == literal_column(f"'{GrantSource.TOPUP}'")
_ACTIVE = grants.c.status == literal_column(f"'{GrantStatus.ACTIVE}'")
_PAST = grants.c.status != literal_column(f"'{GrantStatus.ACTIVE}'")


class SqlHistoryStore:
    """Implements `core.billing.history.HistoryStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def grants(self, account_id: AccountId, after: str, limit: int) -> Sequence[PastGrant]:
        def work(connection: Connection) -> list[PastGrant]:
            newest = _newest(account_id)
            found = [
                grant
                for part in (newest.where(_ACTIVE), newest.where(_PAST))
                for grant in _page(connection, part, after, limit)
            ]
            return sorted(found, key=lambda grant: grant.id, reverse=True)[:limit]

        return await self._database.read(work)

    async def topups(self, account_id: AccountId, after: str, limit: int) -> Sequence[PastGrant]:
        query = _newest(account_id).where(_BOUGHT)
        return await self._database.read(lambda connection: _page(connection, query, after, limit))

    async def topups_from(
        self, account_id: AccountId, offset: int, limit: int
    ) -> tuple[Sequence[PastGrant], int]:
        def work(connection: Connection) -> tuple[list[PastGrant], int]:
            page = _newest(account_id).where(_BOUGHT).offset(offset).limit(limit)
            counted = (
                select(func.count()).select_from(grants).where(grants.c.account_id == account_id, _BOUGHT)
            )
            found = [_grant(row) for row in connection.execute(page)] if limit else []
            return found, connection.scalar(counted) or 0

        return await self._database.read(work)


def _newest(account_id: AccountId) -> Select[Any]:
    return select(grants).where(grants.c.account_id == account_id).order_by(grants.c.id.desc())


def _page(connection: Connection, query: Select[Any], after: str, limit: int) -> list[PastGrant]:
    if after:
        query = query.where(grants.c.id < after)
    return [_grant(row) for row in connection.execute(query.limit(limit))]


def _grant(row: Row[Any]) -> PastGrant:
    return PastGrant(
        id=row.id,
        source=GrantSource(row.source),
        status=GrantStatus(row.status),
        amount_microcredits=row.amount_microcredits,
        remaining_microcredits=row.remaining_microcredits,
        held_microcredits=row.held_microcredits,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        paid_minor=row.cost_basis_minor,
        currency=row.currency,
    )

"""Accounts whose expired credit is still on the books."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, literal_column, select

from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.model import GrantStatus
from raseed.core.ids import AccountId

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_ACTIVE = grants.c.status == literal_column(f"'{GrantStatus.ACTIVE}'")


class SqlExpiryQueue:
    """Implements `core.billing.expiry.ExpiryQueue`. Reads only: it is the ledger's command that books."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def accounts_to_expire(self, limit: int) -> Sequence[AccountId]:
        due = (
            select(grants.c.account_id)
            .where(
                _ACTIVE,
                grants.c.expires_at.is_not(None),
                grants.c.expires_at <= self._database.clock.now(),
                grants.c.remaining_microcredits > grants.c.held_microcredits,
            )
            .group_by(grants.c.account_id)
            .order_by(func.min(grants.c.expires_at), grants.c.account_id)
            .limit(limit)
        )
        found = await self._database.read(lambda connection: connection.scalars(due).all())
        return [AccountId(account_id) for account_id in found]

"""The ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.postgres import statements
from raseed.adapters.sql.postgres.batch import holds_of, load
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ledger_state import balance_view, needs
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.ids import AccountId, HoldId

T = TypeVar("T")
NOTHING = needs(())


class PostgresLedger:
    """Implements `core.billing.ports.Ledger`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        try:
            return await self._database.submit(commands)
        except DatabaseUnavailable as error:
            raise LedgerUnavailable(str(error)) from error

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        loaded = await self._read(
            lambda connection: load(connection, NOTHING._replace(account_ids={account_id}))
        )
        account = loaded.state.accounts.get(account_id)
        return None if account is None else balance_view(account, self._database.clock.now())

    async def hold(self, hold_id: HoldId) -> Hold | None:
        loaded = await self._read(lambda connection: load(connection, NOTHING._replace(hold_ids={hold_id})))
        return loaded.state.holds.get(hold_id)

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        now = self._database.clock.now()
        behind = (-1, "") if after is None else (after.lease_until, after.id)

        async def find(connection: asyncpg.Connection) -> list[Hold]:
            found = await connection.fetchrow(
                statements.LOAD_HOLDS_TO_SWEEP, now, instance, epoch, limit, *behind
            )
            return list(holds_of(*found).values())

        return await self._read(find)

    async def _read(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        try:
            return await self._database.read_point(work)
        except DatabaseUnavailable as error:
            raise LedgerUnavailable(str(error)) from error

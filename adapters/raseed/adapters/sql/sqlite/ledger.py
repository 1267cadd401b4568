"""The ledger on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite import ledger_statements as statements
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger_batch import load_accounts, load_holds, with_allocations
from raseed.adapters.sql.sqlite.writer import BATCH_COMMANDS_MAX
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ledger_state import balance_view
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.ids import AccountId, HoldId


class SqliteLedger:
    """Implements `core.billing.ports.Ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """More commands than a batch holds are committed in several, in order."""
        results: list[Result] = []
        try:
            for start in range(0, len(commands), BATCH_COMMANDS_MAX):
                results += await self._database.submit(commands[start : start + BATCH_COMMANDS_MAX])
        except DatabaseUnavailable as error:
            raise LedgerUnavailable(str(error)) from error
        return results

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        found = self._database.read_point(lambda connection: load_accounts(connection, [account_id]))
        account = found.get(account_id)
        return None if account is None else balance_view(account, self._database.clock.now())

    async def hold(self, hold_id: HoldId) -> Hold | None:
        return self._database.read_point(lambda connection: load_holds(connection, [hold_id])).get(hold_id)

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        now = self._database.clock.now()
        behind = (-1, "") if after is None else (after.lease_until, after.id)

        def find(connection: sqlite3.Connection) -> list[Hold]:
            parameters = (*behind, now, instance, epoch)
            rows = connection.execute(statements.LOAD_HOLDS_TO_SWEEP, parameters).fetchmany(limit)
            return list(with_allocations(connection, rows).values())

        return self._database.read_point(find)

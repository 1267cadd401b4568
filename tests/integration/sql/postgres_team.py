"""Several workers on one PostgreSQL database, each with its own connections, as processes of their own would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.contract.ledger.conftest import ACCOUNT
from tests.support.postgres import PostgresServer
from tests.unit.billing.builders import ManualClock

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.ledger.verify import verify
from raseed.adapters.sql.postgres.database import PATIENCE_S, PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.core.ids import AccountId


class Team:
    """`ledgers[n]` and `databases[n]` belong to worker n. One clock for all."""

    def __init__(
        self, server: PostgresServer, url: str, clock: ManualClock, databases: Sequence[PostgresDatabase]
    ) -> None:
        self.server = server
        self.url = url
        self.clock = clock
        self.databases = databases
        self.ledgers = [PostgresLedger(database) for database in databases]

    @classmethod
    async def open(cls, server: PostgresServer, size: int, patience_s: float = PATIENCE_S) -> Team:
        url = await server.borrow_database()
        clock = ManualClock()
        databases = [
            await PostgresDatabase.open(url, clock=clock, patience_s=patience_s) for _ in range(size)
        ]
        return cls(server, url, clock, databases)

    async def open_accounts(self, *account_ids: AccountId) -> None:
        for account_id in account_ids:
            account = replace(ACCOUNT, id=account_id, email=f"{account_id}@example.com")
            await self.databases[0].write(lambda c, account=account: create_account(c, account))  # type: ignore[misc]

    async def spendable(self, account_id: AccountId) -> int:
        balance = await self.ledgers[0].balance(account_id)
        assert balance is not None
        return balance.spendable_microcredits

    async def close(self) -> None:
        """Fails if the books are not in order."""
        violations = await self.databases[0].read(verify)
        for database in self.databases:
            await database.close()
        await self.server.give_back(self.url)
        assert violations == []

"""The stores that the contract is checked on. A new one joins by a class here.

What is promised about several at once is checked with three workers on one database too: `AT_ONCE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Connection
from tests.support.memory_ledger import MemoryLedger
from tests.support.postgres import shared_server
from tests.support.sqlite_file import migrated
from tests.unit.billing.builders import ALICE, ManualClock

from raseed.adapters.sql.accounts.accounts import create_account, set_debt_limit, set_status
from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.ledger.spend_caps import set_cap, set_member_cap
from raseed.adapters.sql.ledger.verify import verify
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.accounts.model import Account, AccountStatus, ApiKey, Tier
from raseed.core.billing.ports import Ledger
from raseed.core.billing.spend_caps import SpendCap, key_bucket, member_bucket
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId

MEMORY, SQLITE, POSTGRES, POSTGRES_3 = "memory", "sqlite", "postgres", "postgres-3"
AT_ONCE = pytest.mark.parametrize("store", [MEMORY, SQLITE, POSTGRES, POSTGRES_3], indirect=True)
AT_ONCE_IN_SQL = pytest.mark.parametrize("store", [SQLITE, POSTGRES, POSTGRES_3], indirect=True)

ACCOUNT = Account(
    id=AccountId(""),
    email=None,
    phone_e164=None,
    tier=Tier.FREE,
    status=AccountStatus.ACTIVE,
    tier_expires_at=None,
    created_at=Microseconds(0),
)


KEY = ApiKey(
    id=ApiKeyId(""),
    account_id=AccountId(""),
    public_id="",
    digest=b"",
    pepper_version=1,
    name="key",
    last4="0000",
    created_at=Microseconds(0),
    expires_at=None,
    revoked_at=None,
)


class Store(Protocol):
    """A ledger with what a test needs around it."""

    clock: ManualClock

    @property
    def ledger(self) -> Ledger: ...

    async def open_account(self, account_id: AccountId) -> None: ...

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None: ...

    async def add_key(
        self,
        key_id: ApiKeyId,
        account_id: AccountId = ALICE,
        parent_id: ApiKeyId | None = None,
        created_by: PersonId | None = None,
    ) -> None:
        """Where keys are stored."""

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, account_id: AccountId = ALICE) -> None:
        """Of a key of the account, which is made if there is none."""

    async def set_member_cap(
        self, person_id: PersonId, cap: SpendCap | None, organisation_id: AccountId = ALICE
    ) -> None: ...

    async def set_debt_limit(self, account_id: AccountId, limit: int | None) -> None: ...

    async def restart(self) -> None:
        """Close it and open it again on the same data, where there is something to close."""

    async def close(self) -> None:
        """Fails if the books are not in order."""


class MemoryStore:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger = MemoryLedger(self.clock)

    async def open_account(self, account_id: AccountId) -> None:
        self.ledger.open_account(account_id)

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        self.ledger.set_status(account_id, status)

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, account_id: AccountId = ALICE) -> None:
        self.ledger.set_cap(key_bucket(key_id), cap)

    async def add_key(
        self,
        key_id: ApiKeyId,
        account_id: AccountId = ALICE,
        parent_id: ApiKeyId | None = None,
        created_by: PersonId | None = None,
    ) -> None: ...

    async def set_member_cap(
        self, person_id: PersonId, cap: SpendCap | None, organisation_id: AccountId = ALICE
    ) -> None:
        self.ledger.set_cap(member_bucket(organisation_id, person_id), cap)

    async def set_debt_limit(self, account_id: AccountId, limit: int | None) -> None:
        self.ledger.set_debt_limit(account_id, limit)

    async def restart(self) -> None: ...

    async def close(self) -> None: ...


class SqliteStore:
    def __init__(self, path: Path, clock: ManualClock, database: Database) -> None:
        self.path = path
        self.clock = clock
        self.database = database
        self.ledger = SqliteLedger(database)

    def next_worker(self) -> tuple[SqlDatabase, Ledger]:
        """All workers are on the one connection that writes."""
        return self.database, self.ledger

    @classmethod
    async def open(cls, path: Path) -> SqliteStore:
        clock = ManualClock()
        return cls(path, clock, await Database.open(migrated(path), clock=clock))

    async def open_account(self, account_id: AccountId) -> None:
        account = replace(ACCOUNT, id=account_id, email=f"{account_id}@example.com")
        await self.database.write(lambda connection: create_account(connection, account))

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        assert await self.database.write(lambda connection: set_status(connection, account_id, status))

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, account_id: AccountId = ALICE) -> None:
        def work(connection: Connection) -> None:
            if not set_cap(connection, key_id, cap, self.clock.now()):
                insert_key(connection, replace(KEY, id=key_id, account_id=account_id, public_id=key_id))
                assert set_cap(connection, key_id, cap, self.clock.now())

        await self.database.write(work)

    async def add_key(
        self,
        key_id: ApiKeyId,
        account_id: AccountId = ALICE,
        parent_id: ApiKeyId | None = None,
        created_by: PersonId | None = None,
    ) -> None:
        await self.database.write(
            lambda connection: insert_key(
                connection,
                replace(
                    KEY,
                    id=key_id,
                    account_id=account_id,
                    public_id=key_id,
                    parent_id=parent_id,
                    created_by=created_by,
                ),
            )
        )

    async def set_member_cap(
        self, person_id: PersonId, cap: SpendCap | None, organisation_id: AccountId = ALICE
    ) -> None:
        assert await self.database.write(
            lambda connection: set_member_cap(connection, organisation_id, person_id, cap, self.clock.now())
        )

    async def set_debt_limit(self, account_id: AccountId, limit: int | None) -> None:
        assert await self.database.write(lambda connection: set_debt_limit(connection, account_id, limit))

    async def restart(self) -> None:
        await self.database.close()
        self.database = await Database.open(self.path, clock=self.clock)
        self.ledger = SqliteLedger(self.database)

    async def close(self) -> None:
        violations = await self.database.read(verify)
        await self.database.close()
        assert violations == []


class PostgresStore:
    """A database of its own on the session's server. Its workers take turns: who asks gets the next one's connections."""

    def __init__(self, url: str, clock: ManualClock, databases: Sequence[PostgresDatabase]) -> None:
        self.url = url
        self.clock = clock
        self._databases = databases
        self._turns = cycle(databases)

    @classmethod
    async def open(cls, workers: int = 1) -> PostgresStore:
        url = await shared_server().borrow_database()
        clock = ManualClock()
        return cls(url, clock, await cls._connect(url, clock, workers))

    @staticmethod
    async def _connect(url: str, clock: ManualClock, workers: int) -> Sequence[PostgresDatabase]:
        return await asyncio.gather(*(PostgresDatabase.open(url, clock=clock) for _ in range(workers)))

    @property
    def database(self) -> PostgresDatabase:
        return next(self._turns)

    @property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self.database)

    def next_worker(self) -> tuple[SqlDatabase, Ledger]:
        """What one worker stands on."""
        database = self.database
        return database, PostgresLedger(database)

    async def open_account(self, account_id: AccountId) -> None:
        account = replace(ACCOUNT, id=account_id, email=f"{account_id}@example.com")
        await self.database.write(lambda connection: create_account(connection, account))

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        assert await self.database.write(lambda connection: set_status(connection, account_id, status))

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, account_id: AccountId = ALICE) -> None:
        def work(connection: Connection) -> None:
            if not set_cap(connection, key_id, cap, self.clock.now()):
                insert_key(connection, replace(KEY, id=key_id, account_id=account_id, public_id=key_id))
                assert set_cap(connection, key_id, cap, self.clock.now())

        await self.database.write(work)

    async def add_key(
        self,
        key_id: ApiKeyId,
        account_id: AccountId = ALICE,
        parent_id: ApiKeyId | None = None,
        created_by: PersonId | None = None,
    ) -> None:
        await self.database.write(
            lambda connection: insert_key(
                connection,
                replace(
                    KEY,
                    id=key_id,
                    account_id=account_id,
                    public_id=key_id,
                    parent_id=parent_id,
                    created_by=created_by,
                ),
            )
        )

    async def set_member_cap(
        self, person_id: PersonId, cap: SpendCap | None, organisation_id: AccountId = ALICE
    ) -> None:
        assert await self.database.write(
            lambda connection: set_member_cap(connection, organisation_id, person_id, cap, self.clock.now())
        )

    async def set_debt_limit(self, account_id: AccountId, limit: int | None) -> None:
        assert await self.database.write(lambda connection: set_debt_limit(connection, account_id, limit))

    async def restart(self) -> None:
        await self._disconnect()
        self._databases = await self._connect(self.url, self.clock, len(self._databases))
        self._turns = cycle(self._databases)

    async def close(self) -> None:
        violations = await self.database.read(verify)
        await self._disconnect()
        await shared_server().give_back(self.url)
        assert violations == []

    async def _disconnect(self) -> None:
        for database in self._databases:
            await database.close()


SqlStore = SqliteStore | PostgresStore


async def open_store(kind: str, folder: Path) -> SqlStore:
    """One of `SQLITE`, `POSTGRES` and `POSTGRES_3`; a file lies in the folder."""
    if kind == SQLITE:
        return await SqliteStore.open(folder / "raseed.db")
    return await PostgresStore.open({POSTGRES: 1, POSTGRES_3: 3}[kind])


@pytest.fixture(params=[MEMORY, SQLITE, POSTGRES])
async def store(request, tmp_path) -> AsyncIterator[Store]:
    opened = MemoryStore() if request.param == MEMORY else await open_store(request.param, tmp_path)
    yield opened
    await opened.close()

"""A worker on a real store that can die: nothing of it is written any more, and its next life finds what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.desk import INSTANCE, Desk
from tests.support.faulty_ledger import FaultyLedger
from tests.support.postgres import shared_server
from tests.support.sqlite_file import migrated
from tests.unit.billing.builders import issue

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.instances import begin_life
from raseed.adapters.sql.ledger.verify import verify
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.billing.commands import Command, Granted, Result
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.ports import Ledger
from raseed.core.clock import Microseconds, SystemClock
from raseed.core.ids import AccountId
from raseed.core.inference.admission import SlotLimits
from raseed.core.inference.ports import ModelBackend

ACCOUNT = Account(
    id=AccountId(""),
    email=None,
    phone_e164=None,
    tier=Tier.ENTERPRISE,
    status=AccountStatus.ACTIVE,
    tier_expires_at=None,
    created_at=Microseconds(0),
)
CLOSE_TIMEOUT_S = 10.0
SQLITE, POSTGRES = "sqlite", "postgres"

Store = Callable[[], Awaitable[tuple[SqlDatabase, Ledger]]]
"""Opens the same books each time."""


@asynccontextmanager
async def store(kind: str, path: Path) -> AsyncIterator[Store]:
    """An empty one of the kind; a file lies at the path."""
    if kind == SQLITE:
        yield lambda: _open_sqlite(path)
        return
    server = shared_server()
    url = await server.borrow_database()
    yield lambda: _open_postgres(url)
    await server.give_back(url)


async def _open_sqlite(path: Path) -> tuple[SqlDatabase, Ledger]:
    database = await Database.open(migrated(path))
    return database, SqliteLedger(database)


async def _open_postgres(url: str) -> tuple[SqlDatabase, Ledger]:
    database = await PostgresDatabase.open(url)
    return database, PostgresLedger(database)


class MortalLedger(FaultyLedger):
    """Until it dies. Afterwards no call reaches the store, and none ever returns."""

    is_dead = False

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        if self.is_dead:
            await asyncio.Event().wait()
        return await super().submit(commands)


class Life:
    """One life of a worker: opened on a store, ended by `close` or `die`."""

    def __init__(self, database: SqlDatabase, ledger: Ledger, **parts: Any) -> None:
        self.database = database
        self.ledger = MortalLedger(ledger)
        self.desk = Desk(self.ledger, **parts)

    @classmethod
    async def begin(
        cls,
        store: Store,
        *,
        instance: str = INSTANCE,
        backend: ModelBackend | None = None,
        policy: HoldPolicy | None = None,
        limits: SlotLimits | None = None,
        timeout_s: float = 600.0,
    ) -> Life:
        """As a worker starts: a new epoch, then the holds of earlier lives are swept."""
        database, ledger = await store()
        epoch = await database.write(lambda connection: begin_life(connection, instance, SystemClock().now()))
        parts: dict[str, Any] = {"instance": instance, "epoch": epoch, "timeout_s": timeout_s}
        parts |= {"backend": backend} if backend is not None else {}
        parts |= {"policy": policy} if policy is not None else {}
        parts |= {"limits": limits} if limits is not None else {}
        life = cls(database, ledger, **parts)
        await life.desk.holds.sweep()
        return life

    async def open_account(self, account_id: str, microcredits: int) -> AccountId:
        account = replace(ACCOUNT, id=AccountId(account_id), email=f"{account_id}@example.com")
        await self.database.write(lambda connection: create_account(connection, account))
        [granted] = await self.ledger.submit([issue("first", microcredits, account_id=account.id)])
        assert isinstance(granted, Granted)
        return account.id

    async def verify(self) -> list[Any]:
        """What is wrong with the books; empty if nothing is."""
        return list(await self.database.read(verify))

    async def die(self) -> None:
        """What was submitted is decided; what was not never will be. Readers get no answer."""
        self.ledger.is_dead = True
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            while self.desk.inference._tasks:
                for task in self.desk.inference._tasks:
                    task.cancel()
                await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if task.get_name().startswith(("extend ", "cancel ")):
                    task.cancel()
            await self.database.close()

    async def close(self) -> None:
        """Everything has ended by itself."""
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            if self.desk.inference._tasks:
                await asyncio.wait(self.desk.inference._tasks)
            await self.database.close()


async def quiet(life: Life, duration_s: float = 0.02) -> None:
    """Wait until nothing is asked of the ledger any more."""
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        while True:
            before = len(life.ledger.seen), len(life.ledger.attempts)
            await asyncio.sleep(duration_s)
            if before == (len(life.ledger.seen), len(life.ledger.attempts)) and before[0] == before[1]:
                return


async def let_be(task: asyncio.Task[Any]) -> None:
    """End a reader that nobody answers any more."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

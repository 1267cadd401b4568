"""The stores that the contract of keys is checked on, with the use cases on top: what is promised, they keep together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection, insert
from tests.contract.ledger.conftest import ACCOUNT, MEMORY, POSTGRES, POSTGRES_3, SQLITE, open_store
from tests.support.accounts import MemoryAccountStore
from tests.unit.billing.builders import ALICE, ManualClock

from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.accounts.api_keys import SqlKeyStore
from raseed.adapters.sql.accounts.tables import sessions
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.key_ports import KeyStore, SessionEnder
from raseed.core.accounts.key_service import By, KeyService, KeyTerms
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import Account
from raseed.core.accounts.ports import AccountStore
from raseed.core.ids import AccountId, SessionId

SESSION = SessionId("sess_1")
BOB = AccountId("acct_bob")
PEPPERS = Peppers({1: b"p" * 32})
OPERATOR = By(actor="local-socket")
STORES = [MEMORY, SQLITE, POSTGRES]
ON_DATABASES = pytest.mark.parametrize("desk", [SQLITE, POSTGRES], indirect=True)
AT_ONCE = pytest.mark.parametrize("desk", [SQLITE, POSTGRES, POSTGRES_3], indirect=True)


class Keys(Protocol):
    """One worker's."""

    def __call__(self, terms: KeyTerms | None = None, sessions: SessionEnder | None = None) -> KeyService: ...


@dataclass
class Desk:
    clock: ManualClock
    store: KeyStore
    authenticator: Authenticator
    keys: KeyService
    worker: Keys
    sql: Any
    """The SQL store under it; None for the one in memory."""


def _add_session(connection: Connection) -> None:
    """The one with which the tests' people act."""
    times = dict.fromkeys(("created_at", "authenticated_at", "last_used_at"), 0)
    connection.execute(
        insert(sessions).values(
            id=SESSION, digest=b"d", account_id=ALICE, device="", expires_at=2**60, **times
        )
    )


@pytest.fixture(params=STORES)
async def desk(request, tmp_path) -> AsyncIterator[Desk]:
    """Alice and Bob have accounts."""
    accounts: list[Account] = [
        replace(ACCOUNT, id=account_id, email=f"{account_id}@example.com") for account_id in (ALICE, BOB)
    ]
    opened = None if request.param == MEMORY else await open_store(request.param, tmp_path)
    clock = ManualClock() if opened is None else opened.clock
    memory = MemoryAccountStore(clock)

    def stores() -> tuple[AccountStore, KeyStore]:
        if opened is None:
            return memory, memory
        database = opened.database
        return SqlAccountStore(database), SqlKeyStore(database)

    account_store, key_store = stores()
    for account in accounts:
        await account_store.add_account(account, "test")
    if opened is not None:
        await opened.database.write(_add_session)
    authenticator = Authenticator(key_store, PEPPERS, clock)

    def worker(terms: KeyTerms | None = None, sessions: SessionEnder | None = None) -> KeyService:
        found, store = stores()
        return KeyService(store, found, authenticator, PEPPERS, clock, terms=terms, sessions=sessions)

    yield Desk(clock, key_store, authenticator, worker(), worker, opened)
    if opened is not None:
        await opened.close()

"""The databases that content is kept in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.contract.ledger.conftest import PostgresStore, SqliteStore
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.content.vault import Vault
from raseed.adapters.sql.content import SqlContentStore
from raseed.core.content.ports import ContentLimits

VAULT = Vault({1: b"m" * 32})
LIMITS = ContentLimits(item_bytes_max=1_000, account_bytes_max=3_000)


@dataclass
class Opened:
    store: SqliteStore | PostgresStore

    @property
    def content(self) -> SqlContentStore:
        """A new one at each time, as in another worker."""
        return SqlContentStore(self.store.database, VAULT, LIMITS)


@pytest.fixture(params=["sqlite", "postgres"])
async def opened(request, tmp_path) -> AsyncIterator[Opened]:
    store: SqliteStore | PostgresStore = (
        await SqliteStore.open(tmp_path / "raseed.db")
        if request.param == "sqlite"
        else await PostgresStore.open()
    )
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    yield Opened(store)
    await store.close()

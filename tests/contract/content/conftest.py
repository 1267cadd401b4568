"""The databases that content is kept in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.content.vault import Vault
from raseed.adapters.sql.content import SqlContentStore
from raseed.core.content.ports import ContentLimits

VAULT = Vault({1: b"m" * 32})
LIMITS = ContentLimits(item_bytes_max=1_000, account_bytes_max=3_000)


@dataclass
class Opened:
    store: SqlStore

    @property
    def content(self) -> SqlContentStore:
        """A new one at each time, as in another worker."""
        return SqlContentStore(self.store.database, VAULT, LIMITS)


@pytest.fixture(params=[SQLITE, POSTGRES])
async def opened(request, tmp_path) -> AsyncIterator[Opened]:
    store = await open_store(request.param, tmp_path)
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    yield Opened(store)
    await store.close()

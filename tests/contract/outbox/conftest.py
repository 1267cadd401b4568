"""The databases that notices lie in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import PostgresStore, SqliteStore
from tests.unit.billing.builders import ALICE, BOB

Store = SqliteStore | PostgresStore


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, tmp_path) -> AsyncIterator[Store]:
    opened: Store = (
        await SqliteStore.open(tmp_path / "raseed.db")
        if request.param == "sqlite"
        else await PostgresStore.open()
    )
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    yield opened
    await opened.close()

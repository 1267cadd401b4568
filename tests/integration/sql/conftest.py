"""A SQLite store with Alice in it, who has a hundred micro-credits."""

from __future__ import annotations

import pytest
from tests.contract.ledger.conftest import SqliteStore
from tests.unit.billing.builders import ALICE, issue


@pytest.fixture
async def store(tmp_path):
    opened = await SqliteStore.open(tmp_path / "raseed.db")
    await opened.open_account(ALICE)
    await opened.ledger.submit([issue("g", 100)])
    yield opened
    await opened.database.close()

"""What most tests of payments begin with: a store, and on it a till or a house of plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.contract.ledger.conftest import SQLITE, SqlStore, open_store
from tests.support.plan_house import PlanHouse
from tests.support.till import Till
from tests.unit.billing.builders import ALICE, BOB

WORKERS = 3


@pytest.fixture(params=[SQLITE])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def till(store: SqlStore) -> Till:
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    return Till(store, workers=WORKERS)


@pytest.fixture
async def house(store: SqlStore) -> PlanHouse:
    opened = PlanHouse(store, workers=WORKERS)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    return opened

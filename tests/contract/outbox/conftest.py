"""The databases that notices lie in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    yield opened
    await opened.close()

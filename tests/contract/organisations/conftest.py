"""Organisations on SQLite, and on PostgreSQL with one worker or three."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store
from tests.support.organisations import Club
from tests.support.sign_in import House

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
"""What depends on the database; the rules themselves are checked on SQLite alone, which is quicker."""
AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)


@pytest.fixture(params=[SQLITE])
async def store(request, tmp_path) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    opened.workers = 3 if request.param == POSTGRES_3 else 1  # type: ignore[union-attr]
    yield opened
    await opened.close()


@pytest.fixture
def club(store) -> Club:
    return Club(House(store, workers=store.workers))

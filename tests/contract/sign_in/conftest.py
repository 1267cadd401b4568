"""Sign-in on SQLite, and on PostgreSQL with one worker or three."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import PostgresStore, SqliteStore
from tests.support.sign_in import House

WORKERS = {"sqlite": 1, "postgres": 1, "postgres-3": 3}
ON_BOTH = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
"""What depends on the database; the rules themselves are checked on SQLite alone, which is quicker."""
AT_ONCE = pytest.mark.parametrize("store", ["sqlite", "postgres-3"], indirect=True)


@pytest.fixture(params=["sqlite"])
async def store(request, tmp_path) -> AsyncIterator[SqliteStore | PostgresStore]:
    opened: SqliteStore | PostgresStore = (
        await SqliteStore.open(tmp_path / "raseed.db")
        if request.param == "sqlite"
        else await PostgresStore.open(WORKERS[request.param])
    )
    opened.workers = WORKERS[request.param]  # type: ignore[union-attr]
    yield opened
    await opened.close()


@pytest.fixture
def house(store) -> House:
    return House(store, workers=store.workers)

"""The databases that notices lie in: one of each kind for all tests of a module, and every test finds no notice there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, update
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.messaging.tables import notice_preferences, outbox


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE, POSTGRES])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path_factory.mktemp("outbox"))
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _empty(store: SqlStore) -> None:
    def work(connection: Connection) -> None:
        connection.execute(delete(outbox))
        connection.execute(delete(notice_preferences))
        connection.execute(update(accounts).values(phone_e164=None, language="", status="active"))

    await store.database.write(work)

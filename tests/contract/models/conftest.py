"""The databases that the catalogue of local models is kept in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    yield opened
    await opened.close()

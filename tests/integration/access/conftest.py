from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.integration.access.doors import Doors, open_doors


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors() -> AsyncIterator[Doors]:
    async with open_doors() as opened:
        yield opened

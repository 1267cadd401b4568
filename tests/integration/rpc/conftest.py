"""A worker for all tests of a module; every test has accounts of its own.

`AT_ONCE` runs a test also against three workers on one database, each call answered by the next of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest
import pytest_asyncio
from tests.support.worker import Client, Worker, running_worker, three_workers

SQLITE, POSTGRES_3 = "sqlite", "postgres-3"
AT_ONCE = pytest.mark.parametrize("worker", [SQLITE, POSTGRES_3], indirect=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE])
async def worker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    start = running_worker if request.param == SQLITE else three_workers
    async with start(tmp_path_factory.mktemp("worker")) as running:
        yield running


NUMBERS = count(1)


@pytest.fixture
def new_client(worker: Worker) -> Callable[..., Awaitable[Client]]:
    async def make(credit: int = 1_000, scopes: tuple[str, ...] = ()) -> Client:
        return await worker.client(f"client-{next(NUMBERS)}", credit, scopes)

    return make

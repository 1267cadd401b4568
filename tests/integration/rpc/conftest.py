"""One worker for all tests of a module; every test has accounts of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest
import pytest_asyncio
from tests.support.worker import Client, Worker, running_worker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    async with running_worker(tmp_path_factory.mktemp("worker")) as running:
        yield running


NUMBERS = count(1)


@pytest.fixture
def new_client(worker: Worker) -> Callable[..., Awaitable[Client]]:
    async def make(credit: int = 1_000, scopes: tuple[str, ...] = ()) -> Client:
        return await worker.client(f"client-{next(NUMBERS)}", credit, scopes)

    return make

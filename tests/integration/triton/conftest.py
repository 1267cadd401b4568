from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.integration.triton.asking import Asker
from tests.integration.triton.server import EMBED, SLOW, TINY, RunningTriton, start_triton

from raseed.adapters.triton.bundle import sweep_shared_memory
from raseed.adapters.triton.client import TritonClient, TritonClientSettings


def start(tmp_path_factory: pytest.TempPathFactory, models: tuple[str, ...]) -> RunningTriton:
    return start_triton(tmp_path_factory.mktemp("triton"), models)


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    """One server with all models, for all tests that do not break it."""
    running = start(tmp_path_factory, (TINY, SLOW, EMBED))
    yield running
    running.stop()


@pytest.fixture
def mortal_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    """A server of its own, for a test that breaks it."""
    running = start(tmp_path_factory, (TINY,))
    yield running
    if running.process.poll() is None:
        running.kill()
    sweep_shared_memory(running.shm_prefix)


@pytest_asyncio.fixture
async def client(triton: RunningTriton) -> AsyncIterator[TritonClient]:
    client = TritonClient(TritonClientSettings(address=triton.address))
    yield client
    await client.close()


@pytest.fixture
def ask(client: TritonClient) -> Asker:
    return Asker(client)

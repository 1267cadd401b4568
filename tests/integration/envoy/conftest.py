from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.envoy.edge import Edge, run_edge
from tests.integration.envoy.street import Street, open_street
from tests.integration.envoy.stub_core import StubCore, stub_core

KEYED = {"authorization": "Bearer rsd_test"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def core() -> AsyncIterator[StubCore]:
    async with stub_core() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(core: StubCore, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with run_edge(tmp_path_factory.mktemp("edge"), [core.port]) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(edge: Edge) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a key."""
    async with aiohttp.ClientSession(edge.url, headers=KEYED) as session:
        yield session


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def anonymous(edge: Edge) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(edge.url) as session:
        yield session


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with open_street(tmp_path_factory) as opened:
        yield opened

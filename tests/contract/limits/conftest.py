"""Stores of limits: in memory, and in a real Redis where there is a wheel of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.redis import RedisServer, is_installed, sharing_workers

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.core.limits.ports import LimitStore


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    if not is_installed():
        pytest.skip("there is no wheel of Redis for this Python")
    server = RedisServer().start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """Empty."""
    redis_server.forget()
    return redis_server


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LimitStore]:
    if request.param == "memory":
        yield MemoryLimitStore()
        return
    async with sharing_workers(request.getfixturevalue("redis"), 1) as [shared]:
        yield shared

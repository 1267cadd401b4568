"""Shops for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.emulators.clock import TurnedClock
from tests.support.creem_shop import (
    Opener,
    Shop,
)


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack, TurnedClock())


@pytest.fixture
async def shop(opener: Opener) -> Shop:
    return await opener.shop()

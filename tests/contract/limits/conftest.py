from __future__ import annotations

import pytest

from raseed.adapters.limits.memory import MemoryLimitStore


@pytest.fixture(params=["memory"])
async def store(request):
    return MemoryLimitStore()

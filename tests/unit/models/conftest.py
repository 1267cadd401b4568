from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(config, item) -> Mapping[str, Any]:
    """Nothing here waits for real time."""
    return {"virtual": VirtualTimeLoop}

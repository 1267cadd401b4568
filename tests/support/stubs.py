"""Generated stubs on blocking channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc


def blocking(stub: Callable[[Any], object], channel: grpc.Channel) -> Any:
    """`stub` on this channel. Untyped, because the types of the generated code know asyncio's channels alone."""
    return stub(channel)

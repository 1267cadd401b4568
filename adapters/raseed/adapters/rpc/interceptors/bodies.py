"""How much of a worker's memory the requests that it is answering may take."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import Message

from raseed.adapters.rpc.call import Behavior
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.core.errors import Overloaded

LARGE_BYTES = 1024 * 1024
"""From here on a request is counted. Smaller ones are bounded by how many calls there may be at a time."""
LARGE_BYTES_MAX = 256 * 1024 * 1024
"""Of all large requests that a worker is answering: eight of the largest. What is made of one takes some three times as
much, and stays until it is answered."""


def bodies(bytes_max: int = LARGE_BYTES_MAX) -> Wrap:
    """Behind `auth`: nobody without a credential takes of it. Raises Overloaded."""
    taken = 0

    def wrap(_method: str, behavior: Behavior) -> Behavior:
        async def bounded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            nonlocal taken
            size = request.ByteSize() if isinstance(request, Message) else 0
            if size < LARGE_BYTES:
                return await behavior(request, context)
            if taken + size > bytes_max:
                raise Overloaded("Too many large requests at once. Please try again.", retry_after_s=1.0)
            taken += size
            try:
                return await behavior(request, context)
            finally:
                taken -= size

        return bounded

    return wrap

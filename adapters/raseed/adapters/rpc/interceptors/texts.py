"""Refuses requests with texts that no database takes, before a servicer sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from raseed.adapters.rpc.call import Behavior
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.adapters.rpc.interceptors.limits import RUNS
from raseed.core.errors import RequestInvalid


def texts() -> Wrap:
    """Raises RequestInvalid. Not of methods that ask a model: a prompt is no row, and may be long.

    A text of protobuf is UTF-8 already; what is left is NUL, which PostgreSQL refuses. Bodies of REST routes are bytes
    here: `wire.body` reads them.
    """

    def wrap(method: str, behavior: Behavior) -> Behavior:
        if method in RUNS:
            return behavior

        async def readable(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            # A stream of requests is an upload: its bytes are for its reader to judge.
            name = field_with_nul(request) if isinstance(request, Message) else None
            if name is not None:
                raise RequestInvalid(f"{name} has a NUL character.", param=name)
            return await behavior(request, context)

        return readable

    return wrap


def field_with_nul(message: Message) -> str | None:
    """The name of the first field whose text has a NUL, as deep as messages nest in each other."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            if any("\0" in text for text in (value if not isinstance(value, str) else (value,))):
                return str(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if isinstance(value, Mapping):
                if any("\0" in key for key in value if isinstance(key, str)):
                    return str(field.name)
                continue  # values of our maps are numbers
            for inner in (value,) if isinstance(value, Message) else value:
                if (name := field_with_nul(inner)) is not None:
                    return name
    return None

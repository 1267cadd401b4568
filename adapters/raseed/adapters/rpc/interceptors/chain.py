"""Puts the interceptors around our methods, once for each method and not once for each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc

from raseed.adapters.rpc.call import Behavior

Wrap = Callable[[str, Behavior], Behavior]
OWN_PREFIX = "/raseed."


class Chain(grpc.aio.ServerInterceptor):
    """The first wrap is the outermost. Methods of others (health, reflection) pass untouched."""

    def __init__(self, wraps: Sequence[Wrap]) -> None:
        self._wraps = tuple(wraps)
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(OWN_PREFIX):
            return handler
        self._handlers[method] = wrapped = self._wrapped(method, handler)
        return wrapped

    def _wrapped(self, method: str, handler: Any) -> Any:
        make: Callable[..., Any]
        if handler.response_streaming:
            make, behavior = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        else:
            make, behavior = grpc.unary_unary_rpc_method_handler, handler.unary_unary
        for wrap in reversed(self._wraps):
            behavior = wrap(method, behavior)
        return make(
            behavior,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

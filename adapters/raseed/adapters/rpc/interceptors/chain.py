"""Puts the interceptors around our methods, once for each method and not once for each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc

from raseed.adapters.rpc.call import Behavior

Wrap = Callable[[str, Behavior], Behavior]
OWN_PREFIX = "/raseed."


_KINDS: Mapping[tuple[bool, bool], Callable[[Any], tuple[Callable[..., Any], Behavior]]] = {
    (False, False): lambda handler: (grpc.unary_unary_rpc_method_handler, handler.unary_unary),
    (False, True): lambda handler: (grpc.unary_stream_rpc_method_handler, handler.unary_stream),
    (True, False): lambda handler: (grpc.stream_unary_rpc_method_handler, handler.stream_unary),
    (True, True): lambda handler: (grpc.stream_stream_rpc_method_handler, handler.stream_stream),
}
"""By whether requests and answers are streams: what makes a handler, and what its method is called there. A stream of
requests is an iterator in the place of the one request."""


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
        make, behavior = _KINDS[handler.request_streaming, handler.response_streaming](handler)
        for wrap in reversed(self._wraps):
            behavior = wrap(method, behavior)
        return make(
            behavior,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

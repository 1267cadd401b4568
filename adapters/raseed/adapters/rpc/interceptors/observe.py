"""Gives each call an id, counts it, and writes one log line when it is over."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import Behavior, Call, contradicted, enter_call, request_id_of
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.adapters.telemetry.log import log
from raseed.adapters.telemetry.metrics import RPC_SECONDS


def observe() -> Wrap:
    def wrap(method: str, behavior: Behavior) -> Behavior:
        short = method.removeprefix("/raseed.")

        async def observed(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            received = context.invocation_metadata() or ()
            metadata = {key: value for key, value in received if isinstance(value, str)}
            call = Call(
                method=method,
                metadata=metadata,
                request_id=request_id_of(metadata),
                contradicted=contradicted(received),
            )
            enter_call(call)
            try:
                return await behavior(request, context)
            finally:
                status = str(call.http_status) if call.is_rest else code_name(context)
                RPC_SECONDS.labels(short, status).observe(call.elapsed_ms() / 1000)
                log.debug(
                    "rpc",
                    method=short,
                    status=status,
                    request_id=call.request_id,
                    elapsed_ms=call.elapsed_ms(),
                )

        return observed

    return wrap


def code_name(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The final status of a native call; OK when the handler set none."""
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "OK"

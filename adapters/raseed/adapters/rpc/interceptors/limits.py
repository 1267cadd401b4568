"""Counts the calls of a caller, and has every answer say where it stands."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc

from raseed.adapters.rpc.access import access_of
from raseed.adapters.rpc.call import REST_PREFIX, Behavior, current_call
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.adapters.rpc.response_headers import limit_headers
from raseed.core.limits.service import LimitService

RUNS = frozenset(
    {
        "/raseed.rest.v1.OpenAIService/CreateChatCompletion",
        "/raseed.rest.v1.OpenAIService/CreateCompletion",
        "/raseed.rest.v1.ResponsesRestService/CreateResponse",
        "/raseed.rest.v1.AnthropicService/CreateMessage",
        "/raseed.inference.v1.InferenceService/CreateChatCompletion",
        "/raseed.inference.v1.InferenceService/StreamChatCompletion",
        "/raseed.inference.v1.InferenceService/CreateCompletion",
        "/raseed.inference.v1.InferenceService/StreamCompletion",
        "/raseed.inference.v1.ResponsesService/CreateResponse",
        "/raseed.inference.v1.ResponsesService/StreamResponse",
    }
)
"""Methods that ask a model: their runs take from the limits themselves, and not for what was answered before."""
UNCOUNTED_PREFIX = "/raseed.metering.v1.MeteringService/"
"""Called by services of the operator, for as many requests as they serve."""


def limits(service: LimitService) -> Wrap:
    """Behind `auth`. Raises RateLimited."""

    def wrap(method: str, behavior: Behavior) -> Behavior:
        access = access_of(method)
        if access is None or access.is_open or method.startswith(UNCOUNTED_PREFIX):
            return behavior
        of_runs = method in RUNS
        is_rest = method.startswith(REST_PREFIX)

        async def limited(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = current_call()
            call.standing = partial(service.standing, call.caller, of_runs=of_runs)
            if not of_runs:
                await service.admit_call(call.caller)
            answer = await behavior(request, context)
            if not is_rest and (headers := limit_headers(call)):
                context.set_trailing_metadata(headers)
            return answer

        return limited

    return wrap

"""Large requests share a bound, small ones do not know of it, and whatever happens the place is given back."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.interceptors.bodies import LARGE_BYTES, bodies
from raseed.core.errors import Overloaded
from raseed.rest.v1 import rest_pb2

METHOD = "/raseed.rest.v1.OpenAIService/CreateChatCompletion"
CONTEXT = cast("Any", None)


def request(size: int) -> rest_pb2.CreateChatCompletionRequest:
    return rest_pb2.CreateChatCompletionRequest(body=HttpBody(data=b"x" * size))


async def test_no_more_than_fit_are_answered_at_a_time() -> None:
    leave = asyncio.Event()

    async def slow(_request: Any, _context: Any) -> str:
        await leave.wait()
        return "answered"

    wrap = bodies(3 * LARGE_BYTES)
    # Of two methods: they share the bound.
    first, other = wrap(METHOD, slow), wrap("/another", slow)
    large = request(LARGE_BYTES)
    running = [asyncio.ensure_future(each(large, CONTEXT)) for each in (first, other)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await first(large, CONTEXT)
    small = asyncio.ensure_future(first(request(10), CONTEXT))
    leave.set()
    assert await asyncio.gather(*running, small) == ["answered"] * 3


async def test_a_place_is_given_back_when_the_call_fails() -> None:
    async def failing(_request: Any, _context: Any) -> None:
        raise ZeroDivisionError

    bounded = bodies(2 * LARGE_BYTES)(METHOD, failing)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await bounded(request(LARGE_BYTES), CONTEXT)


async def test_a_stream_of_requests_counts_itself() -> None:
    async def told(asked: Any, _context: Any) -> Any:
        return asked

    stream = iter(())
    assert await bodies(0)(METHOD, told)(stream, CONTEXT) is stream

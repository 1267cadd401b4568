"""Server-sent events: order, timing, and what happens when the reader leaves."""

from __future__ import annotations

import asyncio
import json
from time import monotonic

import aiohttp
import pytest
from tests.integration.envoy.checks import CHAT
from tests.integration.envoy.edge import Edge
from tests.integration.envoy.stub_core import StubCore

pytestmark = pytest.mark.asyncio(loop_scope="module")
CANCEL_TIMEOUT_S = 0.5
"""A client's cancel must have reached the core by then."""


async def test_events_arrive_in_order_and_each_at_once(http: aiohttp.ClientSession) -> None:
    pause_s, started_at, chunks, arrivals = 0.15, monotonic(), [], []
    async with http.post(CHAT, json={"events": 4, "pause_s": pause_s}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            arrivals.append(monotonic() - started_at)
    assert chunks == [*(f'data: {{"n":{n}}}\n\n'.encode() for n in range(4)), b"data: [DONE]\n\n"]
    for index, arrival in enumerate(arrivals):
        assert index * pause_s <= arrival < index * pause_s + 0.1


async def test_long_stream_is_complete(http: aiohttp.ClientSession) -> None:
    async with http.post(CHAT, json={"events": 5000}) as response:
        lines = (await response.text()).split("\n\n")
    assert lines == [*(f'data: {{"n":{n}}}' for n in range(5000)), "data: [DONE]", ""]


@pytest.mark.parametrize("plan", [{"events": 10_000, "pause_s": 0.01}, {"hang": True}])
async def test_client_that_leaves_cancels_the_call(
    edge: Edge, core: StubCore, plan: dict[str, object]
) -> None:
    core.seen.cancelled.clear()
    calls = core.seen.call_count
    plan_text = json.dumps(plan)
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nx-api-key: k\r\ncontent-length: {len(plan_text)}\r\n\r\n"
    writer.write(f"{head}{plan_text}".encode())
    async with asyncio.timeout(5):
        while core.seen.call_count == calls:  # noqa: ASYNC110  the stub counts; it does not signal
            await asyncio.sleep(0.01)
        if "events" in plan:
            await reader.readuntil(b'data: {"n":0}')
    writer.close()
    async with asyncio.timeout(CANCEL_TIMEOUT_S):
        await core.seen.cancelled.wait()


async def test_slow_reader_stops_the_core_and_not_the_others(edge: Edge, http: aiohttp.ClientSession) -> None:
    """One reader that does not read must not fill Envoy's memory nor keep others from being served."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, limit=1024)
    plan = b'{"events": 200000}'
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: x\r\ncontent-length: %d\r\n\r\n%s"
        % (len(plan), plan)
    )
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.3)
    async with asyncio.timeout(20), http.get("/v1/models") as response:
        assert response.status == 200
    writer.transport.abort()

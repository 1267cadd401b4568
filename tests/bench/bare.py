"""What the governed path is compared with: the same RPC on the same server, and nothing behind it.

`python -m tests.bench.bare PORT FILE`: answers every call with the messages in FILE. The event loop is the core's.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import uvloop
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from raseed.rest.v1 import rest_pb2_grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    content_type: str
    messages: list[str]
    """One HttpBody each."""
    pace_s: float = 0.0
    """Time before each message but the last, which ends an answer at once."""
    upstream: str = ""
    """An address that is asked in place of saying the messages: a proxy that passes bytes on, as they come."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


class ProxyServicer(rest_pb2_grpc.OpenAIServiceServicer):
    def __init__(self, session: aiohttp.ClientSession, upstream: str) -> None:
        self._session = session
        self._upstream = upstream

    async def CreateChatCompletion(self, request: Any, context: Any) -> None:  # noqa: N802
        async with self._session.post(
            self._upstream, data=request.body.data, headers={"Content-Type": "application/json"}
        ) as response:
            while piece := await response.content.readany():
                await context.write(HttpBody(content_type=response.content_type, data=piece))


class BareServicer(rest_pb2_grpc.OpenAIServiceServicer):
    def __init__(self, answer: Answer) -> None:
        self._type = answer.content_type
        *self._first, self._last = [message.encode() for message in answer.messages]
        self._pace_s = answer.pace_s

    async def CreateChatCompletion(self, request: Any, context: Any) -> None:  # noqa: N802
        for message in self._first:
            if self._pace_s:
                await asyncio.sleep(self._pace_s)
            await context.write(HttpBody(content_type=self._type, data=message))
        await context.write(HttpBody(content_type=self._type, data=self._last))


async def serve(port: int, answer: Answer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    servicer = ProxyServicer(session, answer.upstream) if answer.upstream else BareServicer(answer)
    rest_pb2_grpc.add_OpenAIServiceServicer_to_server(servicer, server)
    health_servicer = health.aio.HealthServicer()
    await health_servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await stop.wait()
    await server.stop(0)
    await session.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Answer(**json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))

"""A provider of models: an HTTP server that streams answers in some wire, or whatever a test says in their place.

What is played can break in every way in which providers break: see `Play`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.server import Served

from raseed.core.clock import SystemClock

API_KEY = "emulated-provider-key"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for so long; None: until the client or the server goes."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed in the middle of the answer."""


Step = bytes | Pause | Reset | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What one request gets."""

    before: Sequence[Pause | Reset] = ()
    """Before the headers."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    steps: Sequence[Step] = ()


class ModelProvider:
    """Implements `tests.emulators.server.Emulator`. `answer` is what a right request gets; `plays` come before it, each
    once.
    """

    def __init__(self, name: str, paths: Iterable[str], answer: Callable[[web.Request, Any], Play]) -> None:
        self.name = name
        self.served = Served(courier=Courier(clock=SystemClock(), retry_after_s=()))
        self.plays: deque[Play] = deque()
        self.always: Play | None = None
        """In place of every answer, after `plays`."""
        self.left: list[int] = []
        """Of each answer that its client left before its end, how many steps it had had."""
        self.peers: list[Any] = []
        """Of each request, from where it came: a connection that is used again is seen here again."""
        self._paths = tuple(paths)
        self._answer = answer

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post(path, self._handle) for path in self._paths]

    @property
    def bodies(self) -> list[Any]:
        """What was asked so far."""
        return [asked.json for asked in self.served.asked]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.peers.append(request.transport.get_extra_info("peername"))
        play = self._answer(request, await request.json())
        if self.plays:
            play = self.plays.popleft()
        elif self.always is not None:
            play = self.always
        return await self._play(play, request)

    async def _play(self, play: Play, request: web.Request) -> web.StreamResponse:
        for first in play.before:
            if isinstance(first, Reset):
                _reset(request)
            else:
                await self._pause(first)
        response = web.StreamResponse(status=play.status, headers=play.headers)
        response.content_type = play.content_type
        await response.prepare(request)
        done = 0
        try:
            for step in play.steps:
                match step:
                    case bytes():
                        await response.write(step)
                    case Pause():
                        await self._pause(step)
                    case Reset():
                        _reset(request)
                        return response
                    case Close():
                        assert request.transport is not None
                        request.transport.close()
                        return response
                done += 1
        except (asyncio.CancelledError, ConnectionError):
            self.left.append(done)
            raise
        return response

    async def _pause(self, pause: Pause) -> None:
        try:
            async with asyncio.timeout(pause.seconds):
                await self.served.ending.wait()
        except TimeoutError:
            return


def in_bytes(play: Play, size: int = 1, pause_s: float = 0.0) -> Play:
    """The same in pieces of so many bytes."""
    whole = b"".join(step for step in play.steps if isinstance(step, bytes))
    pieces: list[Step] = []
    for at in range(0, len(whole), size):
        pieces.append(whole[at : at + size])
        if pause_s:
            pieces.append(Pause(pause_s))
    return replace(play, steps=pieces)


def _reset(request: web.Request) -> None:
    assert request.transport is not None
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    request.transport.abort()

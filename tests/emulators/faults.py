"""What goes wrong with an answer: a script of faults, each for one path and a number of requests."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

HUGE_BYTES = 64 * 1024 * 1024
"""Above what any client of ours reads."""
TRICKLE_S = 0.02


class How(StrEnum):
    SILENT = "silent"
    """The connection stays open and nothing comes."""
    RESET = "reset"
    STATUS = "status"
    """Another status, with `headers` and the text `body`."""
    GARBAGE = "garbage"
    """200, and what is no JSON."""
    CUT = "cut"
    """The right answer, half of it, then the connection closes."""
    SLOW = "slow"
    """A space at a time, for ever."""
    HUGE = "huge"
    """More than anybody wants to read."""
    REDIRECT = "redirect"
    """To another path of the same server, where `asked` shows who followed."""
    EDITED = "edited"
    """The right answer with `edit` done to its JSON: a wrong amount, another's reference."""
    LATE = "late"
    """The right answer, edited if there is an `edit`, after `wait_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    how: How
    takes_effect: bool = False
    """Whether the request is carried out all the same: then only its answer is lost."""
    path: str = ""
    """The paths that begin so; empty: every one."""
    times: int = 1
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = "<html>Service Unavailable</html>"
    wait_s: float = 0.02
    edit: Callable[[Any], None] | None = None
    """Changes the parsed answer in place."""


class FaultScript:
    """The first fault whose path fits is used up by a request."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def add(self, *faults: Fault) -> None:
        self._waiting += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, path: str) -> Fault | None:
        for index, (fault, left) in enumerate(self._waiting):
            if path.startswith(fault.path):
                if left == 1:
                    del self._waiting[index]
                else:
                    self._waiting[index] = (fault, left - 1)
                return fault
        return None


Handler = Callable[[web.Request], Any]


async def answer_with(
    fault: Fault, request: web.Request, handler: Handler, ending: asyncio.Event
) -> web.StreamResponse:
    """What the client gets. `ending` is set when the server stops: nothing waits longer."""
    does_more = fault.takes_effect or fault.how in {How.CUT, How.EDITED, How.LATE}
    right: web.Response | None = await handler(request) if does_more else None
    match fault.how:
        case How.SILENT:
            await ending.wait()
            return web.Response(status=503)
        case How.RESET:
            return _reset(request)
        case How.STATUS:
            body = fault.body.encode() if isinstance(fault.body, str) else fault.body
            return web.Response(status=fault.status, body=body, headers=fault.headers)
        case How.GARBAGE:
            return web.Response(text='{"IsSuccess": tru\x00', content_type="application/json")
        case How.CUT:
            assert right is not None
            return await _cut(request, right)
        case How.SLOW:
            return await _trickle(request, ending)
        case How.HUGE:
            return await _huge(request)
        case How.REDIRECT:
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        case How.EDITED:
            assert right is not None
            assert fault.edit is not None
            return _edited(right, fault.edit)
        case How.LATE:
            assert right is not None
            await asyncio.sleep(fault.wait_s)
            return _edited(right, fault.edit) if fault.edit else right


def _reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, right: web.Response) -> web.StreamResponse:
    body = right.body
    assert isinstance(body, bytes)
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def _trickle(request: web.Request, ending: asyncio.Event) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/json"
    await response.prepare(request)
    while not ending.is_set():
        await response.write(b" ")
        await asyncio.sleep(TRICKLE_S)
    return response


async def _huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/json"
    await response.prepare(request)
    piece = b" " * (1024 * 1024)
    for _ in range(HUGE_BYTES // len(piece)):
        await response.write(piece)
    return response


def _edited(right: web.Response, edit: Callable[[Any], None]) -> web.Response:
    assert isinstance(right.body, bytes)
    parsed = json.loads(right.body)
    edit(parsed)
    return web.json_response(parsed, status=right.status)

"""A provider's HTTP server: what an emulator answers, bent by its script of faults, and everything that it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.faults import FaultScript, answer_with

from raseed.core.clock import Clock, SystemClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PEOPLE = "/people/"
"""Paths that are no API: pages for people, and controls. Faults leave them alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """What every emulator has: clock, faults, webhooks, and its address while it is served."""

    courier: Courier
    clock: Clock = field(default_factory=SystemClock)
    faults: FaultScript = field(default_factory=FaultScript)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    open_now: int = 0
    open_most: int = 0
    """Requests that were being answered at a time."""

    def asked_at(self, path: str) -> list[Asked]:
        return [each for each in self.asked if each.path.startswith(path)]


class Emulator(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def served(self) -> Served: ...

    def routes(self) -> Iterable[web.RouteDef]: ...


@asynccontextmanager
async def serve(
    emulator: Emulator, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Its address. Webhooks go out when `served.courier.deliver()` is called."""
    served = emulator.served
    app = web.Application(middlewares=[_middleware(served)])
    app.add_routes(emulator.routes())
    app.router.add_route("*", "/elsewhere", _elsewhere)
    # Requests that a fault keeps waiting end with their client, and all others with the server.
    runner = web.AppRunner(app, shutdown_timeout=0.0, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    served.url = f"http{'s' if tls else ''}://{host}:{runner.addresses[0][1]}"
    try:
        yield served.url
    finally:
        served.ending.set()
        await runner.cleanup()


@asynccontextmanager
async def alive(emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """As `serve`, and webhooks go out by themselves."""
    async with serve(emulator, host, port) as url:
        sending = asyncio.create_task(emulator.served.courier.run())
        try:
            yield url
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


def _middleware(served: Served) -> Any:
    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PEOPLE):
            return await handler(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        served.asked.append(
            Asked(request.method, request.path, headers, dict(request.query), await request.read())
        )
        served.open_now += 1
        served.open_most = max(served.open_most, served.open_now)
        try:
            fault = served.faults.take(request.path)
            if fault is None:
                return await handler(request)
            return await answer_with(fault, request, handler, served.ending)
        finally:
            served.open_now -= 1

    return record


async def _elsewhere(request: web.Request) -> web.Response:
    return web.json_response({})

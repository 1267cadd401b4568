"""When a worker is killed: at a random moment, or at one that is brought about and waited for."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
from tests.campaigns.books import owners_of_open_holds
from tests.campaigns.clients import Watch, grant, stream
from tests.campaigns.journal import Journal
from tests.campaigns.load import prompt, session
from tests.campaigns.sites import Site
from tests.support.customer import Customer

from raseed.admin.v1 import admin_pb2_grpc
from raseed.app.layout import socket_address

ALIVE_S = (0.1, 0.8)
"""How long a worker lives under load before the moment is looked for."""
MOMENT_TIMEOUT_S = 10.0
COMMIT_S = 0.004
"""A settlement or grant is decided, written and synced within about so long: the kill falls anywhere in it."""
TOKENS = 12
TWO_AT_ONCE = 0.5
"""How often two of several workers die together, where chance chooses them."""
VICTIMS = 4
"""Streams that end at about the same time, so that one of them is hit."""


class Scene:
    """The moment at which workers die, and the means to bring it about."""

    def __init__(self, site: Site, customer: Customer, journal: Journal, rng: random.Random) -> None:
        self.site = site
        self.customer = customer
        """Of its own: nobody else holds credit of it."""
        self.journal = journal
        self.rng = rng
        self.killed = asyncio.Event()
        self.restarts: dict[str, int] = {}
        """Of the workers that were killed: how often they had been restarted before."""

    def kill(self, *workers: str) -> None:
        """These, or else one that chance chooses, or two of several. Only the first call kills."""
        if self.killed.is_set():
            return
        for name in workers or self._chosen():
            part = self.site.stack.part(name)
            os.kill(part["pid"], signal.SIGKILL)
            self.restarts[name] = part["restarts"]
        self.killed.set()

    def kill_soon(self, within_s: float, *workers: str) -> None:
        asyncio.get_running_loop().call_later(self.rng.uniform(0, within_s), self.kill, *workers)

    def owners(self) -> list[str]:
        """The workers that answer this customer now."""
        return owners_of_open_holds(self.site.books, self.customer.id)

    def _chosen(self) -> list[str]:
        count = 2 if len(self.site.workers) > 1 and self.rng.random() < TWO_AT_ONCE else 1
        return self.rng.sample(self.site.workers, count)


async def at_random(scene: Scene) -> None:
    scene.kill()


async def after_a_hold(scene: Scene) -> None:
    """Credit is set aside, and the model has not said a word."""
    async with _streaming(scene, "#script hang_at=0"):
        while not (owners := scene.owners()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.002)
        scene.kill(*owners)


async def in_a_stream(scene: Scene) -> None:
    """A client has a part of its answer."""
    at = scene.rng.randrange(1, 40)

    def watch(tokens: int) -> None:
        if tokens >= at and not scene.killed.is_set():
            scene.kill(*scene.owners())

    async with _streaming(scene, "#script tokens=60 pace_ms=3", watch=watch):
        await scene.killed.wait()


async def in_a_settlement(scene: Scene) -> None:
    """Clients have all of their text and not yet the end of the stream: the charge is being booked."""

    def watch(tokens: int) -> None:
        if tokens >= TOKENS:
            scene.kill_soon(COMMIT_S)

    async with _streaming(scene, f"#script tokens={TOKENS} pace_ms=1", watch=watch, count=VICTIMS):
        await scene.killed.wait()


async def in_a_grant(scene: Scene) -> None:
    """An operator has sent a grant. It is asked for again until it is acknowledged, and must be there once."""
    address = socket_address(scene.site.stack.files.admin_socket)
    async with grpc.aio.insecure_channel(address) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        await channel.channel_ready()
        scene.kill_soon(COMMIT_S, "core-0")  # the admin socket is this one's
        await grant(admin, scene.customer, f"moment-{scene.rng.getrandbits(64):x}", scene.journal)


Moment = Callable[[Scene], Coroutine[Any, Any, None]]
MOMENTS: tuple[Moment, ...] = (
    after_a_hold,
    in_a_settlement,
    in_a_stream,
    in_a_grant,
    at_random,
)


@asynccontextmanager
async def _streaming(
    scene: Scene, script: str, *, watch: Watch | None = None, count: int = 1
) -> AsyncIterator[None]:
    """Streams that go on until the worker is dead. Asked for again when nobody took them, or nobody died."""
    async with session(scene.customer.key) as http:

        async def ask() -> None:
            outcome = "refused"
            while outcome in {"refused", "whole"} and not scene.killed.is_set():
                body = prompt(script, 100)
                outcome = await stream(http, scene.site.stack.url, body, scene.journal, watch=watch)
                await asyncio.sleep(0.05)

        victims = [asyncio.create_task(ask()) for _ in range(count)]
        try:
            async with asyncio.timeout(MOMENT_TIMEOUT_S):
                yield
                await asyncio.wait(victims)
        finally:
            for victim in victims:
                victim.cancel()
                with suppress(asyncio.CancelledError):
                    await victim

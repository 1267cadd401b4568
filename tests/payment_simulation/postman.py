"""What brings a provider's events, and what others send that look like them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.payment_simulation.shop import Shop
from tests.support.fake_gateway import SECRET, signed

from raseed.core.payments.model import Mode

if TYPE_CHECKING:
    from random import Random

    from tests.payment_simulation.world import World

Content = dict[str, Any]
RETRY_AFTER_S = (0.0, 60.0, 900.0, 3_600.0, 21_600.0)
LATE_S = 43_200.0


def _altered(content: Content) -> tuple[dict[str, str], bytes]:
    headers, _ = signed(content)
    _, body = signed(content | {"amount_minor": content["amount_minor"] + 1})
    return headers, body


def _of_other_mode(content: Content) -> tuple[dict[str, str], bytes]:
    other = Mode.LIVE if content["mode"] == Mode.TEST.value else Mode.TEST
    return signed(content | {"mode": other.value, "key": content["key"] + "-other"})


FORGERIES: Mapping[str, Callable[[Content], tuple[dict[str, str], bytes]]] = {
    "altered": _altered,
    "unsigned": lambda content: ({}, signed(content)[1]),
    "signed by another": lambda content: signed(content, SECRET + "?"),
    "of the other mode": _of_other_mode,
}
"""Of which none may be kept."""


class Postman:
    def __init__(self, world: World) -> None:
        self._world = world
        self._posted: list[Content] = []
        self.is_closed = False

    def post(self, shop: Shop, content: Content) -> None:
        world, weather, chance = self._world, self._world.weather, self._world.chance
        self._posted.append(content)
        if self.is_closed:
            return
        if chance.random() < weather.event_forged:
            world.spawn(self._forge(shop, content))
        if chance.random() < weather.event_lost:
            world.seen["an event is lost"] += 1
            return
        copies = 1
        if chance.random() < weather.event_doubled:
            world.seen["an event is doubled"] += 1
            copies = chance.randint(2, 3)
        for _ in range(copies):
            late = chance.random() < weather.event_late
            world.seen["an event is late"] += late
            delay = chance.uniform(0, min(LATE_S, world.span_s)) if late else self._soon(chance)
            world.spawn(self._deliver(shop, *signed(content), delay))

    @staticmethod
    def _soon(chance: Random) -> float:
        return chance.choice([0.0, 0.1, 2.0, 20.0])

    async def _deliver(self, shop: Shop, headers: Mapping[str, str], body: bytes, delay: float) -> None:
        for wait in RETRY_AFTER_S:
            await asyncio.sleep(delay + wait)
            if self.is_closed or await self._bring(shop, headers, body):
                return

    async def _bring(self, shop: Shop, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether it was taken."""
        worker = self._world.any_worker()
        if worker is None:
            return False

        async def receive() -> bool:
            await worker.receiver.receive(shop.habits.provider, headers, body)
            return True

        return await worker.serve(receive) is True

    async def _forge(self, shop: Shop, content: Content) -> None:
        chance = self._world.chance
        await asyncio.sleep(self._soon(chance))
        name = chance.choice([*FORGERIES, "about another order"])
        self._world.seen[f"a forged event: {name}"] += 1
        if name in FORGERIES:
            if await self._bring(shop, *FORGERIES[name](content)):
                self._world.fail(f"an event was taken that is {name}: {content}")
            return
        # Signed and all: what an order says of itself is what its buyer wrote into it.
        other = chance.choice(self._posted)
        about = {"reference": other["reference"], "key": f"{content['key']}-{other['key']}"}
        await self._bring(shop, *signed(content | about))

"""What lies between a worker and the store: commands and answers are lost, doubled, reordered and late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from raseed.core.billing.commands import Command, Result
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.ids import AccountId, HoldId

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
ANSWER_WAIT_S = 2.0
"""A caller that has heard nothing for so long does not know what happened."""
LATE_S = (3.0, 15.0)


class Link:
    """Implements `core.billing.ports.Ledger`. Each call is a message there and a message back."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        world = self._world
        world.sent.extend(commands)
        for command in commands:
            world.journal.sent(command)
            world.trace("%s sends %s", self._name, command)
        results = await self._call(lambda: world.store.ask(lambda ledger: ledger.submit(commands)))
        for command, result in zip(commands, results, strict=True):
            world.trace("%s hears %s", self._name, result)
            world.journal.acknowledged(command, result)
        return results

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self._call(lambda: self._world.store.ask(lambda ledger: ledger.balance(account_id)))

    async def hold(self, hold_id: HoldId) -> Hold | None:
        return await self._call(lambda: self._world.store.ask(lambda ledger: ledger.hold(hold_id)))

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        return await self._call(
            lambda: self._world.store.ask(lambda ledger: ledger.holds_to_sweep(instance, epoch, after, limit))
        )

    async def write(self, send: Callable[[], Awaitable[T]]) -> T:
        """A write that is no command: it is not idempotent, so it is sent once."""
        return await self._call(send, may_double=False)

    async def _call(self, send: Callable[[], Awaitable[T]], *, may_double: bool = True) -> T:
        world = self._world
        chance, weather = world.chance, world.weather
        if weather.is_calm:
            await asyncio.sleep(world.latency())
            return await send()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if chance.random() < weather.lost:
            world.seen["a message is lost"] += 1
        else:
            late = may_double and chance.random() < weather.late
            world.seen["a message is late"] += late
            delay = chance.uniform(*LATE_S) if late else world.latency()
            world.spawn(self._deliver(send, answer, delay))
        if may_double and chance.random() < weather.doubled:
            world.seen["a message is doubled"] += 1
            world.spawn(self._deliver(send, answer, world.latency() * 4))
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                return await answer
        except TimeoutError:
            world.trace("%s hears nothing", self._name)
            raise LedgerUnavailable("no answer") from None

    async def _deliver(
        self, send: Callable[[], Awaitable[T]], answer: asyncio.Future[T], delay: float
    ) -> None:
        await asyncio.sleep(delay)
        try:
            value = await send()
        except LedgerUnavailable as error:
            if not answer.done():
                answer.set_exception(error)
            return
        if self._world.chance.random() < self._world.weather.lost:
            self._world.seen["an answer is lost"] += 1
            return
        await asyncio.sleep(self._world.latency())
        if not answer.done():
            answer.set_result(value)

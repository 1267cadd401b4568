"""The line between a worker and a provider: calls and answers are lost, late and slow. Implements the gateway's port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from tests.payment_simulation.shop import Shop
from tests.support.fake_gateway import FakeGateway

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import PaymentId
from raseed.core.payments.model import Mode, Payment, Refund, Seen, SeenRefund
from raseed.core.payments.ports import (
    Buyer,
    Event,
    GatewayRefused,
    GatewayUnavailable,
    Page,
    PaymentMethod,
    SeenSubscription,
)

if TYPE_CHECKING:
    from tests.payment_simulation.workers import Worker
    from tests.payment_simulation.world import World

T = TypeVar("T")
ANSWER_WAIT_S = 10.0
"""A gateway that has heard nothing for so long says so."""
LATE_S = (5.0, 240.0)
"""A call that gets there when nobody waits for it any more: within the time after which a refund is asked for again."""
SLOW_S = (2.0, 9.0)
ENDLESS_S = 90.0
"""An answer that a gateway without a deadline would wait for: longer than any of ours."""


class LineGateway:
    """Implements `core.payments.ports.Gateway`: what the shop's gateway does, on a bad line."""

    def __init__(self, world: World, worker: Worker, shop: Shop) -> None:
        self._world = world
        self._worker = worker
        self._shop = shop
        other = Mode.LIVE if shop.mode is Mode.TEST else Mode.TEST
        self.mode = other if worker.is_misconfigured else shop.mode
        habits = shop.habits
        self._inner = FakeGateway(
            shop.book,
            world.clock,
            provider=habits.provider,
            mode=self.mode,
            is_creation_repeatable=habits.is_creation_repeatable,
            keeps_references=habits.keeps_references,
            asks_by_reference=habits.asks_by_reference,
            refunds_end_later=habits.refunds_end_later,
            tells_page=habits.tells_page,
            tells_open_refunds=habits.tells_open_refunds,
            refunds_parts=habits.refunds_parts,
        )

    @property
    def provider(self) -> PaymentProvider:
        return self._shop.habits.provider

    @property
    def is_creation_repeatable(self) -> bool:
        return self._shop.habits.is_creation_repeatable

    async def methods(self, amount_minor: int, currency: str) -> Sequence[PaymentMethod]:
        return await self._inner.methods(amount_minor, currency)

    async def create(self, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        async def effect() -> Page:
            is_new = payment.id not in self._shop.book.orders
            if self._world.chance.random() < self._world.weather.refused:
                self._world.seen["an order is refused"] += 1
                raise GatewayRefused("no")
            page = await self._inner.create(payment, buyer, return_url)
            self._world.oracle.page_made(payment.id, self._shop)
            if is_new:
                self._shop.takes(payment.id)
            return page

        return await self._call("create", payment.id, effect)

    async def look_up(self, payment: Payment) -> Seen | None:
        began = asyncio.get_running_loop().time()
        seen = await self._call("look up", payment.id, lambda: self._inner.look_up(payment))
        self._shop.looked_at[payment.id] = began
        return seen

    async def refund(self, payment: Payment, refund: Refund) -> SeenRefund:
        async def effect() -> SeenRefund:
            told = await self._inner.refund(payment, refund)
            self._shop.took_refund(payment.id, refund.id, told)
            return told

        return await self._call("refund", payment.id, effect)

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        return None

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        return ()

    async def cancel_subscription(self, provider_subscription_id: str) -> None: ...

    async def paid_between(self, begin: Microseconds, end: Microseconds) -> Sequence[Seen] | None:
        return await self._inner.paid_between(begin, end)

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Event:
        return self._inner.read_event(headers, body)

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        return self._inner.read_return(query)

    # ------------------------------------------------------------------------------------------------ the line

    async def _call(self, name: str, payment_id: PaymentId, effect: Callable[[], Awaitable[T]]) -> T:
        world, weather, chance = self._world, self._world.weather, self._world.chance
        world.trace("%s: %s %s", self._worker.name, name, payment_id)
        if weather.is_calm:
            await asyncio.sleep(world.latency())
            return await effect()
        if self._shop.is_down:
            world.seen["the provider is down"] += 1
            await asyncio.sleep(chance.choice([0.1, ANSWER_WAIT_S]))
            raise GatewayUnavailable("down", retry_after_s=chance.choice([None, 30.0, 900.0]))
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if chance.random() < weather.call_lost:
            world.seen[f"{name}: the call is lost"] += 1
        else:
            late = chance.random() < weather.call_late
            world.seen[f"{name}: the call is late"] += late
            delay = chance.uniform(*LATE_S) if late else world.latency()
            world.spawn(self._deliver(name, effect, answer, delay))
        self._worker.may_die()
        try:
            async with asyncio.timeout(chance.choice([ANSWER_WAIT_S, ANSWER_WAIT_S, ENDLESS_S])):
                return await answer
        except TimeoutError:
            raise GatewayUnavailable("no answer in time") from None

    async def _deliver(
        self, name: str, effect: Callable[[], Awaitable[T]], answer: asyncio.Future[T], delay: float
    ) -> None:
        world, chance = self._world, self._world.chance
        await asyncio.sleep(delay)
        try:
            value = await effect()
        except GatewayRefused as error:
            if not answer.done():
                answer.set_exception(error)
            return
        world.trace("%s was done", name)
        if chance.random() < world.weather.answer_lost:
            world.seen[f"{name}: the answer is lost"] += 1
            return
        slow = chance.random() < world.weather.answer_slow
        world.seen[f"{name}: the answer is slow"] += slow
        await asyncio.sleep(chance.uniform(*SLOW_S) if slow else world.latency())
        if not answer.done():
            answer.set_result(value)

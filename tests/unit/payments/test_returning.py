"""The page that buyers come back to asks the provider rarely, a few at a time, and waits for it no longer than people do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.support.orders import ORDER
from tests.support.virtual_time import VirtualTimeLoop
from tests.unit.billing.builders import ManualClock

from raseed.core.billing.policy import PaymentProvider
from raseed.core.ids import PaymentId
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Mode, Payment, PaymentState
from raseed.core.payments.ports import Event, EventKind, GatewayUnavailable
from raseed.core.payments.returning import (
    LOOK_AGAIN_US,
    LOOK_S,
    LOOKS_MAX,
    WATCHED_US,
    Returned,
    Returns,
)


class Hints:
    """A gateway that reads addresses."""

    provider, mode = ORDER.provider, ORDER.mode

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        reference, number = query.get("reference", ""), query.get("number", "")
        return Event(
            key="", kind=EventKind.PAYMENT, name="", mode=self.mode, reference=reference,
            provider_payment_id=number,
        )  # fmt: skip


class Counter:
    """The store and the provider, as far as a page needs them."""

    def __init__(self, clock: ManualClock, *payments: Payment) -> None:
        self.payments = {each.id: each for each in payments}
        self.asked: list[PaymentId] = []
        self.is_silent = False
        self.error: Exception | None = None
        store: Any = self
        gateway: Any = Hints()
        self.returns = Returns(store, Gateways([gateway]), self.settle, clock)

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        return self.payments.get(payment_id)

    async def find(
        self, provider: PaymentProvider, mode: Mode, *, provider_payment_id: str
    ) -> Payment | None:
        """All that are there have one number."""
        return next(iter(self.payments.values())) if provider_payment_id == "0707" else None

    async def settle(self, payment_id: PaymentId, invoice_id: str = "") -> Payment:
        self.asked.append(payment_id)
        if self.error is not None:
            raise self.error
        if self.is_silent:
            await asyncio.Event().wait()
        return self.payments[payment_id]

    async def look(self, payment: Payment) -> tuple[PaymentState, bool]:
        found = await self.returns.look(payment.provider, payment.id, {})
        assert found is not None
        return found.payment.state, found.is_watched


def order(number: int, clock: ManualClock, state: PaymentState = PaymentState.PENDING) -> Payment:
    return replace(ORDER, id=PaymentId(f"pay_{number}"), created_at=clock.now(), state=state)


def test_by_a_number_of_the_providers_no_reference_is_shown():
    async def work() -> None:
        clock = ManualClock()
        payment = order(1, clock, PaymentState.CREDITED)
        counter = Counter(clock, payment)
        for query, is_named in (({"reference": payment.id}, True), ({"number": "0707"}, False)):
            found = await counter.returns.look(payment.provider, None, query)
            assert found == Returned(payment=payment, is_named=is_named, is_watched=False)
        found = await counter.returns.look(payment.provider, payment.id, {})
        assert found is not None
        assert found.is_named
        assert await counter.returns.look(payment.provider, None, {"number": "0708"}) is None

    run(work())


def run(work: Any) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work)


def test_one_payment_is_looked_at_once_in_a_while_and_watched_for_a_quarter_of_an_hour():
    async def work() -> None:
        clock = ManualClock()
        payment = order(1, clock)
        counter = Counter(clock, payment)
        for _ in range(5):
            assert await counter.look(payment) == (PaymentState.PENDING, True)
        assert len(counter.asked) == 1
        clock.advance(LOOK_AGAIN_US)
        await counter.look(payment)
        assert len(counter.asked) == 2
        clock.advance(WATCHED_US)
        assert await counter.look(payment) == (PaymentState.PENDING, False)

    run(work())


def test_what_is_decided_is_not_looked_at():
    async def work() -> None:
        clock = ManualClock()
        states = (PaymentState.CREDITED, PaymentState.REVIEW, PaymentState.REJECTED)
        payments = [order(number, clock, state) for number, state in enumerate(states)]
        counter = Counter(clock, *payments)
        assert [await counter.look(each) for each in payments] == [(state, False) for state in states]
        assert counter.asked == []

    run(work())


def test_a_provider_that_is_silent_keeps_nobody_waiting_and_no_more_than_a_few_ask_it():
    async def work() -> None:
        clock = ManualClock()
        payments = [order(number, clock) for number in range(LOOKS_MAX + 3)]
        counter = Counter(clock, *payments)
        counter.is_silent = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = [asyncio.create_task(counter.look(each)) for each in payments[:LOOKS_MAX]]
        await asyncio.sleep(0)
        for each in payments[LOOKS_MAX:]:
            assert await counter.look(each) == (PaymentState.PENDING, True)
        assert loop.time() == began
        assert len(counter.asked) == LOOKS_MAX
        assert await asyncio.gather(*waiting) == [(PaymentState.PENDING, True)] * LOOKS_MAX
        assert loop.time() == began + LOOK_S
        counter.is_silent = False
        await counter.look(payments[-1])
        assert counter.asked[-1] == payments[-1].id

    run(work())


def test_a_provider_that_fails_leaves_what_is_known():
    async def work() -> None:
        clock = ManualClock()
        payment = order(1, clock)
        counter = Counter(clock, payment)
        counter.error = GatewayUnavailable("it answered 500")
        assert await counter.look(payment) == (PaymentState.PENDING, True)

    run(work())

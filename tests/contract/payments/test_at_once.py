"""Everybody who can hear of a payment does so at the same moment, in three workers: one grant."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import event_about, signed
from tests.support.orders import CREDIT
from tests.support.till import Till, Worker
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.payments.inbox import SqlInbox
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, MINUTE, Clock
from raseed.core.payments.inbox import EventState, InboxWorker
from raseed.core.payments.model import PaymentState
from raseed.core.payments.ports import Event
from raseed.core.payments.receiving import EventReceiver, Refusals
from raseed.core.payments.returning import Returns
from raseed.core.payments.schedule import look_job

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)


class Ears:
    """All by which one worker hears of payments: its webhook, the page that browsers come back to, and the schedule."""

    def __init__(self, worker: Worker, clock: Clock) -> None:
        provider = worker.gateway.provider
        self.inbox = SqlInbox(worker.database)
        self.webhook = EventReceiver(
            {provider: worker.gateway},
            self.inbox,
            Refusals(SqlAuditStore(worker.database), clock),
            lambda _provider, _outcome: None,
        )
        self.events = InboxWorker(
            self.inbox, worker.payments, worker.settling.settle, _no_subscription, lambda *_failed: None
        )
        self.returns = Returns(worker.payments, worker.gateways, worker.settling.settle, clock)
        self.looks = look_job(worker.payments, worker.settling, worker.refunds, lambda *_failed: None)


async def _no_subscription(provider: PaymentProvider, event: Event) -> bool:
    return False


@AT_ONCE
async def test_events_returns_and_the_schedule_at_once_credit_once(till: Till):
    """A hundred payments: each worker is sent every event, loads every page, and looks at what is due, all at a time."""
    payments = [await till.place(number, BOB if number % 2 else ALICE) for number in range(100)]
    for payment in payments:
        till.pay(payment)
    till.store.clock.advance(2 * MINUTE)
    till.book.pace_s = 0.002
    ears = [Ears(worker, till.store.clock) for worker in till.workers]

    async def hear(of: Ears) -> None:
        for payment in payments:
            event = event_about(till.book.order(payment.id), f"ev_{payment.id}")
            await of.webhook.receive(payment.provider, *signed(event))
        while await of.events.batch():
            pass

    async def come_back(of: Ears) -> None:
        await asyncio.gather(*(of.returns.look(payment.provider, payment.id, {}) for payment in payments))

    async def look(of: Ears) -> None:
        while await of.looks.batch():
            pass

    await asyncio.gather(*(occasion(of) for of in ears for occasion in (hear, come_back, look)))
    till.store.clock.advance(HOUR)  # what others held is nobody's by now
    for occasion in (hear, come_back, look):
        await occasion(ears[0])
    assert {(await till.payment(payment.id)).state for payment in payments} == {PaymentState.CREDITED}
    assert sorted(key for key, *_ in await till.granted()) == sorted(f"payment:{it.id}" for it in payments)
    assert await till.spendable(ALICE) + await till.spendable(BOB) == 100 * CREDIT
    kept = await ears[0].inbox.events(None, "", 1_000)
    assert (len(kept), {event.state for event in kept}) == (100, {EventState.DONE})


@AT_ONCE
async def test_three_hundred_hints_of_one_payment_credit_once(till: Till):
    payment = await till.order()
    till.pay(payment)
    till.book.pace_s = 0.002
    hints = [till.workers[number % 3].settling.settle(payment.id) for number in range(300)]
    assert {settled.state for settled in await asyncio.gather(*hints)} == {PaymentState.CREDITED}
    assert await till.spendable() == CREDIT
    assert till.book.calls["look_up"] < 40, "those who wait share a look"

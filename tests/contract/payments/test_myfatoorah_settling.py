"""From an order at MyFatoorah to the credit, on a real store and ledger and over HTTP: each paid order is credited once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE, SqlStore, open_store
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.book import Invoice
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN, MyFatoorah
from tests.emulators.server import serve
from tests.support.gateway_worlds import everywhere
from tests.support.orders import CREDIT
from tests.support.till import PACK, RETURN_URL, Till, Worker
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.payments.myfatoorah import open_myfatoorah
from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.checkout import Order
from raseed.core.payments.model import Mode, Payment, PaymentState
from raseed.core.payments.ports import Buyer

WORKERS = 3
LOOKS = 90


@dataclass
class Counter:
    """An emulated MyFatoorah, and workers that sell through it."""

    store: SqlStore
    emulator: MyFatoorah
    workers: list[Worker]

    async def order(self, account_id: AccountId = ALICE, method: str = "") -> Payment:
        order = Order(account_id=account_id, actor=account_id, item=PACK, request_key="key", method=method)
        return await self.workers[0].checkout.start(order, Buyer(), RETURN_URL)

    def invoice(self) -> Invoice:
        """The newest."""
        return list(self.emulator.book.invoices.values())[-1]

    async def tell(self, number: int = -1, worker: int = 0) -> Payment:
        """Act on the newest event, or on another one, as the inbox does."""
        headers, body = self.emulator.served.courier.posted[number]
        given = {name.lower(): value for name, value in headers.items()}
        event = self.workers[worker].gateway.read_event(given, body)
        return await self.settle(PaymentId(event.reference), event.invoice_id, worker=worker)

    async def tell_refund(self) -> Payment:
        """Events of refunds name the invoice alone."""
        headers, body = self.emulator.served.courier.posted[-1]
        given = {name.lower(): value for name, value in headers.items()}
        event = self.workers[0].gateway.read_event(given, body)
        payment = await self.workers[0].payments.find(
            PaymentProvider.MYFATOORAH, event.mode, invoice_id=event.invoice_id
        )
        assert payment is not None
        return await self.settle(payment.id)

    async def settle(self, payment_id: PaymentId, invoice_id: str = "", *, worker: int = 0) -> Payment:
        return await self.workers[worker].settling.settle(payment_id, invoice_id)

    async def balance(self, account_id: AccountId = ALICE) -> int:
        view = await self.store.ledger.balance(account_id)
        assert view is not None
        return view.spendable_microcredits - view.debt_microcredits


@asynccontextmanager
async def counter_of(path: Path, version: int, database: str = SQLITE) -> AsyncIterator[Counter]:
    store = await open_store(database, path)
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    async with AsyncExitStack() as stack:
        emulator = MyFatoorah(store.clock)
        url = await stack.enter_async_context(serve(emulator))
        account = MyFatoorahAccount(
            mode=Mode.TEST, country="KWT", token=TOKEN, webhook_secrets=(SECRET,), version=version, url=url
        )
        till = Till(store, workers=0)

        async def worker() -> Worker:
            database, ledger = store.next_worker()
            gateway: Any = await stack.enter_async_context(open_myfatoorah(account, store.clock, 5.0, 4))
            stores = SqlPaymentStore(database), SqlAccountStore(database)
            made = Worker(till, database, *stores, ledger, gateway, TakeShortfall.DEBT)
            made.checkout._create_s = 10.0
            return made

        yield Counter(store, emulator, [await worker() for _ in range(WORKERS)])
    await store.close()


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter_of(tmp_path, 2) as made:
        yield made


@pytest.fixture(params=[2, 3])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter_of(tmp_path, request.param) as made:
        yield made


async def test_what_is_paid_is_credited_once_whoever_tells(either: Counter) -> None:
    """The event, again the event, the schedule, and another worker."""
    payment = await either.order()
    assert payment.state is PaymentState.PENDING
    assert payment.url.endswith(str(either.invoice().id))
    assert await either.balance() == 0
    attempt = either.emulator.pay(either.invoice(), "kn")
    credited = await either.tell()
    assert (credited.state, credited.provider_payment_id) == (PaymentState.CREDITED, attempt.payment_id)
    for again in (either.tell(), either.settle(payment.id), either.tell(worker=2)):
        assert (await again).state is PaymentState.CREDITED
    assert await either.balance() == CREDIT


async def test_an_order_by_knet(counter: Counter) -> None:
    payment = await counter.order(method="kn")
    assert counter.invoice().method is not None
    counter.emulator.pay(counter.invoice())
    assert (await counter.settle(payment.id)).state is PaymentState.CREDITED
    assert await counter.balance() == CREDIT


async def test_an_order_whose_answer_was_lost_is_no_second_one(either: Counter) -> None:
    """Version 2 is asked for it by our id; version 3 is asked to make it again, and makes no other."""
    either.emulator.served.faults.add(
        Fault(how=How.CUT, path="/v2/SendPayment"), Fault(how=How.CUT, path="/v3/pay")
    )
    payment = await either.order()
    is_repeatable = either.workers[0].gateway.is_creation_repeatable
    assert payment.state is (PaymentState.PENDING if is_repeatable else PaymentState.CREATED)
    either.emulator.pay(either.invoice())
    settled = await either.settle(payment.id)
    assert (settled.state, settled.invoice_id) == (PaymentState.CREDITED, str(either.invoice().id))
    assert (len(either.emulator.book.invoices), await either.balance()) == (1, CREDIT)


async def test_an_order_that_it_never_got_ends_in_a_day(counter: Counter) -> None:
    counter.emulator.served.faults.add(Fault(how=How.RESET, path="/v2/SendPayment"))
    payment = await counter.order()
    assert (await counter.settle(payment.id)).state is PaymentState.CREATED
    counter.store.clock.advance(DAY)
    assert (await counter.settle(payment.id)).state is PaymentState.EXPIRED
    assert counter.emulator.book.invoices == {}


async def test_a_refused_order_is_at_nobodys(counter: Counter) -> None:
    counter.emulator.served.faults.add(Fault(how=How.STATUS, status=400, body="{}", path="/v2/SendPayment"))
    payment = await counter.order()
    assert (payment.state, payment.problem) == (PaymentState.FAILED, "it refuses the request (400)")


@pytest.mark.parametrize(
    ("what", "edit"),
    [
        ("amount", everywhere(InvoiceDisplayValue="1.999 KWD")),
        ("currency", everywhere(InvoiceDisplayValue="2.00 USD")),
        ("reference", everywhere(CustomerReference="pay_of_somebody_else")),
    ],
)
async def test_what_is_not_as_ordered_waits_for_an_operator(counter: Counter, what: str, edit: Any) -> None:
    payment = await counter.order()
    counter.emulator.pay(counter.invoice())
    counter.emulator.served.faults.add(Fault(how=How.EDITED, edit=edit, path="/v2/GetPaymentStatus", times=3))
    told = await counter.tell()
    assert (told.id, told.state) == (payment.id, PaymentState.REVIEW)
    assert what in told.problem
    counter.emulator.served.faults.clear()
    assert (await counter.settle(payment.id)).state is PaymentState.REVIEW
    assert await counter.balance() == 0


async def test_too_little_waits_for_an_operator(either: Counter) -> None:
    payment = await either.order()
    either.emulator.pay(either.invoice(), value=Decimal("0.002"))
    told = await either.tell()
    assert told.state is PaymentState.REVIEW
    assert "amount: ordered 2000, seen 2" in told.problem
    assert (payment.id, await either.balance()) == (told.id, 0)


async def test_declined_then_paid_on_the_same_page(either: Counter) -> None:
    payment = await either.order()
    either.emulator.decline(either.invoice(), "kn")
    assert (await either.tell()).state is PaymentState.PENDING
    either.emulator.give_up(either.invoice(), "vm")
    assert (await either.tell()).state is PaymentState.PENDING
    either.emulator.pay(either.invoice(), "vm")
    either.emulator.served.courier.posted.reverse()  # what was told last comes first
    for number in range(3):
        await either.tell(number)
    assert (await either.settle(payment.id)).state is PaymentState.CREDITED
    assert await either.balance() == CREDIT


async def test_paid_after_the_page_was_over(counter: Counter) -> None:
    """The money is there: late is not never."""
    payment = await counter.order()
    counter.store.clock.advance(HOUR)
    assert (await counter.settle(payment.id)).state is PaymentState.EXPIRED
    counter.store.clock.advance(6 * HOUR)
    counter.emulator.pay(counter.invoice())
    assert (await counter.settle(payment.id)).state is PaymentState.CREDITED
    assert await counter.balance() == CREDIT


async def test_paid_twice_is_credited_once(counter: Counter) -> None:
    await counter.order()
    for _ in range(2):
        counter.emulator.pay(counter.invoice())
        await counter.tell()
    assert counter.invoice().status == "DuplicatePayment"
    assert (await counter.tell(0)).state is PaymentState.CREDITED
    assert await counter.balance() == CREDIT


async def test_the_second_payment_of_an_invoice_goes_back_and_the_credit_stays(either: Counter) -> None:
    payment = await either.order()
    for _ in range(2):
        either.emulator.pay(either.invoice())
        await either.tell()
    either.emulator.refund_in_portal(either.invoice(), Decimal("2.000"))
    settled = await either.settle(payment.id)
    assert (settled.refunded_minor, await either.balance()) == (0, CREDIT)
    either.emulator.refund_in_portal(either.invoice(), Decimal("0.500"))
    settled = await either.settle(payment.id)
    assert (settled.refunded_minor, await either.balance()) == (500, CREDIT * 3 // 4)


async def test_what_goes_back_is_taken_back(counter: Counter) -> None:
    """Once it is done: what only waits takes nothing."""
    payment = await counter.order()
    counter.emulator.pay(counter.invoice())
    await counter.tell()
    waiting = counter.emulator.book.ask_refund(counter.invoice(), Decimal("0.500"), "", "")
    assert (await counter.settle(payment.id)).refunded_minor == 0
    counter.emulator.end_refund(waiting)
    assert (await counter.tell_refund()).refunded_minor == 500
    assert await counter.balance() == CREDIT * 3 // 4
    counter.emulator.refund_in_portal(counter.invoice(), Decimal("1.500"))
    for _ in range(2):
        assert (await counter.tell_refund()).refunded_minor == 2_000
    assert await counter.balance() == 0


async def test_refunded_before_it_was_seen_to_be_paid(counter: Counter) -> None:
    await counter.order()
    counter.emulator.pay(counter.invoice())
    counter.emulator.refund_in_portal(counter.invoice(), Decimal("2.000"))
    await counter.tell(0)
    assert await counter.balance() == 0


async def test_anothers_invoice_pays_for_nobody_else(counter: Counter) -> None:
    """Bob paid. Alice's order, and a browser or an event that names Bob's invoice for it."""
    bobs = await counter.order(BOB)
    counter.emulator.pay(counter.invoice())
    invoice_id = str(counter.invoice().id)
    alices = await counter.order(ALICE)
    assert (await counter.settle(alices.id, invoice_id)).state is PaymentState.PENDING
    assert (await counter.settle(bobs.id)).state is PaymentState.CREDITED
    assert (await counter.balance(ALICE), await counter.balance(BOB)) == (0, CREDIT)


@pytest.mark.parametrize(("version", "database"), [(2, SQLITE), (3, SQLITE), (2, POSTGRES_3)])
async def test_everybody_looks_at_once(tmp_path: Path, version: int, database: str) -> None:
    """Event, browser and schedule, in three workers: one grant."""
    async with counter_of(tmp_path, version, database) as here:
        payment = await here.order()
        here.emulator.pay(here.invoice())
        occasions: list[Callable[[int], Awaitable[Payment]]] = [
            lambda worker: here.tell(worker=worker),
            lambda worker: here.settle(payment.id, str(here.invoice().id), worker=worker),
            lambda worker: here.settle(payment.id, worker=worker),
        ]
        ends = await asyncio.gather(*(occasions[n % 3](n // 3 % WORKERS) for n in range(LOOKS)))
        assert {end.id for end in ends} == {payment.id}
        assert (await here.settle(payment.id)).state is PaymentState.CREDITED
        assert await here.balance() == CREDIT


async def test_it_does_not_answer_for_a_while(counter: Counter) -> None:
    """Nothing changes but when it is looked at again; then it is credited."""
    payment = await counter.order()
    counter.emulator.pay(counter.invoice())
    faults = [
        Fault(how=How.STATUS, status=429, headers={"Retry-After": "600"}),
        Fault(how=How.STATUS, status=503),
        Fault(how=How.GARBAGE),
        Fault(how=How.RESET),
    ]
    counter.emulator.served.faults.add(*faults)
    for _ in faults:
        with pytest.raises(Exception, match=r"429|503|read|reached"):
            await counter.settle(payment.id)
        stored = await counter.workers[0].payments.payment(payment.id)
        assert stored is not None
        assert stored.state is PaymentState.PENDING
        assert stored.next_check_at is not None
    assert (await counter.settle(payment.id)).state is PaymentState.CREDITED

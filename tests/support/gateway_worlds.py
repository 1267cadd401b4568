"""A provider, emulated, with the gateway to it, in one shape for all: what a gateway promises is tested on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.emulators.clock import START, TurnedClock
from tests.emulators.courier import Courier
from tests.emulators.creem.emulator import CreemEmulator
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN, MyFatoorah
from tests.emulators.server import Served, serve
from tests.support import creem_shop
from tests.support.fake_gateway import SECRET as FAKE_SECRET
from tests.support.fake_gateway import Book as FakeBook
from tests.support.fake_gateway import FakeGateway, event_about, signed
from tests.support.fake_gateway import Fault as FakeFault
from tests.support.orders import ORDER

from raseed.adapters.payments.myfatoorah import open_myfatoorah
from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.core.ids import PaymentId, RefundId
from raseed.core.payments.model import Mode, Payment, PaymentState, Refund, RefundState, Seen
from raseed.core.payments.ports import Buyer, Gateway

RETURN_URL = "https://portal.example/billing/return"
BUYER = Buyer(name="Noor", email="noor@example.com", phone_e164="+96550123456")
TIMEOUT_S = 10.0
HASTY_S = 0.3
KINDS = ("myfatoorah_v2", "myfatoorah_knet", "myfatoorah_v3", "creem")
"""Over HTTP."""
FAKES = ("fake", "fake_repeatable")
"""The one in memory, on which the core is tested: it must promise no more and no less."""

Edit = Callable[[Any], None]


@dataclass(kw_only=True)
class World:
    gateway: Gateway
    served: Served
    clock: TurnedClock
    order: Payment
    """Not made yet."""
    refund: Refund
    """Of the order: as much of it as the provider's API can give back at once."""
    credentials: tuple[str, ...]
    create_path: str
    """Of the call that makes the order."""
    seen_path: str
    """Of those that tell of it."""
    refund_path: str
    count_orders: Callable[[], int]
    count_refunds: Callable[[], int]
    pay_newest: Callable[[], str]
    """As the buyer. The provider's id of what paid."""
    return_query: Callable[[], dict[str, str]]
    """What the browser brings along after that."""
    edits: Mapping[str, Edit]
    """By the name of what differs then: changes an answer that tells of the order."""
    asks_by_reference: bool
    """Whether the order can be found by our id."""
    without_secret: Callable[[tuple[str, ...]], Awaitable[Gateway]]
    """The same gateway with these webhook secrets."""

    fake: FakeBook | None = None

    def lose(self, call: str, *, takes_effect: bool) -> None:
        """The next `create` or `refund` has no answer."""
        if self.fake is not None:
            self.fake.fail(call, FakeFault.AFTER if takes_effect else FakeFault.BEFORE)
            return
        path = {"create": self.create_path, "refund": self.refund_path}[call]
        how = How.CUT if takes_effect else How.RESET
        self.served.faults.add(Fault(how=how, takes_effect=takes_effect, path=path))

    async def begin(self) -> Payment:
        page = await self.gateway.create(self.order, BUYER, RETURN_URL)
        return replace(self.order, state=PaymentState.PENDING, invoice_id=page.invoice_id, url=page.url)

    async def begin_another(self) -> Payment:
        """Of somebody else, beside the first."""
        first, self.order = self.order, replace(self.order, id=PaymentId("pay_2"))
        try:
            return await self.begin()
        finally:
            self.order = first

    async def paid(self) -> Payment:
        payment = await self.begin()
        return replace(payment, provider_payment_id=self.pay_newest())

    async def look(self, payment: Payment) -> Seen:
        seen = await self.gateway.look_up(payment)
        assert seen is not None
        return seen

    def events(self) -> list[tuple[dict[str, str], bytes]]:
        """Headers, in lower case, and body of everything it told so far."""
        return [
            ({name.lower(): value for name, value in headers.items()}, body)
            for headers, body in self.served.courier.posted
        ]


@asynccontextmanager
async def world_of(kind: str, timeout_s: float = TIMEOUT_S) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        if kind in FAKES:
            yield _fake(kind)
            return
        make = _creem if kind == "creem" else _myfatoorah
        yield await make(stack, kind, timeout_s)


def everywhere(**values: Any) -> Edit:
    """Sets these fields wherever an answer has them."""

    def edit(answer: Any) -> None:
        for each in (
            answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
        ):
            edit(each)
        if isinstance(answer, dict):
            answer |= {name: value for name, value in values.items() if name in answer}

    return edit


async def _myfatoorah(stack: AsyncExitStack, kind: str, timeout_s: float) -> World:
    clock = TurnedClock()
    emulator = MyFatoorah(clock)
    version = 3 if kind == "myfatoorah_v3" else 2
    url = await stack.enter_async_context(serve(emulator))

    async def gateway(secrets: tuple[str, ...] = (SECRET,)) -> Gateway:
        account = MyFatoorahAccount(
            mode=Mode.TEST, country="KWT", token=TOKEN, webhook_secrets=secrets, version=version, url=url
        )
        return await stack.enter_async_context(open_myfatoorah(account, clock, timeout_s, 4))

    def pay() -> str:
        return emulator.pay(list(emulator.book.invoices.values())[-1]).payment_id

    order = replace(ORDER, created_at=START, method="kn" if kind == "myfatoorah_knet" else "")
    paths = {
        "myfatoorah_v2": "/v2/SendPayment",
        "myfatoorah_knet": "/v2/ExecutePayment",
        "myfatoorah_v3": "/v3/payments",
    }
    in_v3 = {"ValueInDisplayCurrency": "1.999"}
    return World(
        gateway=await gateway(),
        served=emulator.served,
        clock=clock,
        order=order,
        refund=_refund(order, 500),
        credentials=(TOKEN, SECRET),
        create_path=paths[kind],
        seen_path="/v3/payments/" if version == 3 else "/v2/GetPaymentStatus",
        refund_path="/v2/MakeRefund",
        count_orders=lambda: len(emulator.book.invoices),
        count_refunds=lambda: sum(len(each.refunds) for each in emulator.book.invoices.values()),
        pay_newest=pay,
        return_query=lambda: {
            name: list(emulator.book.invoices.values())[-1].attempts[-1].payment_id
            for name in ("paymentId", "Id")
        },
        edits={
            "amount": everywhere(InvoiceDisplayValue="1.999 KWD", **in_v3),
            "currency": everywhere(InvoiceDisplayValue="2.00 SAR", DisplayCurrency="SAR"),
            "reference": everywhere(CustomerReference="pay_9", ExternalIdentifier="pay_9"),
            "invoice": everywhere(InvoiceId=7, Id="7"),
        },
        asks_by_reference=True,
        without_secret=gateway,
    )


async def _creem(stack: AsyncExitStack, kind: str, timeout_s: float) -> World:
    opener = creem_shop.Opener(stack, TurnedClock())
    shop = await opener.shop(timeout_s=timeout_s)
    emulator: CreemEmulator = shop.emulator

    def pay() -> str:
        return emulator.book.pay(list(emulator.book.checkouts.values())[-1]).id

    async def gateway(secrets: tuple[str, ...]) -> Gateway:
        other = await opener.shop(timeout_s=timeout_s, webhook_secrets=secrets)
        return other.gateway

    def back() -> dict[str, str]:
        url = emulator.return_url(list(emulator.book.checkouts.values())[-1])
        return dict(parse_qsl(urlsplit(url).query))

    order = creem_shop.TOPUP_ORDER
    return World(
        gateway=shop.gateway,
        served=emulator.served,
        clock=opener.clock,
        order=order,
        refund=_refund(order, order.amount_minor),
        credentials=(emulator.api_key, emulator.secret),
        create_path="/v1/checkouts",
        seen_path="/v1/",
        refund_path="/v1/refunds",
        count_orders=lambda: len(emulator.book.checkouts),
        count_refunds=lambda: sum(each.refunded > 0 for each in emulator.book.transactions.values()),
        pay_newest=pay,
        return_query=back,
        edits={
            "amount": everywhere(amount=999, amount_paid=999),
            "currency": everywhere(currency="EUR"),
            "reference": everywhere(request_id="pay_9"),
        },
        asks_by_reference=False,
        without_secret=gateway,
    )


def _fake(kind: str) -> World:
    clock, book = TurnedClock(), FakeBook()
    served = Served(Courier(clock, ()), clock)

    def gateway(secrets: tuple[str, ...] = (FAKE_SECRET,)) -> FakeGateway:
        return FakeGateway(book, clock, is_creation_repeatable=kind == "fake_repeatable", secrets=secrets)

    def newest() -> Seen:
        return book.order(list(book.orders)[-1])

    def pay() -> str:
        book.pay(list(book.orders)[-1], clock.now())
        served.courier.posted.append(signed(event_about(newest(), f"ev_{newest().reference}")))
        return newest().provider_payment_id

    async def with_secrets(secrets: tuple[str, ...]) -> Gateway:
        return gateway(secrets)

    return World(
        gateway=gateway(),
        served=served,
        clock=clock,
        order=ORDER,
        refund=_refund(ORDER, 500),
        credentials=("a-key-of-the-fake", FAKE_SECRET),
        create_path="",
        seen_path="",
        refund_path="",
        count_orders=lambda: sum(len(orders) for orders in book.orders.values()),
        count_refunds=lambda: sum(len(each.refunds) for orders in book.orders.values() for each in orders),
        pay_newest=pay,
        return_query=lambda: {"reference": newest().reference, "invoice": newest().invoice_id},
        edits={},
        asks_by_reference=True,
        without_secret=with_secrets,
        fake=book,
    )


def _refund(order: Payment, amount_minor: int) -> Refund:
    return Refund(
        id=RefundId("refund_01jabcdefghjkmnpqrstvwxyz0"),
        payment_id=order.id,
        amount_minor=amount_minor,
        reason="unused",
        actor="opr_1",
        state=RefundState.REQUESTED,
        provider_refund_id="",
        is_dispute=False,
        created_at=order.created_at,
    )

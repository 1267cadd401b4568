"""An emulated shop of Creem, the gateway to it, and orders in it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from tests.emulators.clock import TurnedClock
from tests.emulators.creem.book import Checkout, Transaction
from tests.emulators.creem.emulator import (
    API_KEY,
    LIVE_API_KEY,
    PLAN,
    TOPUP,
    WEBHOOK_SECRET,
    CreemEmulator,
)
from tests.emulators.server import serve

from raseed.adapters.payments.creem import CreemAccount, CreemGateway, open_creem
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import SECOND, Microseconds
from raseed.core.ids import AccountId, PaymentId, RefundId
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Seen,
)
from raseed.core.payments.ports import Buyer

TIMEOUT_S = 10.0
HASTY_S = 0.3
RETURN_URL = "https://portal.example/payments/pay_1"
BUYER = Buyer(name="Noor", email="noor@example.com", phone_e164="+96550123456")
OTHER_SECRET = "creem_rotated_secret"


def order(item: Item, amount_minor: int, product_id: str, **given: Any) -> Payment:
    return replace(
        Payment(
            id=PaymentId("pay_1"),
            account_id=AccountId("acct_1"),
            actor="pers_1",
            provider=PaymentProvider.CREEM,
            mode=Mode.TEST,
            item=item,
            amount_minor=amount_minor,
            currency="USD",
            credit_microcredits=amount_minor * 10_000,
            product_id=product_id,
            method="",
            language="en",
            subscription_id=None,
            period_start=None,
            period_end=None,
            created_at=Microseconds(0),
            state=PaymentState.CREATED,
        ),
        **given,
    )


TOPUP_ORDER = order(Item(kind=ItemKind.TOPUP, id="", quantity=1000), 1000, TOPUP.id)
PLAN_ORDER = order(Item(kind=ItemKind.PLAN, id="monthly"), 1000, PLAN.id)


@dataclass
class Shop:
    """An emulator and the gateway to it."""

    emulator: CreemEmulator
    gateway: CreemGateway
    clock: TurnedClock

    async def begin(self, payment: Payment = TOPUP_ORDER) -> tuple[Payment, Checkout]:
        page = await self.gateway.create(payment, BUYER, RETURN_URL)
        known = replace(payment, state=PaymentState.PENDING, invoice_id=page.invoice_id, url=page.url)
        return known, self.emulator.book.checkouts[page.invoice_id]

    async def paid(self, payment: Payment = TOPUP_ORDER, country: str = "KW") -> tuple[Payment, Transaction]:
        known, checkout = await self.begin(payment)
        transaction = self.emulator.book.pay(checkout, country)
        return replace(known, provider_payment_id=transaction.id), transaction

    async def look(self, payment: Payment) -> Seen:
        seen = await self.gateway.look_up(payment)
        assert seen is not None
        return seen

    def turn(self, microseconds: int) -> None:
        self.clock.turn(microseconds / SECOND)


@dataclass
class Opener:
    stack: AsyncExitStack
    clock: TurnedClock

    async def shop(self, *, is_live: bool = False, timeout_s: float = TIMEOUT_S, **account: Any) -> Shop:
        mode, api_key = ("prod", LIVE_API_KEY) if is_live else ("test", API_KEY)
        emulator = CreemEmulator(self.clock, mode=mode, api_key=api_key)
        url = await self.stack.enter_async_context(serve(emulator))
        given = CreemAccount(
            **{
                "mode": Mode.LIVE if is_live else Mode.TEST,
                "api_key": api_key,
                "webhook_secrets": (WEBHOOK_SECRET,),
                "url": url,
                **account,
            }
        )
        gateway = await self.stack.enter_async_context(open_creem(given, self.clock, timeout_s, 4))
        return Shop(emulator, gateway, self.clock)


def a_refund(amount_minor: int) -> Refund:
    return Refund(
        id=RefundId("refund_1"),
        payment_id=PaymentId("pay_1"),
        amount_minor=amount_minor,
        reason="unused",
        actor="op_1",
        state=RefundState.REQUESTED,
        provider_refund_id="",
        is_dispute=False,
        created_at=Microseconds(0),
    )

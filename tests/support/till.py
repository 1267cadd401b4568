"""Payments on a real store and ledger, with a provider in memory: as one worker has them, or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select
from tests.contract.ledger.conftest import SqlStore
from tests.support.fake_gateway import Book, FakeGateway
from tests.support.orders import CREDIT, ORDER, order, seen_of
from tests.unit.billing.builders import ALICE

from raseed.adapters.policy.loader import load_policy
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource
from raseed.core.billing.ports import Ledger
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Item, ItemKind, Offer, Payment, PaymentState, Refund, SeenStatus
from raseed.core.payments.ports import Buyer, PaymentStore
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.states import next_look
from raseed.core.payments.subscription_keeper import SubscriptionKeeper

POLICY = load_policy("resayil", HoldPolicy())
PRIORITIES = {source: number for number, source in enumerate(GrantSource)}
PACK = Item(kind=ItemKind.PACK, id="pack_5000")
OFFERS = {
    ItemKind.PACK: (2_000, CREDIT),
    ItemKind.TOPUP: (2_000, CREDIT),
    ItemKind.PLAN: (2_000, CREDIT),
    ItemKind.KEYS: (2_000, 0),
}
RETURN_URL = "https://portal.example/paid"


def offer_for(item: Item) -> Offer:
    amount_minor, credit = OFFERS[item.kind]
    return Offer(
        item=item,
        amount_minor=amount_minor,
        currency="KWD",
        credit_microcredits=credit,
        provider=ORDER.provider,
    )


class Worker:
    """The use cases of one process."""

    def __init__(
        self,
        till: Till,
        database: SqlDatabase,
        store: PaymentStore,
        accounts: SqlAccountStore,
        ledger: Ledger,
        gateway: FakeGateway,
        shortfall: TakeShortfall,
    ) -> None:
        self.database = database
        self.payments = store
        self.gateway = gateway
        self.gateways = Gateways([gateway])
        clock = till.store.clock
        terms = SettlingTerms(priorities=PRIORITIES, refund_shortfall=shortfall)
        plans = SubscriptionKeeper(SqlSubscriptionStore(database), accounts, ledger, POLICY, clock)
        self.settling = Settling(store, accounts, ledger, self.gateways, plans, terms, clock)
        self.refunds = Refunds(store, self.gateways, self.settling, clock)
        self.checkout = Checkout(
            store, accounts, self.gateways, self.settling, offer_for, clock, create_s=0.5
        )

    async def refund(
        self, payment: Payment, amount: int | None = None, key: str = "r1", reason: str = "asked for"
    ) -> Refund:
        """By an operator."""
        return await self.refunds.refund(payment.id, amount, reason=reason, request_key=key, actor="op_1")


class Till:
    """What all workers share: the database, and the provider's book."""

    def __init__(self, store: SqlStore, workers: int = 1) -> None:
        self.store = store
        self.book = Book()
        self.workers = [self.worker() for _ in range(workers)]

    def worker(
        self,
        ledger: Ledger | None = None,
        shortfall: TakeShortfall = TakeShortfall.DEBT,
        **gateway: Any,
    ) -> Worker:
        database, own = self.store.next_worker()
        return Worker(
            self,
            database,
            SqlPaymentStore(database),
            SqlAccountStore(database),
            ledger or own,
            FakeGateway(self.book, self.store.clock, **gateway),
            shortfall,
        )

    async def order(
        self, key: str = "key", item: Item = PACK, worker: Worker | None = None, account_id: AccountId = ALICE
    ) -> Payment:
        order = Order(account_id=account_id, actor=account_id, item=item, request_key=key, method="kn")
        return await (worker or self.workers[0]).checkout.start(order, Buyer(), RETURN_URL)

    async def place(self, number: int, account_id: AccountId = ALICE) -> Payment:
        """An order that has its page, without the bounds of an account."""
        payment = order(PaymentState.PENDING, id=PaymentId(f"pay_{number:03}"), account_id=account_id)
        now = self.store.clock.now()
        payment = replace(payment, invoice_id=f"inv_{number}", created_at=now)
        payment = replace(payment, next_check_at=next_look(payment, now))
        self.book.orders[payment.id] = [seen_of(payment, SeenStatus.OPEN)]
        return await self.workers[number % len(self.workers)].payments.add(payment, payment.id)

    async def paid(self, key: str = "key") -> Payment:
        """An order that is paid and credited."""
        payment = await self.order(key)
        self.pay(payment)
        return await self.workers[0].settling.settle(payment.id)

    async def payment(self, payment_id: PaymentId) -> Payment:
        return await self.workers[0].settling.read(payment_id)

    def pay(self, payment: Payment, **values: Any) -> None:
        self.book.pay(payment.id, self.store.clock.now(), **values)

    async def spendable(self, account_id: AccountId = ALICE) -> int:
        balance = await self.store.ledger.balance(account_id)
        assert balance is not None
        return balance.spendable_microcredits

    async def granted(self) -> Sequence[tuple[str, int, str, int, str]]:
        """Key, amount, source, and what was paid, of every grant."""
        rows = select(
            grants.c.grant_key,
            grants.c.amount_microcredits,
            grants.c.source,
            grants.c.cost_basis_minor,
            grants.c.currency,
        ).order_by(grants.c.id)
        return await self.store.database.read(
            lambda connection: [tuple(row) for row in connection.execute(rows)]
        )

    async def audited(self, payment: Payment) -> dict[str, str]:
        """Actions about a payment, each with its last detail."""

        def work(connection: Connection) -> dict[str, str]:
            rows = (
                select(audit_log.c.action, audit_details.c.detail)
                .join_from(audit_log, audit_details, audit_details.c.seq == audit_log.c.seq)
                .where(audit_log.c.subject == payment.id)
                .order_by(audit_log.c.seq)
            )
            return {row.action: row.detail for row in connection.execute(rows)}

        return await self.store.database.read(work)

    async def told(self) -> list[str]:
        """Kinds of the notices."""
        rows = select(outbox.c.kind).order_by(outbox.c.kind)
        return await self.store.database.read(lambda connection: list(connection.scalars(rows)))

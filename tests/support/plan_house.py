"""Subscriptions on a real store and ledger: two providers in memory, one of which renews by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, insert, select
from tests.contract.ledger.conftest import SqlStore
from tests.support.fake_gateway import Book, FakeGateway
from tests.unit.billing.builders import ALICE
from tests.unit.policy.profile_text import BASE, policy_from

from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.accounts.tables import verified_identities
from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.core.accounts.model import Account
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Item, ItemKind, Payment, Seen, SeenStatus
from raseed.core.payments.offers import offer_for
from raseed.core.payments.ports import Buyer, Event, EventKind, SeenSubscription
from raseed.core.payments.renewals import Renewals
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.subscription_keeper import SubscriptionKeeper
from raseed.core.payments.subscription_model import Period, Subscription
from raseed.core.payments.subscriptions import Subscriptions

RETURN_URL = "https://portal.example/paid"


def _plan(name: str, tier: str, price: int, provider: str = "myfatoorah", more: str = "") -> str:
    product = f'product_id = "prod_{name}"\n' if provider == "creem" else ""
    currency = "USD" if provider == "creem" else "KWD"
    return (
        f'[[plans]]\nid = "{name}"\nname_en = "{name}"\nname_ar = "خطة"\ntier = "{tier}"\ncredits = 1000\n'
        f'price_minor = {price}\ncurrency = "{currency}"\nprovider = "{provider}"\n{product}{more}'
    )


_ROLLOVER = 'rollover = "capped"\nrollover_cap = 400\n'
PLANS = "\n" + "\n".join(
    [
        _plan("small", "starter", 5_000, more="trial_days = 7\ntrial_credits = 100\n"),
        _plan("large", "pro", 9_000),
        _plan("auto", "basic", 1_000, "creem", _ROLLOVER),
        _plan("auto_large", "pro", 3_000, "creem", _ROLLOVER),
        _plan("yearly", "basic", 50_000, more='period = "year"\n'),
        _plan("rolling", "basic", 5_000, more=_ROLLOVER),
    ]
)
POLICY = policy_from(BASE + PLANS)


@dataclass
class Agreement:
    """A subscription as the provider has it that renews by itself."""

    id: str
    payment_id: PaymentId
    next_charge_at: Microseconds
    is_canceled: bool = False
    is_refused: bool = False
    charges: list[Seen] = field(default_factory=list)


@dataclass
class RenewingBook(Book):
    """Also with agreements, and what was charged under them."""

    agreements: dict[str, Agreement] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=lambda: Calendar("UTC"))

    def pay(self, payment_id: PaymentId, at: Microseconds, **values: Any) -> None:
        agreement = Agreement(f"psub_{payment_id}", payment_id, self.calendar.months_after(at, 1))
        self.agreements[agreement.id] = agreement
        super().pay(payment_id, at, **{"provider_subscription_id": agreement.id, **values})

    def charge(self, agreement: Agreement, at: Microseconds) -> Seen:
        """By itself: nobody orders it."""
        number = len(agreement.charges) + 1
        charged = replace(
            self.order(agreement.payment_id),
            reference="",
            invoice_id=f"ren_{agreement.payment_id}_{number}",
            provider_payment_id=f"rtx_{agreement.payment_id}_{number}",
            paid_at=at,
            refunds=(),
        )
        agreement.charges.append(charged)
        agreement.next_charge_at = self.calendar.months_after(agreement.next_charge_at, 1)
        agreement.is_refused = False
        return charged

    def paid(self) -> list[Seen]:
        """Every transaction in which money moved."""
        orders = [order for orders in self.orders.values() for order in orders]
        charges = [charge for agreement in self.agreements.values() for charge in agreement.charges]
        return [seen for seen in (*orders, *charges) if seen.status is SeenStatus.PAID]


class RenewingGateway(FakeGateway):
    """Knows agreements."""

    book: RenewingBook

    async def look_up(self, payment: Payment) -> Seen | None:
        fault = await self._call("look_up")
        charges = (charge for agreement in self.book.agreements.values() for charge in agreement.charges)
        found = next(
            (charge for charge in charges if charge.provider_payment_id == payment.provider_payment_id), None
        )
        orders = self.book.orders.get(payment.id)
        await self._answer(fault)
        return found or (orders[-1] if orders else None)

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        await self._answer(await self._call("look_up_subscription"))
        agreement = self.book.agreements.get(provider_subscription_id)
        if agreement is None:
            return None
        return SeenSubscription(
            provider_subscription_id=agreement.id,
            is_active=not agreement.is_canceled,
            is_canceled=agreement.is_canceled,
            is_past_due=agreement.is_refused,
            period_start=None,
            period_end=agreement.next_charge_at,
            last_transaction_id=agreement.charges[-1].provider_payment_id if agreement.charges else "",
            product_id="",
        )

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        await self._answer(await self._call("renewals"))
        agreement = self.book.agreements.get(provider_subscription_id)
        return tuple(reversed(agreement.charges)) if agreement else ()

    async def cancel_subscription(self, provider_subscription_id: str) -> None:
        fault = await self._call("cancel_subscription")
        self.book.agreements[provider_subscription_id].is_canceled = True
        await self._answer(fault)


class PlanWorker:
    """The use cases of one process."""

    def __init__(self, house: PlanHouse) -> None:
        database, ledger = house.store.next_worker()
        clock, policy = house.store.clock, house.policy
        accounts = SqlAccountStore(database)
        self.ledger = ledger
        self.store = SqlSubscriptionStore(database)
        self.payments = SqlPaymentStore(database)
        self.gateways = Gateways(
            [
                FakeGateway(house.book, clock),
                RenewingGateway(house.auto, clock, provider=PaymentProvider.CREEM),
            ]
        )
        self.keeper = SubscriptionKeeper(self.store, accounts, ledger, policy, clock)
        terms = SettlingTerms(priorities=policy.priorities, refund_shortfall=TakeShortfall.DEBT)
        self.settling = Settling(self.payments, accounts, ledger, self.gateways, self.keeper, terms, clock)
        self.checkout = Checkout(
            self.payments,
            accounts,
            self.gateways,
            self.settling,
            lambda item: offer_for(policy, item),
            clock,
            create_s=0.5,
        )
        self.subscriptions = Subscriptions(self.store, accounts, self.keeper, self.checkout, policy, clock)
        self.renewals = Renewals(
            self.store,
            self.payments,
            accounts,
            self.gateways,
            self.keeper,
            self.checkout,
            self.settling.settle,
            policy,
            RETURN_URL,
            clock,
        )


class PlanHouse:
    """What all workers share: the database, and the providers' books."""

    def __init__(self, store: SqlStore, workers: int = 1, policy: Policy = POLICY) -> None:
        self.store = store
        self.policy = policy
        self.book = Book()
        """Of the provider whose periods are paid by a link."""
        self.auto = RenewingBook()
        """Of the one that renews by itself."""
        self.workers = [PlanWorker(self) for _ in range(workers)]
        self.problems: list[str] = []
        self._number = 0

    @property
    def worker(self) -> PlanWorker:
        """Another one each time."""
        self._number += 1
        return self.workers[self._number % len(self.workers)]

    async def open_account(self, account_id: AccountId = ALICE) -> None:
        """Of somebody who proved to be its holder."""
        await self.store.open_account(account_id)
        proven = insert(verified_identities).values(
            digest=account_id.encode(), pepper_version=1, account_id=account_id, verified_at=0
        )
        await self.store.database.write(lambda connection: connection.execute(proven).rowcount)

    def order(self, plan: str, key: str, account_id: AccountId = ALICE) -> Order:
        item = Item(kind=ItemKind.PLAN, id=plan)
        return Order(account_id=account_id, actor=account_id, item=item, request_key=key)

    async def subscribe(self, plan: str, key: str = "first", account_id: AccountId = ALICE) -> Payment:
        order = self.order(plan, key, account_id)
        return await self.worker.subscriptions.subscribe(order, Buyer(), RETURN_URL)

    async def change(self, plan: str, key: str = "change", account_id: AccountId = ALICE) -> Payment | None:
        order = self.order(plan, key, account_id)
        return (await self.worker.subscriptions.change(order, Buyer(), RETURN_URL)).payment

    def pay(self, payment: Payment) -> None:
        """The buyer does, on the provider's page; nobody of ours knows yet."""
        book = self.auto if payment.provider is PaymentProvider.CREEM else self.book
        book.pay(payment.id, self.store.clock.now())

    async def buy(self, plan: str, key: str = "first", account_id: AccountId = ALICE) -> Payment:
        """Order, pay, and hear of it."""
        payment = await self.subscribe(plan, key, account_id)
        self.pay(payment)
        return await self.settle(payment.id)

    async def settle(self, payment_id: PaymentId) -> Payment:
        settled = await self.worker.settling.settle(payment_id)
        await self.look()
        return settled

    async def hear(self, agreement: Agreement) -> bool:
        event = Event(
            key="evt",
            kind=EventKind.SUBSCRIPTION,
            name="subscription.paid",
            mode=self.worker.gateways.selling(PaymentProvider.CREEM).mode,
            provider_subscription_id=agreement.id,
        )
        return await self.worker.renewals.hear(PaymentProvider.CREEM, event)

    async def look(self) -> None:
        """What the job does now."""

        def report(name: str, error: BaseException) -> None:
            self.problems.append(f"{name}: {error!r}")

        job = self.worker.renewals.job(report)
        while await job.batch():
            pass

    async def turn_to(self, at: Microseconds) -> None:
        """The clock, and what the job does then."""
        self.store.clock.advance(at - self.store.clock.now())
        await self.look()

    async def subscription(self, account_id: AccountId = ALICE) -> Subscription:
        found = await self.worker.store.of_account(account_id)
        assert found is not None
        return found

    async def paid_until(self, account_id: AccountId = ALICE) -> Microseconds:
        found = (await self.subscription(account_id)).paid_until
        assert found is not None
        return found

    async def periods(self, account_id: AccountId = ALICE) -> Sequence[Period]:
        return await self.worker.store.periods((await self.subscription(account_id)).id)

    async def account(self, account_id: AccountId = ALICE) -> Account:
        database, _ = self.store.next_worker()
        found = await SqlAccountStore(database).find_account(account_id)
        assert found is not None
        return found

    async def spendable(self, account_id: AccountId = ALICE) -> int:
        balance = await self.store.ledger.balance(account_id)
        assert balance is not None
        return balance.spendable_microcredits

    async def open_links(self, account_id: AccountId = ALICE) -> list[Payment]:
        """Pages of renewals that wait to be paid."""
        subscription = await self.subscription(account_id)
        payments = await self.worker.store.payments(subscription.id, 50)
        return [payment for payment in payments if payment.period_start is not None and payment.url]

    async def granted(self, account_id: AccountId = ALICE) -> dict[str, tuple[int, int | None]]:
        """Amount and end of every grant, by its key."""
        rows = select(grants.c.grant_key, grants.c.amount_microcredits, grants.c.expires_at).where(
            grants.c.account_id == account_id
        )

        def work(connection: Connection) -> dict[str, tuple[int, int | None]]:
            return {row[0]: (row[1], row[2]) for row in connection.execute(rows)}

        return await self.store.database.read(work)

    async def told(self) -> list[str]:
        rows = select(outbox.c.kind).order_by(outbox.c.id)
        return await self.store.database.read(lambda connection: list(connection.scalars(rows)))

"""What Creem knows: products, checkouts, orders, the transactions that paid them, and subscriptions that renew.

The rules are those of docs.creem.io: features/checkout/checkout-api, features/subscriptions/introduction and
refunds-and-cancellations, api-reference (test and live are two shops that know nothing of each other).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from raseed.core.clock import DAY, MINUTE, Clock, Microseconds

TAX_PERCENT = {"NL": 21, "DE": 19, "SE": 25}
"""Of the emulator alone; elsewhere there is none. The example of the webhooks' page: 10.00, 21 %, 12.10."""
MONTH_US = 30 * DAY
"""Every period of the emulator is as long."""
CHECKOUT_LIFE_US = 24 * 60 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    id: str
    name: str
    price: int
    currency: str = "USD"
    is_recurring: bool = False
    tax_mode: str = "exclusive"


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    email: str
    country: str


@dataclass(slots=True, kw_only=True)
class Transaction:
    id: str
    kind: str
    """`payment`, or `invoice` of a subscription."""
    amount: int
    tax: int
    discount: int
    currency: str
    product_id: str
    order_id: str
    subscription_id: str
    customer: Customer
    period_start: Microseconds
    period_end: Microseconds
    at: Microseconds
    status: str = "paid"
    refunded: int = 0

    @property
    def paid(self) -> int:
        return self.amount - self.discount + self.tax


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    product: Product
    customer: Customer
    transaction: Transaction
    at: Microseconds


@dataclass(slots=True, kw_only=True)
class Subscription:
    id: str
    product: Product
    units: int
    customer: Customer
    checkout: Checkout
    created_at: Microseconds
    period_start: Microseconds
    period_end: Microseconds
    last: Transaction
    status: str = "active"
    canceled_at: Microseconds | None = None


@dataclass(slots=True, kw_only=True)
class Checkout:
    id: str
    product: Product
    units: int
    request_id: str
    success_url: str
    metadata: dict[str, Any]
    email: str
    at: Microseconds
    status: str = "pending"
    discount: int = 0
    order: Order | None = None
    subscription: Subscription | None = None


class Refused(Exception):
    """An error as Creem's page of error codes has it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Book:
    """Every change is a method, so that a test or a page can be the buyer, the bank or the shop's dashboard."""

    clock: Clock
    mode: str
    """As Creem writes it: `test` or `prod`."""
    tell: Callable[[str, Any], None]
    """A webhook: what it is called and what it is about."""
    products: dict[str, Product] = field(default_factory=dict)
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    refuses_cards_of: set[str] = field(default_factory=set)
    """Subscriptions whose next renewal fails."""
    _count: int = 0

    def new_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self.mode}Emulated{self._count:012d}"

    def sell(self, product: Product) -> Product:
        self.products[product.id] = product
        return product

    def begin(self, product_id: str, units: int, **given: Any) -> Checkout:
        """The same `request_id` twice makes two: nothing says that it makes one."""
        product = self.products.get(product_id)
        if product is None:
            raise Refused(404, "Product not found")
        if units < 1:
            raise Refused(400, "units must not be less than 1")
        checkout = Checkout(id=self.new_id("ch"), product=product, units=units, at=self.clock.now(), **given)
        self.checkouts[checkout.id] = checkout
        return checkout

    def checkout(self, checkout_id: str) -> Checkout:
        checkout = self.checkouts.get(checkout_id)
        if checkout is None:
            raise Refused(404, "Checkout not found")
        if checkout.status == "pending" and self.clock.now() >= checkout.at + CHECKOUT_LIFE_US:
            checkout.status = "expired"
        return checkout

    def pay(self, checkout: Checkout, country: str = "KW") -> Transaction:
        """The buyer pays on the page."""
        checkout = self.checkout(checkout.id)
        if checkout.status != "pending":
            raise Refused(400, "The checkout is not open")
        email = checkout.email or "buyer@example.com"
        customer = next(
            (each for each in self.customers.values() if (each.email, each.country) == (email, country)),
            None,
        ) or Customer(self.new_id("cust"), email, country)
        self.customers[customer.id] = customer
        subscription_id = self.new_id("sub") if checkout.product.is_recurring else ""
        paid = self._take(
            checkout.product, checkout.units, customer, self.new_id("ord"), subscription_id, checkout.discount
        )
        now = self.clock.now()
        checkout.order = Order(
            id=paid.order_id, product=checkout.product, customer=customer, transaction=paid, at=checkout.at
        )
        checkout.status = "completed"
        if subscription_id:
            checkout.subscription = Subscription(
                id=subscription_id,
                product=checkout.product,
                units=checkout.units,
                customer=customer,
                checkout=checkout,
                created_at=now,
                period_start=paid.period_start,
                period_end=paid.period_end,
                last=paid,
            )
            self.subscriptions[subscription_id] = checkout.subscription
        self.tell("checkout.completed", checkout)
        if checkout.subscription:
            self.tell("subscription.active", checkout.subscription)
            self.tell("subscription.paid", checkout.subscription)
        return paid

    def _take(
        self,
        product: Product,
        units: int,
        customer: Customer,
        order_id: str,
        subscription_id: str,
        discount: int = 0,
    ) -> Transaction:
        percent = TAX_PERCENT.get(customer.country, 0) if product.tax_mode == "exclusive" else 0
        amount, now = product.price * units, self.clock.now()
        taken = Transaction(
            id=self.new_id("tran"),
            kind="invoice" if subscription_id else "payment",
            amount=amount,
            tax=(amount - discount) * percent // 100,
            discount=discount,
            currency=product.currency,
            product_id=product.id,
            order_id=order_id,
            subscription_id=subscription_id,
            customer=customer,
            period_start=now,
            period_end=Microseconds(now + MONTH_US),
            at=now,
        )
        self.transactions[taken.id] = taken
        return taken

    def transaction(self, transaction_id: str) -> Transaction:
        found = self.transactions.get(transaction_id)
        if found is None:
            raise Refused(404, "Transaction not found")
        return found

    def subscription(self, subscription_id: str) -> Subscription:
        found = self.subscriptions.get(subscription_id)
        if found is None:
            raise Refused(404, "Subscription not found")
        return found

    def renew(self) -> list[Transaction]:
        """What is due by the clock: renewals, cancellations at the end of a period, and what the bank refuses."""
        renewed = []
        for each in self.subscriptions.values():
            while each.period_end <= self.clock.now() and each.status in {"active", "scheduled_cancel"}:
                if each.status == "scheduled_cancel":
                    self._end(each)
                elif each.id in self.refuses_cards_of:
                    each.status = "past_due"
                    self.tell("subscription.past_due", each)
                else:
                    renewed.append(self._next_period(each))
        return renewed

    def _next_period(self, subscription: Subscription) -> Transaction:
        taken = self._take(
            subscription.product,
            subscription.units,
            subscription.customer,
            self.new_id("ord"),
            subscription.id,
        )
        taken.period_start = subscription.period_end
        taken.period_end = Microseconds(taken.period_start + MONTH_US)
        subscription.period_start, subscription.period_end = taken.period_start, taken.period_end
        subscription.last, subscription.status = taken, "active"
        self.tell("subscription.paid", subscription)
        return taken

    def retry_card(self, subscription: Subscription) -> Transaction:
        """The bank takes it after all."""
        self.refuses_cards_of.discard(subscription.id)
        return self._next_period(subscription)

    def cancel(self, subscription: Subscription, how: str = "scheduled") -> None:
        """By us, the buyer on the customer portal, or the dashboard."""
        if subscription.status == "canceled" or (
            subscription.status == "scheduled_cancel" and how == "scheduled"
        ):
            raise Refused(400, "Subscription is already canceled")
        if how == "immediate":
            self._end(subscription)
        else:
            subscription.status = "scheduled_cancel"
            self.tell("subscription.scheduled_cancel", subscription)

    def _end(self, subscription: Subscription) -> None:
        subscription.status, subscription.canceled_at = "canceled", self.clock.now()
        self.tell("subscription.canceled", subscription)

    def refund(self, transaction: Transaction, amount: int | None = None) -> tuple[str, Transaction, int]:
        """By the API always what is left; a part of it by the dashboard. `amount` has the tax in it."""
        left = transaction.paid - transaction.refunded
        amount = left if amount is None else amount
        if transaction.status in {"refunded", "chargeback"} or not 0 < amount <= left:
            raise Refused(400, "Transaction is not refundable")
        transaction.refunded += amount
        transaction.status = "refunded" if transaction.refunded == transaction.paid else "partialRefund"
        refund = (self.new_id("ref"), transaction, amount)
        self.tell("refund.created", refund)
        return refund

    def dispute(self, transaction: Transaction) -> None:
        """The buyer's bank takes back what is left."""
        left = transaction.paid - transaction.refunded
        transaction.refunded, transaction.status = transaction.paid, "chargeback"
        self.tell("dispute.created", (self.new_id("disp"), transaction, left))

    def checkout_of(self, transaction: Transaction) -> Checkout | None:
        """That of a renewal is the one that began the subscription."""
        subscription = self.subscriptions.get(transaction.subscription_id)
        if subscription is not None:
            return subscription.checkout
        return next(
            (
                each
                for each in self.checkouts.values()
                if each.order and each.order.transaction.id == transaction.id
            ),
            None,
        )

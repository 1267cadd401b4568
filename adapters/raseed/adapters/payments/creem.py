"""Creem, which sells in its own name: merchant of record, it adds the tax, owes it and writes the invoice.

By Creem's OpenAPI document (docs.creem.io/api-reference): `POST` and `GET /v1/checkouts`, `GET /v1/products`,
`GET /v1/transactions`, `GET /v1/transactions/search`, `GET /v1/subscriptions`, `POST /v1/subscriptions/{id}/cancel`,
`POST /v1/refunds`. The key in `x-api-key` decides between two shops that know nothing of each other, and each has an
address of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from raseed.adapters.payments import creem_objects as creem
from raseed.adapters.payments.creem_events import read_event, read_return
from raseed.adapters.payments.creem_signature import (
    RETURN_SIGNATURE,
    SIGNATURE_HEADER,
    is_guessable,
    is_return_signed,
    is_signed,
    key_mode,
)
from raseed.adapters.payments.http import Answer, GatewayHttp, open_http, raise_by_status
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, Clock, Microseconds
from raseed.core.errors import Unauthenticated, WebhookNotConfigured
from raseed.core.payments.model import ItemKind, Mode, Payment, Refund, Seen, SeenRefund
from raseed.core.payments.ports import (
    Buyer,
    Event,
    GatewayRefused,
    GatewayUnavailable,
    Page,
    PaymentMethod,
    SeenSubscription,
)

URLS = {Mode.LIVE: "https://api.creem.io", Mode.TEST: "https://test-api.creem.io"}
PRODUCT_LIFE_US = HOUR
"""How long the price of a product is believed. There are as many products as a profile sells items."""
PAGE_SIZE = 100
PAGES_MAX = 100
"""Of a list of transactions: ten thousand. What is longer is not compared by halves."""
RENEWAL_PAGES_MAX = 2
"""Of one customer's for one product: more than a decade of months."""
FIRST_PERIOD_US = HOUR
"""A period that began within this of its subscription is the one that the checkout paid."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreemAccount:
    """One shop: a mode and its credentials."""

    mode: Mode
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Every one that is active: two while it is changed."""
    url: str
    topup_unit_minor: int = 100
    """Price of the product that is sold so many times for a top-up: one dollar."""


@asynccontextmanager
async def open_creem(
    account: CreemAccount, clock: Clock, timeout_s: float, connections: int
) -> AsyncIterator[CreemGateway]:
    """Raises ValueError for a key of another mode: it would ask one shop for what is in the other."""
    if key_mode(account.api_key) is not account.mode:
        raise ValueError(f"the key is no key of Creem's for mode {account.mode}")
    async with open_http(account.url, {"x-api-key": account.api_key}, timeout_s, connections) as http:
        yield CreemGateway(http, account, clock)


class CreemGateway:
    """Implements `core.payments.ports.Gateway`. Made by `open_creem`."""

    provider = PaymentProvider.CREEM
    is_creation_repeatable = False
    """`request_id` is echoed, and not said to be unique."""

    def __init__(self, http: GatewayHttp, account: CreemAccount, clock: Clock) -> None:
        self._http = http
        self._account = account
        self._clock = clock
        self._products: dict[str, tuple[Microseconds, creem.Product]] = {}
        """By id, with when they were read."""
        self._page_scheme = "https://" if account.url.startswith("https://") else "http"

    @property
    def mode(self) -> Mode:
        return self._account.mode

    async def methods(self, amount_minor: int, currency: str) -> Sequence[PaymentMethod]:
        return ()

    async def create(self, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        units = self._units(payment)
        await self._check_product(payment, units)
        body: dict[str, Any] = {
            "product_id": payment.product_id,
            "units": units,
            "request_id": payment.id,
            "success_url": return_url,
            "metadata": {"payment_id": payment.id, "account_id": payment.account_id},
        }
        if buyer.email:
            body["customer"] = {"email": buyer.email}
        checkout = _accepted(await self._post("/v1/checkouts", body), creem.Checkout)
        if creem.mode_of(checkout.mode) is not self.mode:
            raise GatewayRefused("Creem's checkout is of another mode")
        if not (checkout.checkout_url or "").startswith(self._page_scheme):
            raise GatewayUnavailable("Creem's checkout has no page")
        return Page(url=checkout.checkout_url or "", invoice_id=checkout.id, expires_at=None)

    def _units(self, payment: Payment) -> int:
        if not payment.product_id:
            raise GatewayRefused("the item has no product of Creem's: see [creem] products")
        if payment.item.kind is not ItemKind.TOPUP:
            return payment.item.quantity
        units, rest = divmod(payment.amount_minor, self._account.topup_unit_minor)
        if rest:
            raise GatewayRefused("the amount is no multiple of what Creem's product costs")
        return units

    async def _check_product(self, payment: Payment, units: int) -> None:
        """That the page will ask for what was ordered: who pays another price waits for an operator. Raises GatewayRefused."""
        now = self._clock.now()
        read_at, product = self._products.get(payment.product_id, (Microseconds(0), None))
        if product is None or now - read_at >= PRODUCT_LIFE_US:
            product = _found(
                await self._get("/v1/products", {"product_id": payment.product_id}), creem.Product
            )
            if product is None:
                raise GatewayRefused(f"Creem has no product {payment.product_id}")
            read_at = now
        if problem := creem.differs(product, payment, units):
            self._products.pop(payment.product_id, None)
            raise GatewayRefused(problem)
        self._products[payment.product_id] = (read_at, product)

    async def look_up(self, payment: Payment) -> Seen | None:
        if payment.invoice_id.startswith(creem.CHECKOUT_PREFIX):
            answer = await self._get("/v1/checkouts", {"checkout_id": payment.invoice_id})
            checkout = _found(answer, creem.Checkout)
            if checkout is None:
                return None
            return creem.seen_checkout(checkout, await self._paid_by(checkout), payment)
        if payment.provider_payment_id:
            transaction = await self._transaction(payment.provider_payment_id)
            return await self._seen_of(transaction, payment.product_id) if transaction else None
        # There is no way to ask for a checkout by our id: an event, or the browser, brings Creem's.
        return None

    async def _seen_of(self, transaction: creem.Transaction, product_id: str) -> Seen:
        """A transaction does not say of what product it is, but whether it is of one can be asked."""
        of_order = {"order_id": creem.id_of(transaction.order)}
        of_customer = {"customer_id": creem.id_of(transaction.customer)}
        page = await self._page(
            {"product_id": product_id, **(of_order if of_order["order_id"] else of_customer)}
        )
        is_of_product = any(each.id == transaction.id for each in page.items)
        return creem.seen_transaction(transaction, product_id if is_of_product else "")

    async def _paid_by(self, checkout: creem.Checkout) -> creem.Transaction | None:
        """None while no money came: an order says that it is paid, and only its transaction what went back of it."""
        order = checkout.order
        if checkout.status != "completed" or order is None or order.status != "paid":
            return None
        if transaction_id := creem.id_of(order.transaction):
            transaction = await self._transaction(transaction_id)
        else:
            page = await self._page({"order_id": order.id})
            transaction = creem.oldest([each for each in page.items if creem.id_of(each.order) == order.id])
        if transaction is None or creem.id_of(transaction.order) not in {"", order.id}:
            return None
        return transaction

    async def _transaction(self, transaction_id: str) -> creem.Transaction | None:
        return _found(
            await self._get("/v1/transactions", {"transaction_id": transaction_id}), creem.Transaction
        )

    async def _page(self, query: Mapping[str, str], number: int = 1) -> creem.TransactionPage:
        pages = {"page_number": str(number), "page_size": str(PAGE_SIZE)}
        answer = await self._get("/v1/transactions/search", {**query, **pages})
        return _accepted(answer, creem.TransactionPage)

    async def refund(self, payment: Payment, refund: Refund) -> SeenRefund:
        """docs.creem.io/api-reference/endpoint/refund-payment: by the API, always all that is left."""
        if not payment.provider_payment_id:
            raise GatewayRefused("what paid it is not known")
        if refund.amount_minor != payment.left_minor:
            raise GatewayRefused(
                f"Creem's API gives back all that is left ({payment.left_minor}); give back a part in its dashboard"
            )
        body = {"transaction_id": payment.provider_payment_id}
        answer = _accepted(await self._post("/v1/refunds", body), creem.RefundAnswer)
        return SeenRefund(
            # As `look_up` calls it: there, all that went back is one refund of the transaction.
            id=payment.provider_payment_id,
            reference="",
            amount_minor=refund.amount_minor,
            state=creem.refund_state(answer),
        )

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        subscription = await self._subscription(provider_subscription_id)
        return creem.seen_subscription(subscription) if subscription else None

    async def _subscription(self, subscription_id: str) -> creem.Subscription | None:
        answer = await self._get("/v1/subscriptions", {"subscription_id": subscription_id})
        subscription = _found(answer, creem.Subscription)
        if subscription is not None and creem.mode_of(subscription.mode) is not self.mode:
            raise GatewayUnavailable("Creem's subscription is of another mode")
        return subscription

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        """Without the first period, which is its checkout's: counted here too, it would be credited twice."""
        subscription = await self._subscription(provider_subscription_id)
        if subscription is None:
            return ()
        begun = creem.moment_of(subscription.created_at) + FIRST_PERIOD_US
        product_id = creem.id_of(subscription.product)
        of_plan = {"customer_id": creem.id_of(subscription.customer), "product_id": product_id}
        found: list[creem.Transaction] = []
        for number in range(1, RENEWAL_PAGES_MAX + 1):
            page = await self._page(of_plan, number)
            found += [each for each in page.items if creem.id_of(each.subscription) == subscription.id]
            if page.pagination.next_page is None:
                break
        found.sort(key=lambda each: each.created_at, reverse=True)
        return [
            creem.seen_transaction(each, product_id) for each in found if creem.period_start(each) > begun
        ]

    async def cancel_subscription(self, provider_subscription_id: str) -> None:
        subscription = await self._subscription(provider_subscription_id)
        if subscription is None:
            raise GatewayRefused("Creem knows of no such subscription")
        if creem.has_ended(subscription):
            return
        answer = await self._post(
            f"/v1/subscriptions/{subscription.id}/cancel", {"mode": "scheduled", "onExecute": "cancel"}
        )
        _accepted(answer, creem.Subscription)

    async def paid_between(self, begin: Microseconds, end: Microseconds) -> Sequence[Seen]:
        """By transaction: the list names neither our reference, nor the checkout, nor the product."""
        found: list[Seen] = []
        for number in range(1, PAGES_MAX + 1):
            page = await self._page({}, number)
            came = [creem.seen_transaction(each) for each in page.items if creem.has_come(each)]
            found += [replace(seen, invoice_id="") for seen in came]
            if page.pagination.next_page is None or creem.is_before(page.items, begin):
                break
        else:
            raise GatewayUnavailable("Creem has more transactions than can be compared")
        return [seen for seen in found if seen.paid_at is not None and begin <= seen.paid_at < end]

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Event:
        secrets = self._account.webhook_secrets
        if is_guessable(secrets):
            raise WebhookNotConfigured("This webhook is not configured.")
        if not is_signed(body, headers.get(SIGNATURE_HEADER, ""), secrets):
            raise Unauthenticated("The signature is missing or wrong.")
        return read_event(body, self.mode)

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        """A wrong signature makes it nothing; without any it is as good a hint, because nothing follows from it alone."""
        if query.get(RETURN_SIGNATURE) and not is_return_signed(query, self._account.api_key):
            return None
        return read_return(query, self.mode)

    async def _get(self, path: str, query: Mapping[str, str]) -> Answer:
        return await self._http.call("GET", path, query=query)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await self._http.call("POST", path, body)


def _accepted(answer: Answer, kind: type[T]) -> T:
    """Raises GatewayRefused, and GatewayUnavailable for what cannot be read."""
    raise_by_status(answer)
    return creem.read(answer.body, kind)


def _found(answer: Answer, kind: type[T]) -> T | None:
    """As `_accepted`; None if there is no such thing."""
    return None if answer.status == 404 else _accepted(answer, kind)

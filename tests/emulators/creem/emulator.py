"""An HTTP server that answers as Creem does, in one mode with one key, and sends its events.

Paths and parameters by the OpenAPI document of docs.creem.io/api-reference; the waits between tries of a webhook by
docs.creem.io/api-reference/endpoint/create-webhook (the longer of two that are documented); signatures by
docs.creem.io/code/webhooks and docs.creem.io/features/checkout/checkout-api.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.creem import shapes
from tests.emulators.creem.book import Book, Checkout, Product, Refused
from tests.emulators.server import Served

from raseed.core.clock import Clock, SystemClock

RETRY_AFTER_S = (30, 300, 1800, 6 * 3600)
API_KEY = "creem_test_key"
LIVE_API_KEY = "creem_key"
WEBHOOK_SECRET = "creem_test_secret"
TOPUP = Product(id="prod_EmulatedTopup", name="1 USD of credit", price=100)
PLAN = Product(id="prod_EmulatedPlan", name="Monthly", price=1000, is_recurring=True)

_Method = Callable[[web.Request], Awaitable[tuple[Any, int]]]


class CreemEmulator:
    """Implements `tests.emulators.server.Emulator`. `book` is what tests turn."""

    name = "creem"

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        mode: str = "test",
        api_key: str = API_KEY,
        secret: str = WEBHOOK_SECRET,
        products: Iterable[Product] = (TOPUP, PLAN),
    ) -> None:
        clock = clock or SystemClock()
        courier = Courier(clock=clock, retry_after_s=RETRY_AFTER_S, is_taken=lambda status: status == 200)
        self.served = Served(courier=courier, clock=clock)
        self.book = Book(clock=clock, mode=mode, tell=self._tell)
        self.api_key = api_key
        self.secret = secret
        self.events: list[bytes] = []
        """All bodies, in the order of what happened."""
        for each in products:
            self.book.sell(each)

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.post("/v1/checkouts", self._api(self._begin)),
            web.get("/v1/checkouts", self._api(self._checkout)),
            web.get("/v1/products", self._api(self._product)),
            web.get("/v1/transactions", self._api(self._transaction)),
            web.get("/v1/transactions/search", self._api(self._search)),
            web.get("/v1/subscriptions", self._api(self._subscription)),
            web.post("/v1/subscriptions/{id}/cancel", self._api(self._cancel)),
            web.post("/v1/refunds", self._api(self._refund)),
            web.get("/people/checkouts/{id}", self._page),
            web.post("/people/checkouts/{id}", self._decide),
        )

    def _tell(self, name: str, about: Any) -> None:
        body = json.dumps(
            shapes.event(
                name, about, self.book.new_id("evt"), self.served.clock.now(), self.book, self.served.url
            )
        ).encode()
        self.events.append(body)
        self.served.courier.post({"creem-signature": self.sign(body)}, body)

    def sign(self, body: bytes) -> str:
        return hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()

    def return_url(self, checkout: Checkout) -> str:
        """Where the browser goes after it has paid."""
        query = {"checkout_id": checkout.id}
        if checkout.order is not None:
            query |= {"order_id": checkout.order.id, "customer_id": checkout.order.customer.id}
        if checkout.subscription is not None:
            query["subscription_id"] = checkout.subscription.id
        query |= {"product_id": checkout.product.id, "request_id": checkout.request_id}
        text = "&".join(f"{name}={value}" for name, value in sorted(query.items()) if value)
        signature = hmac.new(self.api_key.encode(), text.encode(), hashlib.sha256).hexdigest()
        separator = "&" if "?" in checkout.success_url else "?"
        return f"{checkout.success_url}{separator}{urlencode({**query, 'signature': signature})}"

    def _api(self, method: _Method) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                key = request.headers.get("x-api-key")
                if key != self.api_key:
                    raise Refused(403 if key else 401, "Forbidden")
                body, status = await method(request)
            except Refused as error:
                return web.json_response(shapes.refused(error, self.served.clock.now()), status=error.status)
            return web.json_response(body, status=status)

        return answer

    async def _begin(self, request: web.Request) -> tuple[Any, int]:
        given = await _json(request)
        checkout = self.book.begin(
            _text(given, "product_id", is_needed=True),
            given.get("units", 1),
            request_id=_text(given, "request_id"),
            success_url=_text(given, "success_url"),
            metadata=given.get("metadata", {}),
            email=_text(given.get("customer", {}), "email"),
        )
        return shapes.checkout(checkout, self.book.mode, self.served.url, is_expanded=False), 200

    async def _checkout(self, request: web.Request) -> tuple[Any, int]:
        checkout = self.book.checkout(request.query.get("checkout_id", ""))
        is_expanded = checkout.status == "completed"
        return shapes.checkout(checkout, self.book.mode, self.served.url, is_expanded=is_expanded), 200

    async def _product(self, request: web.Request) -> tuple[Any, int]:
        found = self.book.products.get(request.query.get("product_id", ""))
        if found is None:
            raise Refused(404, "Product not found")
        return shapes.product(found, self.book.mode), 200

    async def _transaction(self, request: web.Request) -> tuple[Any, int]:
        found = self.book.transaction(request.query.get("transaction_id", ""))
        return shapes.transaction(found, self.book.mode), 200

    async def _search(self, request: web.Request) -> tuple[Any, int]:
        query = request.query
        found = [
            each
            for each in reversed(self.book.transactions.values())
            if query.get("customer_id", each.customer.id) == each.customer.id
            and query.get("order_id", each.order_id) == each.order_id
            and query.get("product_id", each.product_id) == each.product_id
        ]
        page, size = int(query.get("page_number", 1)), int(query.get("page_size", 10))
        return shapes.transactions(found, self.book.mode, page, size), 200

    async def _subscription(self, request: web.Request) -> tuple[Any, int]:
        found = self.book.subscription(request.query.get("subscription_id", ""))
        return shapes.subscription(found, self.book.mode, is_expanded=True), 200

    async def _cancel(self, request: web.Request) -> tuple[Any, int]:
        found = self.book.subscription(request.match_info["id"])
        self.book.cancel(found, _text(await _json(request), "mode") or "immediate")
        return shapes.subscription(found, self.book.mode, is_expanded=True), 200

    async def _refund(self, request: web.Request) -> tuple[Any, int]:
        """docs.creem.io/api-reference/endpoint/refund-payment: always all that is left."""
        found = self.book.transaction(_text(await _json(request), "transaction_id", is_needed=True))
        return shapes.refund(self.book.refund(found), self.book.mode), 200

    async def _page(self, request: web.Request) -> web.Response:
        checkout = self.book.checkouts.get(request.match_info["id"])
        if checkout is None:
            raise web.HTTPNotFound
        price = f"{checkout.product.price * checkout.units / 100:.2f} {checkout.product.currency}"
        name = html.escape(checkout.product.name)
        text = (
            f"<!doctype html><title>Creem, emulated</title><h1>{name} × {checkout.units}</h1><p>{price}, and no money"
            ' moves.</p><form method="post"><button name="decision" value="pay">Pay</button> '
            '<button name="decision" value="leave">Leave</button></form>'
        )
        return web.Response(text=text, content_type="text/html")

    async def _decide(self, request: web.Request) -> web.Response:
        checkout = self.book.checkouts.get(request.match_info["id"])
        if checkout is None:
            raise web.HTTPNotFound
        decision = (await request.post()).get("decision")
        if decision == "pay" and checkout.status == "pending":
            self.book.pay(checkout)
        raise web.HTTPSeeOther(self.return_url(checkout) if checkout.success_url else "/people/done")


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.read())
    except ValueError as error:
        raise Refused(400, "Unexpected token in JSON") from error
    if not isinstance(given, dict):
        raise Refused(400, "The body must be an object")
    return given


def _text(given: Any, name: str, *, is_needed: bool = False) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if value is None and not is_needed:
        return ""
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a string")
    return value

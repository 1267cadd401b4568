"""MyFatoorah as a server: its APIs v2 and v3, the page to pay on, and its signed webhooks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.myfatoorah import people, shapes
from tests.emulators.myfatoorah.book import (
    METHODS,
    Attempt,
    Book,
    Invoice,
    Method,
    Refund,
    Refused,
)
from tests.emulators.myfatoorah.requests import amount_of, currency_of, moment_of, parsed
from tests.emulators.myfatoorah.signing import signature, v1_text, v2_text
from tests.emulators.server import Served

from raseed.core.clock import MINUTE, Clock, Microseconds, SystemClock

TOKEN = "test-token-of-the-emulator"
SECRET = "test-webhook-secret-of-the-emulator"
REPLAY_US = 250 * MINUTE
"""How long an Idempotency-Key is kept (docs.myfatoorah.com/docs/idempotency)."""
V1_RETRIES_S = (10.0, 10.0, 10.0)
"""Four tries, ten seconds apart (docs.myfatoorah.com/docs/webhook-v1)."""
V2_RETRIES_S = (180.0,) * 5
"""The most that can be set: five more, three minutes apart (docs.myfatoorah.com/docs/webhook-v2)."""
URL_CHARS_MAX = 254

Call = Callable[[dict[str, Any]], web.Response]


@dataclass
class MyFatoorah:
    """Implements `server.Emulator`. Everything that a buyer, a bank or an operator of MyFatoorah does is a method."""

    clock: Clock = field(default_factory=SystemClock)
    token: str = TOKEN
    secret: str = SECRET
    webhook_version: int = 2
    fifth_field: str = "Invoice.ExternalIdentifier"
    allows_localhost: bool = False
    """The real one refuses return addresses on localhost."""
    has_auto_refund: bool = False
    """Whether refunds are carried out when they are asked for."""
    name: str = "myfatoorah"
    served: Served = field(init=False)
    book: Book = field(init=False)
    replays: dict[str, tuple[Microseconds, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        retries = V2_RETRIES_S if self.webhook_version == 2 else V1_RETRIES_S
        self.served = Served(Courier(self.clock, retries), self.clock)
        self.book = Book(self.clock)
        self._events = 0

    # What happens at the bank and in the portal.

    def pay(
        self, invoice: Invoice, code: str = "", *, value: Decimal | None = None, currency: str = ""
    ) -> Attempt:
        """The bank took the money: of another value or currency, if they are given."""
        return self._attempt(invoice, code, "Succss", "", value, currency)

    def decline(self, invoice: Invoice, code: str = "") -> Attempt:
        return self._attempt(invoice, code, "Failed", "Not captured")

    def give_up(self, invoice: Invoice, code: str = "") -> Attempt:
        return self._attempt(invoice, code, "Canceled", "Canceled by the buyer")

    def end_refund(self, refund: Refund, *, is_done: bool = True) -> None:
        """The finance department has decided."""
        refund.status = "Refunded" if is_done else "Canceled"
        invoice = self.book.invoices[refund.invoice_id]
        now = self.clock.now()
        if self.webhook_version == 1:
            self._post_v1(shapes.refund_webhook_v1(invoice, refund, now))
        else:
            self._post_v2(2, "REFUND_STATUS_CHANGED", shapes.refund_data_v2(invoice, refund))

    def refund_in_portal(self, invoice: Invoice, amount: Decimal) -> Refund:
        """An operator refunds there, and not with us."""
        refund = self.book.ask_refund(invoice, amount, "", "")
        self.end_refund(refund)
        return refund

    def _attempt(
        self,
        invoice: Invoice,
        code: str,
        status: str,
        error: str,
        value: Decimal | None = None,
        currency: str = "",
    ) -> Attempt:
        open_attempt = next((each for each in invoice.attempts if each.status == "InProgress"), None)
        attempt = open_attempt or self.book.begin(invoice, code)
        attempt.status, attempt.error = status, error
        attempt.value = attempt.value if value is None else value
        attempt.currency = currency or attempt.currency
        if self.webhook_version == 1:
            self._post_v1(shapes.webhook_v1(invoice, attempt, self.clock.now()))
        else:
            self._post_v2(1, "PAYMENT_STATUS_CHANGED", shapes.details(invoice, attempt))
        return attempt

    def _post_v1(self, event: dict[str, Any]) -> None:
        self._post(event, v1_text(event), "v1")

    def _post_v2(self, code: int, name: str, data: dict[str, Any]) -> None:
        self._events += 1
        event = shapes.webhook_v2(code, name, f"WH-{self._events:06d}", data, self.clock.now())
        self._post(event, v2_text(event, self.fifth_field), "v2")

    def _post(self, event: dict[str, Any], text: str, version: str) -> None:
        headers = {
            "MyFatoorah-Signature": signature(text, self.secret),
            "MyFatoorah-Webhook-Version": version,
        }
        self.served.courier.post(headers, json.dumps(event).encode())

    # What it answers.

    def routes(self) -> Iterable[web.RouteDef]:
        calls: dict[str, Call] = {
            "InitiatePayment": self._initiate,
            "ExecutePayment": self._execute,
            "SendPayment": self._send,
            "GetPaymentStatus": self._status,
            "MakeRefund": self._refund,
            "GetRefundStatus": self._refund_status,
        }
        yield from (web.post(f"/v2/{name}", self._call(call)) for name, call in calls.items())
        yield web.post("/v3/payments", self._create_v3)
        yield web.get("/v3/payments/{payment_id}", self._get_v3)
        yield from people.routes(self)

    def _call(self, call: Call) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                self._check_token(request)
                return call(parsed(await request.read()))
            except Refused as error:
                return shapes.refused(error)

        return answer

    def _check_token(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused("Token", "The token does not have the required permissions!", 401)

    def _initiate(self, body: dict[str, Any]) -> web.Response:
        return shapes.answered(shapes.methods(amount_of(body, "InvoiceAmount"), str(body.get("CurrencyIso"))))

    def _execute(self, body: dict[str, Any]) -> web.Response:
        method = next((each for each in METHODS if each.id == body.get("PaymentMethodId")), None)
        if method is None:
            raise Refused("PaymentMethodId", "The payment method is not available.")
        invoice = self._added(body, method)
        return shapes.answered(
            {
                "InvoiceId": invoice.id,
                "IsDirectPayment": False,
                "PaymentURL": self._page(invoice),
                "CustomerReference": invoice.customer_reference,
                "UserDefinedField": invoice.user_defined,
                "RecurringId": "",
            }
        )

    def _send(self, body: dict[str, Any]) -> web.Response:
        if not body.get("CustomerName"):
            raise Refused("CustomerName", "The customer name is required.")
        if body.get("NotificationOption") not in {"EML", "SMS", "LNK", "ALL"}:
            raise Refused("NotificationOption", "The notification option is not valid.")
        invoice = self._added(body, None)
        return shapes.answered(
            {
                "InvoiceId": invoice.id,
                "InvoiceURL": self._page(invoice),
                "CustomerReference": invoice.customer_reference,
                "UserDefinedField": invoice.user_defined,
            }
        )

    def _added(self, body: dict[str, Any], method: Method | None) -> Invoice:
        if len(str(body.get("CustomerMobile") or "")) > 11:
            raise Refused("CustomerMobile", "The mobile number has at most 11 digits.")
        for name in ("CallBackUrl", "ErrorUrl"):
            self._check_url(name, body.get(name) or "")
        given: dict[str, Any] = {}
        if text := body.get("ExpiryDate"):
            given["expires_at"] = moment_of(text)
        return self.book.add(
            customer_reference=body.get("CustomerReference") or "",
            user_defined=body.get("UserDefinedField") or "",
            currency=currency_of(body.get("DisplayCurrencyIso") or "KWD"),
            value=amount_of(body, "InvoiceValue"),
            customer={
                "name": body.get("CustomerName") or "Anonymous",
                "mobile": body.get("CustomerMobile") or "",
                "email": body.get("CustomerEmail") or "",
            },
            callback_url=body.get("CallBackUrl") or "",
            error_url=body.get("ErrorUrl") or "",
            method=method,
            **given,
        )

    def _check_url(self, name: str, url: str) -> None:
        if len(url) > URL_CHARS_MAX:
            raise Refused(name, f"The maximum is {URL_CHARS_MAX} characters.")
        host = urlsplit(url).hostname
        if url and not self.allows_localhost and host in {"localhost", "127.0.0.1", "::1", None}:
            raise Refused(name, "The localhost is not allowed.")

    def _status(self, body: dict[str, Any]) -> web.Response:
        invoice = self._found(body, {"InvoiceId", "PaymentId", "CustomerReference"})
        return shapes.answered(shapes.status(invoice))

    def _found(self, body: dict[str, Any], key_types: set[str]) -> Invoice:
        key, key_type = str(body.get("Key") or ""), body.get("KeyType")
        if key_type not in key_types:
            raise Refused("KeyType", "The key type is not valid.")
        match key_type:
            case "InvoiceId":
                invoice = self.book.invoice(key)
            case "PaymentId":
                invoice = self.book.by_payment_id(key)
            case _:
                invoice = self.book.by_reference(key)
        if invoice is None:
            raise Refused("Key", "No data match the provided value!")
        return invoice

    def _refund(self, body: dict[str, Any]) -> web.Response:
        invoice = self._found(body, {"InvoiceId", "PaymentId"})
        refund = self.book.ask_refund(
            invoice,
            amount_of(body, "Amount"),
            str(body.get("Comment") or ""),
            str(body.get("ExternalIdentifier") or ""),
        )
        if self.has_auto_refund:
            self.end_refund(refund)
        return shapes.answered(shapes.refund_asked(refund, str(body["Key"])))

    def _refund_status(self, body: dict[str, Any]) -> web.Response:
        key, key_type = str(body.get("Key") or ""), body.get("KeyType")
        refunds = [refund for invoice in self.book.invoices.values() for refund in invoice.refunds]
        match key_type:
            case "InvoiceId":
                found = [refund for refund in refunds if str(refund.invoice_id) == key]
            case "RefundId":
                found = [refund for refund in refunds if str(refund.id) == key]
            case "RefundReference":
                found = [refund for refund in refunds if refund.reference == key]
            case _:
                raise Refused("KeyType", "The key type is not valid.")
        if not found:
            raise Refused("Key", "No data match the provided value!")
        return shapes.answered(shapes.refund_statuses(found))

    async def _create_v3(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
            key = request.headers.get("Idempotency-Key", "")
            seen = self.replays.get(key)
            if key and seen and self.clock.now() - seen[0] < REPLAY_US:
                return web.Response(body=seen[1], status=201, content_type="application/json")
            answer = self._created_v3(parsed(await request.read()))
        except Refused as error:
            return shapes.refused(error)
        if key:
            assert isinstance(answer.body, bytes)
            self.replays[key] = (self.clock.now(), answer.body)
        return answer

    def _created_v3(self, body: dict[str, Any]) -> web.Response:
        order = body.get("Order") or {}
        redirection = (body.get("IntegrationUrls") or {}).get("Redirection") or ""
        self._check_url("IntegrationUrls.Redirection", redirection)
        customer = body.get("Customer") or {}
        given: dict[str, Any] = {}
        if text := body.get("PaymentExpiry"):
            given["expires_at"] = moment_of(text)
        invoice = self.book.add(
            customer_reference=order.get("ExternalIdentifier") or customer.get("Reference") or "",
            user_defined="",
            currency=currency_of(order.get("Currency") or "KWD"),
            value=amount_of(order, "Amount"),
            customer={
                "name": customer.get("Name") or "",
                "mobile": (customer.get("Mobile") or {}).get("Number") or "",
                "email": customer.get("Email") or "",
                "reference": customer.get("Reference") or "",
            },
            callback_url=redirection,
            error_url=redirection,
            **given,
        )
        return shapes.answered(
            {
                "InvoiceId": str(invoice.id),
                "PaymentId": None,
                "PaymentURL": self._page(invoice),
                "PaymentCompleted": False,
                "TransactionDetails": None,
            },
            201,
        )

    async def _get_v3(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
            payment_id = request.match_info["payment_id"]
            invoice = self.book.by_payment_id(payment_id)
            if invoice is None:
                raise Refused("PaymentId", "No data match the provided value!", 404)
        except Refused as error:
            return shapes.refused(error)
        attempt = next(each for each in invoice.attempts if each.payment_id == payment_id)
        return shapes.answered(shapes.details(invoice, attempt))

    def _page(self, invoice: Invoice) -> str:
        return f"{self.served.url}{people.PATH}/{invoice.id}"

    def return_url(self, invoice: Invoice, attempt: Attempt) -> str:
        """Where a browser is sent after an attempt."""
        base = (
            invoice.callback_url if attempt.status == "Succss" else invoice.error_url or invoice.callback_url
        )
        if not base:
            return ""
        query = urlencode({"paymentId": attempt.payment_id, "Id": attempt.payment_id})
        return f"{base}{'&' if '?' in base else '?'}{query}"

    def orders(self) -> Iterator[dict[str, Any]]:
        """For the page that lists them."""
        for invoice in self.book.invoices.values():
            yield {
                "id": str(invoice.id),
                "reference": invoice.customer_reference,
                "amount": f"{invoice.value} {invoice.currency}",
                "state": invoice.status,
                "page": self._page(invoice),
            }

"""MyFatoorah: KNET, cards and wallets in Kuwait and its neighbours, by version 2 or 3 of its API.

By docs.myfatoorah.com/docs/{initiate-payment, execute-payment, send-payment, get-payment-status, make-refund,
getrefundstatus, v3-hosted-payment-page, get-payment-details, idempotency}. Every answer of 2xx with `IsSuccess: false` is a
refusal like one of 4xx. Version 2 knows no idempotency: whether an order was made is asked for by `CustomerReference`, which
is our payment id. Version 3 replays the first answer under an `Idempotency-Key` for 250 minutes, longer than a page lives;
it finds a payment by the id of its attempt alone, so everything else is asked of version 2, which knows the same invoices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from raseed.adapters.payments import myfatoorah_events as events
from raseed.adapters.payments.http import Answer, GatewayHttp, open_http, raise_by_status
from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.adapters.payments.myfatoorah_json import at, unreadable
from raseed.adapters.payments.myfatoorah_orders import amount_of, invoice, link
from raseed.adapters.payments.myfatoorah_seen import (
    Invoice,
    read_asked_refund,
    read_details,
    read_refunds,
    read_status,
    seen,
)
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, SECOND, Clock, Microseconds
from raseed.core.payments.model import Mode, Payment, Refund, Seen, SeenRefund
from raseed.core.payments.ports import (
    Buyer,
    Event,
    GatewayRefused,
    Page,
    PaymentMethod,
    SeenSubscription,
)

METHODS_LIFE_US = HOUR
"""How long the list of ways to pay is believed."""
URL_CHARS_MAX = 254
"""By its pages, of the address to return to."""
_NOT_FOUND = frozenset({400, 404})
_FIELDS_MAX = 5


class MyFatoorahGateway:
    """Implements `core.payments.ports.Gateway`."""

    def __init__(self, http: GatewayHttp, account: MyFatoorahAccount, clock: Clock) -> None:
        self._http = http
        self._account = account
        self._clock = clock
        self._methods: dict[str, tuple[Microseconds, Sequence[Any]]] = {}
        """By currency: of them there are as many as a profile sells in."""

    @property
    def provider(self) -> PaymentProvider:
        return PaymentProvider.MYFATOORAH

    @property
    def mode(self) -> Mode:
        return self._account.mode

    @property
    def is_creation_repeatable(self) -> bool:
        return self._account.version == 3

    async def methods(self, amount_minor: int, currency: str) -> Sequence[PaymentMethod]:
        if self._account.version == 3:
            return ()  # its names for them are not documented but for CARD: the buyer chooses on its page
        return [
            PaymentMethod(
                code=code,
                name_en=_text(at(each, "PaymentMethodEn")) or code,
                name_ar=_text(at(each, "PaymentMethodAr")) or _text(at(each, "PaymentMethodEn")) or code,
            )
            for each in await self._offered(amount_minor, currency)
            if (code := _text(at(each, "PaymentMethodCode")))
        ]

    async def create(self, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        if len(return_url) > URL_CHARS_MAX:
            raise GatewayRefused(f"the address to return to has more than {URL_CHARS_MAX} characters")
        expires_at = payment.expires_at or Microseconds(
            payment.created_at + round(self._account.page_life_s * SECOND)
        )
        if expires_at <= self._clock.now():
            # In version 3 also the proof that its memory for idempotency is not over: a page lives less long.
            raise GatewayRefused("the time in which this order could be paid is over")
        if self._account.version == 3:
            return await self._create_v3(payment, buyer, return_url, expires_at)
        return await self._create_v2(payment, buyer, return_url, expires_at)

    async def _create_v2(
        self, payment: Payment, buyer: Buyer, return_url: str, expires_at: Microseconds
    ) -> Page:
        body = invoice(payment, buyer, return_url, expires_at)
        if payment.method:
            method_id = await self._method_id(payment)
            data = await self._ask("/v2/ExecutePayment", {**body, "PaymentMethodId": method_id})
            return _page(data, "PaymentURL", expires_at)
        data = await self._ask("/v2/SendPayment", {**body, "NotificationOption": "LNK"})
        return _page(data, "InvoiceURL", expires_at)

    async def _create_v3(
        self, payment: Payment, buyer: Buyer, return_url: str, expires_at: Microseconds
    ) -> Page:
        if payment.method:
            raise GatewayRefused("this way to pay is not offered")
        body = link(payment, buyer, return_url, expires_at)
        data = await self._ask("/v3/payments", body, headers={"Idempotency-Key": payment.id})
        return _page(data, "PaymentURL", expires_at)

    async def look_up(self, payment: Payment) -> Seen | None:
        if payment.provider_payment_id and self._account.version == 3:
            path = f"/v3/payments/{quote(payment.provider_payment_id, safe='')}"
            data = _found(await self._http.call("GET", path))
            found = None if data is None else read_details(data)
        else:
            found = await self._status(_key_of(payment))
        if found is None:
            return None
        refunds: Sequence[SeenRefund] = ()
        if found.is_paid:
            body = {"Key": found.id, "KeyType": "InvoiceId"}
            data = _found(await self._http.call("POST", "/v2/GetRefundStatus", body))
            refunds = () if data is None else read_refunds(data, found)
            if refunds and len(found.attempts) == 1 and self._account.version == 3:
                # It shows one attempt alone: how many paid says which of the refunds are of the first.
                found = await self._status({"Key": found.id, "KeyType": "InvoiceId"}) or found
        return seen(payment, found, refunds, self._account, self._clock.now())

    async def _status(self, key: Mapping[str, str]) -> Invoice | None:
        data = _found(await self._http.call("POST", "/v2/GetPaymentStatus", key))
        return None if data is None else read_status(data)

    async def refund(self, payment: Payment, refund: Refund) -> SeenRefund:
        """A request: MyFatoorah's people, or its setting Auto Refund, carry it out, and `look_up` tells."""
        if payment.currency != self._account.currency:
            # The amount is counted in the account's currency, at a rate that only its portal shows.
            raise GatewayRefused(
                "it was ordered in another currency than the account's: refund it in the portal"
            )
        data = await self._ask(
            "/v2/MakeRefund",
            {
                "KeyType": "InvoiceId",
                "Key": payment.invoice_id,
                "Amount": amount_of(refund.amount_minor, payment.currency),
                "Comment": refund.id,
                "ExternalIdentifier": refund.id,
                "ServiceChargeOnCustomer": False,
            },
        )
        return read_asked_refund(data, refund.id, refund.amount_minor)

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        return None

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        return ()

    async def cancel_subscription(self, provider_subscription_id: str) -> None:
        """There are none: plans are renewed by an order of ours for each period."""

    async def paid_between(self, begin: Microseconds, end: Microseconds) -> Sequence[Seen] | None:
        return None

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Event:
        return events.read_event(headers, body, self._account.webhook_secrets, self._account.mode)

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        return events.read_return(query, self._account.mode)

    async def _method_id(self, payment: Payment) -> int:
        """The number that a way to pay has in this account now."""
        for each in await self._offered(payment.amount_minor, payment.currency):
            method_id = at(each, "PaymentMethodId")
            if at(each, "PaymentMethodCode") == payment.method and isinstance(method_id, int):
                return method_id
        raise GatewayRefused("this way to pay is not offered")

    async def _offered(self, amount_minor: int, currency: str) -> Sequence[Any]:
        """By currency: the amount changes the fee in it, which is not ours to show."""
        now = self._clock.now()
        known = self._methods.get(currency)
        if known is not None and now - known[0] < METHODS_LIFE_US:
            return known[1]
        body = {"InvoiceAmount": amount_of(amount_minor, currency), "CurrencyIso": currency}
        offered = at(await self._ask("/v2/InitiatePayment", body), "PaymentMethods")
        if not isinstance(offered, list):
            raise unreadable()
        self._methods[currency] = (now, offered)
        return offered

    async def _ask(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> Any:
        """`Data` of an answer that is a success."""
        answer = await self._http.call("POST", path, body, headers=headers)
        if answer.is_ok and at(answer.body, "IsSuccess") is True:
            return at(answer.body, "Data")
        _refuse(answer)
        raise unreadable()


@asynccontextmanager
async def open_myfatoorah(
    account: MyFatoorahAccount, clock: Clock, timeout_s: float, connections: int
) -> AsyncIterator[MyFatoorahGateway]:
    headers = {"Authorization": f"Bearer {account.token}"}
    async with open_http(account.base_url, headers, timeout_s, connections) as http:
        yield MyFatoorahGateway(http, account, clock)


def _found(answer: Answer) -> Any:
    """`Data` of an answer to a question with one key, which can be refused for one reason alone: there is no such thing."""
    if answer.is_ok and at(answer.body, "IsSuccess") is True:
        return at(answer.body, "Data")
    is_refusal = at(answer.body, "IsSuccess") is False
    if is_refusal and (answer.is_ok or answer.status in _NOT_FOUND):
        return None
    raise_by_status(answer)
    raise unreadable()


def _refuse(answer: Answer) -> None:
    """Raises GatewayRefused for a refusal, with the names of the fields that it is about: its texts may quote the buyer."""
    if answer.status not in {401, 403} and at(answer.body, "IsSuccess") is False:
        named = at(answer.body, "ValidationErrors")
        names = [at(each, "Name") for each in named[:_FIELDS_MAX]] if isinstance(named, list) else []
        fields = [name[:40] for name in names if isinstance(name, str) and name.replace(".", "").isalnum()]
        shown = f": {', '.join(fields)}" if fields else ""
        raise GatewayRefused(f"it refuses the request{shown} ({answer.status})")
    raise_by_status(answer)


def _key_of(payment: Payment) -> dict[str, str]:
    if payment.provider_payment_id:
        return {"Key": payment.provider_payment_id, "KeyType": "PaymentId"}
    if payment.invoice_id:
        return {"Key": payment.invoice_id, "KeyType": "InvoiceId"}
    return {"Key": payment.id, "KeyType": "CustomerReference"}


def _page(data: Any, url_name: str, expires_at: Microseconds) -> Page:
    invoice_id, url = at(data, "InvoiceId"), _text(at(data, url_name))
    if not isinstance(invoice_id, int | str) or not str(invoice_id) or not _is_web(url):
        raise unreadable()
    return Page(url=url, invoice_id=str(invoice_id), expires_at=expires_at)


def _is_web(url: str) -> bool:
    """A browser is sent there: nothing that a browser would run."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

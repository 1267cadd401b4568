"""A payment provider in memory, with faults: what the core does with one, without any protocol."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import RequestInvalid, Unauthenticated, WebhookNotConfigured
from raseed.core.ids import PaymentId
from raseed.core.payments.model import (
    Mode,
    Payment,
    Refund,
    Seen,
    SeenRefund,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import (
    Buyer,
    Event,
    EventKind,
    GatewayRefused,
    GatewayUnavailable,
    Page,
    PaymentMethod,
    SeenSubscription,
)

SECRET = "the-secret-of-this-shop"
SECRET_CHARS_MIN = 16


class Fault(StrEnum):
    """What happens to one call."""

    BEFORE = "before"
    """No answer, and no effect."""
    AFTER = "after"
    """The effect, and no answer."""
    REFUSED = "refused"
    LATE = "late"
    """The effect, and an answer when the test lets it go."""


@dataclass(slots=True)
class Book:
    """What the provider has written down: several gateways may have the same one, as several workers do."""

    orders: dict[PaymentId, list[Seen]] = field(default_factory=dict)
    """By our id; more than one is what must never be."""
    calls: Counter[str] = field(default_factory=Counter)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    is_late: asyncio.Event = field(default_factory=asyncio.Event)
    """There is one that waits."""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    """Late answers wait for it."""
    pace_s: float = 0.0
    """How long each call takes."""

    def fail(self, call: str, *faults: Fault) -> None:
        self.faults.setdefault(call, deque()).extend(faults)

    def order(self, payment_id: PaymentId) -> Seen:
        [order] = self.orders[payment_id]
        return order

    def change(self, payment_id: PaymentId, **values: object) -> None:
        self.orders[payment_id] = [replace(self.order(payment_id), **values)]  # type: ignore[arg-type]

    def pay(self, payment_id: PaymentId, at: Microseconds, **values: object) -> None:
        """The buyer pays; `values`: what is then not as ordered."""
        self.change(
            payment_id,
            **{
                "status": SeenStatus.PAID,
                "provider_payment_id": f"tx_{payment_id}",
                "paid_at": at,
                **values,
            },
        )

    def give_back(
        self,
        payment_id: PaymentId,
        amount_minor: int,
        state: SeenRefundState = SeenRefundState.DONE,
        *,
        reference: str = "",
        is_dispute: bool = False,
    ) -> SeenRefund:
        order = self.order(payment_id)
        refund = SeenRefund(
            id=f"prf_{payment_id}_{len(order.refunds)}",
            reference=reference,
            amount_minor=amount_minor,
            state=state,
            is_dispute=is_dispute,
        )
        self.change(payment_id, refunds=(*order.refunds, refund))
        return refund

    def end_refund(self, payment_id: PaymentId, refund_id: str, state: SeenRefundState) -> None:
        refunds = tuple(
            replace(refund, state=state) if refund.id == refund_id else refund
            for refund in self.order(payment_id).refunds
        )
        self.change(payment_id, refunds=refunds)


class FakeGateway:
    """Implements `core.payments.ports.Gateway`."""

    def __init__(
        self,
        book: Book,
        clock: Clock,
        *,
        provider: PaymentProvider = PaymentProvider.MYFATOORAH,
        mode: Mode = Mode.TEST,
        is_creation_repeatable: bool = False,
        keeps_references: bool = True,
        asks_by_reference: bool = True,
        refunds_end_later: bool = False,
        tells_page: bool = True,
        tells_open_refunds: bool = True,
        refunds_parts: bool = True,
        secrets: tuple[str, ...] = (SECRET,),
    ) -> None:
        """`tells_page`: whether a look says where an order can be paid. `tells_open_refunds`: whether it shows refunds that
        are not done. `refunds_parts`: else all that is left is asked for at once.
        """
        self.book = book
        self.provider = provider
        self.mode = mode
        self.is_creation_repeatable = is_creation_repeatable
        self._clock = clock
        self._keeps_references = keeps_references
        self._asks_by_reference = asks_by_reference
        self._refunds_end_later = refunds_end_later
        self._tells_page = tells_page
        self._tells_open_refunds = tells_open_refunds
        self._refunds_parts = refunds_parts
        self._secrets = secrets

    async def methods(self, amount_minor: int, currency: str) -> Sequence[PaymentMethod]:
        return [PaymentMethod(code="kn", name_en="KNET", name_ar="كي نت")]

    async def create(self, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        fault = await self._call("create")
        known = self.book.orders.setdefault(payment.id, [])
        if not known or not self.is_creation_repeatable:
            number = len(known)
            known.append(
                Seen(
                    status=SeenStatus.OPEN,
                    provider=self.provider,
                    mode=self.mode,
                    reference=payment.id,
                    amount_minor=payment.amount_minor,
                    currency=payment.currency,
                    product_id=payment.product_id,
                    invoice_id=f"inv_{payment.id}_{number}",
                    url=f"https://pay.example/{payment.id}/{number}",
                )
            )
        await self._answer(fault)
        return Page(url=known[-1].url, invoice_id=known[-1].invoice_id, expires_at=known[-1].expires_at)

    async def look_up(self, payment: Payment) -> Seen | None:
        fault = await self._call("look_up")
        found = [
            order
            for orders in self.book.orders.values()
            for order in orders
            if order.invoice_id == payment.invoice_id
            or (
                not payment.invoice_id
                and self._asks_by_reference
                and orders is self.book.orders.get(payment.id)
            )
        ]
        await self._answer(fault)
        return self._told(found[-1]) if found else None

    def _told(self, order: Seen) -> Seen:
        refunds = order.refunds
        if not self._tells_open_refunds:
            refunds = tuple(refund for refund in refunds if refund.state is SeenRefundState.DONE)
        return replace(order, url=order.url if self._tells_page else "", refunds=refunds)

    async def refund(self, payment: Payment, refund: Refund) -> SeenRefund:
        if not self._refunds_parts and refund.amount_minor != payment.left_minor:
            raise GatewayRefused("all that is left, or nothing")
        fault = await self._call("refund")
        order = self.book.order(payment.id)
        asked = sum(told.amount_minor for told in order.refunds if told.state is not SeenRefundState.CANCELED)
        if asked + refund.amount_minor > order.amount_minor:
            raise GatewayRefused("more than was paid")
        state = SeenRefundState.PENDING if self._refunds_end_later else SeenRefundState.DONE
        reference = refund.id if self._keeps_references else ""
        told = self.book.give_back(payment.id, refund.amount_minor, state, reference=reference)
        await self._answer(fault)
        return told

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        return None

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        return ()

    async def cancel_subscription(self, provider_subscription_id: str) -> None: ...

    async def paid_between(self, begin: Microseconds, end: Microseconds) -> Sequence[Seen] | None:
        await self._answer(await self._call("paid_between"))
        return [
            order
            for orders in self.book.orders.values()
            for order in orders
            if order.paid_at is not None and begin <= order.paid_at < end
        ]

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Event:
        if not self._secrets or any(len(secret) < SECRET_CHARS_MIN for secret in self._secrets):
            raise WebhookNotConfigured("no secret")
        given = headers.get("signature", "").encode()
        if not any(hmac.compare_digest(given, _signature(body, each).encode()) for each in self._secrets):
            raise Unauthenticated("wrong")
        try:
            content = json.loads(body)
            return Event(
                key=content["key"],
                kind=EventKind(content["kind"]),
                name=content["kind"],
                mode=Mode(content["mode"]),
                reference=content["reference"],
                invoice_id=content["invoice_id"],
                provider_payment_id=content["provider_payment_id"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RequestInvalid("unreadable") from error

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        """Unsigned: what a browser says is a hint."""
        if set(query) != {"reference", "invoice"}:
            return None
        return Event(
            key="",
            kind=EventKind.PAYMENT,
            name="return",
            mode=self.mode,
            reference=query["reference"],
            invoice_id=query["invoice"],
        )

    async def _call(self, name: str) -> Fault | None:
        """Before the effect."""
        self.book.calls[name] += 1
        await asyncio.sleep(self.book.pace_s)
        faults = self.book.faults.get(name)
        fault = faults.popleft() if faults else None
        if fault is Fault.BEFORE:
            raise GatewayUnavailable("nobody answers")
        if fault is Fault.REFUSED:
            raise GatewayRefused("no")
        return fault

    async def _answer(self, fault: Fault | None) -> None:
        """After it."""
        if fault is Fault.AFTER:
            raise GatewayUnavailable("no answer in time")
        if fault is Fault.LATE:
            self.book.is_late.set()
            await self.book.let_go.wait()


def event_about(order: Seen, key: str, kind: EventKind = EventKind.PAYMENT) -> dict[str, Any]:
    """What the provider tells of an order as it is now."""
    return {
        "key": key,
        "kind": kind.value,
        "mode": order.mode.value,
        "reference": order.reference,
        "invoice_id": order.invoice_id,
        "provider_payment_id": order.provider_payment_id,
        "amount_minor": order.amount_minor,
    }


def signed(content: Mapping[str, Any], secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event."""
    body = json.dumps(content).encode()
    return {"signature": _signature(body, secret)}, body


def _signature(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

"""Orders: a row first, then the provider's page to pay on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from raseed.core.accounts.model import AccountStatus
from raseed.core.accounts.ports import AccountStore
from raseed.core.clock import HOUR, Clock
from raseed.core.errors import AccountSuspended, NotFound, RequestInvalid
from raseed.core.ids import AccountId, PaymentId, SubscriptionId, new_id
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Item, ItemKind, Offer, OrderBounds, Payment, PaymentState
from raseed.core.payments.ports import (
    Buyer,
    Gateway,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Page,
    PaymentStore,
    ProviderIdTaken,
)
from raseed.core.payments.records import beside
from raseed.core.payments.settling import RACES_MAX, Settling
from raseed.core.payments.states import next_look

ORDER_BOUNDS = OrderBounds(open_max=10, recent_max=20, recent_us=HOUR)
"""Orders of an account: 10 that nobody has paid, so that a buyer may try one method after another and a script cannot fill a
provider's book; and 20 begun in an hour, since each costs the provider a call and every later look another one."""
CREATE_S = 20.0
"""Longest wait for a page, over all attempts: a buyer waits for it. What came of it later the schedule finds out."""
REQUEST_KEY_CHARS_MAX = 128
METHOD_CHARS_MAX = 32
LANGUAGES = frozenset({"en", "ar"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to buy, and for whom."""

    account_id: AccountId
    """Whom it is credited to."""
    actor: str
    """Who orders: a person's or key's id."""
    item: Item
    request_key: str
    """The caller's: one order for each, for ever."""
    method: str = ""
    language: str = "en"


class Checkout:
    """Makes orders, and asks their provider for a page to pay on."""

    def __init__(
        self,
        store: PaymentStore,
        accounts: AccountStore,
        gateways: Gateways,
        settling: Settling,
        offer_for: Callable[[Item], Offer],
        clock: Clock,
        bounds: OrderBounds = ORDER_BOUNDS,
        create_s: float = CREATE_S,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._gateways = gateways
        self._settling = settling
        self._offer_for = offer_for
        self._clock = clock
        self._bounds = bounds
        self._create_s = create_s

    async def start(
        self, order: Order, buyer: Buyer, return_url: str, subscription_id: SubscriptionId | None = None
    ) -> Payment:
        """The order's payment: with a `url` to pay on, or without one while it is not known whether the provider has it
        (`created`), and `failed` if it does not want it. Safe to repeat under the same request key.

        Browsers come back to `return_url`, followed by the provider and the payment's id.

        Raises RequestInvalid, NotFound, AccountSuspended, PaymentProviderUnavailable for what nobody sells,
        RequestReusedWithOtherInput, PaymentLimitReached, RateLimited: then there is no order.
        """
        if (order.item.kind is ItemKind.PLAN) is (subscription_id is None):
            raise RequestInvalid("A plan is subscribed to.", param="item")
        payment = replace(await self._ordered(order), subscription_id=subscription_id)
        return await self.place(payment, _key(order), buyer, return_url, self._bounds)

    async def check(self, order: Order) -> Payment | None:
        """What there is under the order's request key, or None if `start` would take it now. Nothing is written, and nothing
        is kept free for it: `start` checks again. Raises as `start`.
        """
        return await self._store.check(await self._ordered(order), _key(order), self._bounds)

    async def _ordered(self, order: Order) -> Payment:
        _check(order)
        account = await self._accounts.find_account(order.account_id)
        if account is None or account.id != order.account_id:
            raise NotFound("This account no longer exists.")
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        return self.payment_for(order, self._offer_for(order.item))

    def payment_for(self, order: Order, offer: Offer) -> Payment:
        """Not stored yet. Raises PaymentProviderUnavailable."""
        now = self._clock.now()
        payment = Payment(
            id=PaymentId(new_id("pay")),
            account_id=order.account_id,
            actor=order.actor,
            provider=offer.provider,
            mode=self._gateways.selling(offer.provider).mode,
            item=offer.item,
            amount_minor=offer.amount_minor,
            currency=offer.currency,
            credit_microcredits=offer.credit_microcredits,
            product_id=offer.product_id,
            method=order.method,
            language=order.language,
            subscription_id=None,
            period_start=None,
            period_end=None,
            created_at=now,
            state=PaymentState.CREATED,
        )
        return replace(payment, next_check_at=next_look(payment, now))

    async def place(
        self,
        payment: Payment,
        request_key: str,
        buyer: Buyer,
        return_url: str,
        bounds: OrderBounds | None = None,
    ) -> Payment:
        """Store an order and ask for its page. Safe to repeat under the same request key: what is there is answered, and a
        provider is asked again only if that makes no second order, or if it says that it has none yet under our id.

        Raises as `PaymentStore.add`.
        """
        stored = await self._store.add(payment, request_key, bounds)
        if stored.state is not PaymentState.CREATED and not _is_page_lost(stored):
            return stored
        try:
            gateway = self._gateways.of(stored)
            if stored.id != payment.id and not gateway.is_creation_repeatable:
                return await self._settling.settle(stored.id)
        except GatewayError:
            return stored
        is_first = stored.id == payment.id
        return await self._create(gateway, stored, buyer, return_url, is_first=is_first)

    async def _create(
        self, gateway: Gateway, payment: Payment, buyer: Buyer, return_url: str, *, is_first: bool
    ) -> Payment:
        try:
            async with asyncio.timeout(self._create_s):
                page = await self._page(
                    gateway, payment, buyer, f"{return_url}/{payment.provider}/{payment.id}"
                )
        except (GatewayUnavailable, TimeoutError):
            return payment
        except GatewayRefused as error:
            if not is_first:
                return payment  # a call before this one may have made the order
            return await self._write(payment, partial(_refused, str(error)))
        return await self._write(payment, partial(_with_page, page))

    async def _page(self, gateway: Gateway, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        try:
            return await gateway.create(payment, buyer, return_url)
        except GatewayUnavailable:
            if not gateway.is_creation_repeatable:
                raise
        try:
            return await gateway.create(payment, buyer, return_url)
        except GatewayRefused as error:
            raise GatewayUnavailable(
                f"refused, after a call that may have made the order: {error}"
            ) from error

    async def _write(self, payment: Payment, change: Callable[[Payment], Payment]) -> Payment:
        """An event may have come before the page did: then what it led to stays."""
        for _ in range(RACES_MAX):
            after = change(payment)
            if after == payment:
                return payment
            try:
                written = await self._store.replace(payment, after, beside(payment, after))
            except ProviderIdTaken as error:
                after = replace(payment, state=PaymentState.REVIEW, problem=str(error), next_check_at=None)
                written = await self._store.replace(payment, after, beside(payment, after))
            if written is not None:
                return written
            payment = await self._settling.read(payment.id)
        return payment


def _with_page(page: Page, payment: Payment) -> Payment:
    if payment.state is not PaymentState.CREATED and not _is_page_lost(payment):
        return payment
    return replace(
        payment,
        state=PaymentState.PENDING,
        url=page.url,
        invoice_id=page.invoice_id,
        expires_at=page.expires_at,
        problem="",
    )


def _is_page_lost(payment: Payment) -> bool:
    """A look found it at the provider before anybody learnt where it can be paid."""
    is_open = payment.state in {PaymentState.PENDING, PaymentState.FAILED}
    return is_open and bool(payment.invoice_id) and not payment.url


def _refused(why: str, payment: Payment) -> Payment:
    """Nothing of it is at the provider: nobody looks for it there."""
    if payment.state is not PaymentState.CREATED:
        return payment
    return replace(payment, state=PaymentState.FAILED, problem=why, next_check_at=None)


def _key(order: Order) -> str:
    """Apart from the keys of what we order ourselves, so that nobody takes the place of a renewal."""
    return f"order:{order.request_key}"


def _check(order: Order) -> None:
    if not 1 <= len(order.request_key) <= REQUEST_KEY_CHARS_MAX or not order.request_key.isprintable():
        raise RequestInvalid(
            f"A request id of 1 to {REQUEST_KEY_CHARS_MAX} printable characters is required.",
            param="request_id",
        )
    if len(order.method) > METHOD_CHARS_MAX or not (order.method.isascii() and order.method.isprintable()):
        raise RequestInvalid("There is no such way to pay.", param="method")
    if order.language not in LANGUAGES:
        raise RequestInvalid("A language is en or ar.", param="language")

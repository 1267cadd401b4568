"""Creem's objects, as far as we read them, and what they mean to payments.

Fields by Creem's OpenAPI document (docs.creem.io/api-reference): CheckoutEntity, OrderEntity, TransactionEntity,
SubscriptionEntity. Amounts are whole minor units. An object is either there or its id is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.money import share
from raseed.core.payments.model import ItemKind, Mode, Payment, Seen, SeenRefund, SeenRefundState, SeenStatus
from raseed.core.payments.ports import GatewayUnavailable, SeenSubscription

CHECKOUT_PREFIX = "ch_"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAME = frozenset({"paid", "refunded", "partialRefund", "partially_refunded", "chargedBack", "chargeback"})
"""Of transactions whose money came, whatever became of it. Creem's document and its examples spell two of them apart."""
_TAKEN_BACK = frozenset({"chargedBack", "chargeback"})
_NEVER = frozenset({"declined", "void", "uncollectible"})

T = TypeVar("T")


class Ref(msgspec.Struct, frozen=True):
    id: str


class Order(msgspec.Struct, frozen=True):
    id: str
    amount: int
    """Without tax that Creem adds; with the tax of a product whose price includes it."""
    currency: str
    status: str
    transaction: str | Ref | None = None


class Checkout(msgspec.Struct, frozen=True):
    id: str
    mode: str
    status: str
    product: str | Ref
    request_id: str | None = None
    order: Order | None = None
    subscription: str | Ref | None = None
    checkout_url: str | None = None


class Product(msgspec.Struct, frozen=True):
    id: str
    mode: str
    price: int
    currency: str
    billing_type: str
    """`recurring`, or `onetime`."""
    status: str


class Transaction(msgspec.Struct, frozen=True):
    """Money that moved: `payment` for an order that is paid once, `invoice` for a period of a subscription."""

    id: str
    mode: str
    amount: int
    currency: str
    status: str
    created_at: int
    """Milliseconds, as are the bounds of the period."""
    amount_paid: int | None = None
    discount_amount: int | None = None
    refunded_amount: int | None = None
    order: str | Ref | None = None
    subscription: str | Ref | None = None
    customer: str | Ref | None = None
    period_start: int | None = None


class Pagination(msgspec.Struct, frozen=True):
    next_page: int | None = None


class TransactionPage(msgspec.Struct, frozen=True):
    items: list[Transaction]
    pagination: Pagination = Pagination()


class Subscription(msgspec.Struct, frozen=True):
    id: str
    mode: str
    status: str
    product: str | Ref
    customer: str | Ref
    created_at: datetime
    last_transaction_id: str | None = None
    current_period_start_date: datetime | None = None
    current_period_end_date: datetime | None = None


class RefundAnswer(msgspec.Struct, frozen=True):
    status: str


def read(body: Any, kind: type[T]) -> T:
    """Raises GatewayUnavailable for what is none."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        # The text of that error may quote the answer.
        raise GatewayUnavailable(f"Creem's answer is no {kind.__name__.lower()}") from error


def id_of(found: str | Ref | None) -> str:
    if isinstance(found, Ref):
        return found.id
    return found or ""


def mode_of(mode: str) -> Mode:
    """Whatever is not said to be live moves no money: Creem knows `test`, `sandbox` and `local` beside `prod`."""
    return Mode.LIVE if mode in {"prod", "live"} else Mode.TEST


def differs(product: Product, payment: Payment, units: int) -> str:
    """What is wrong with selling so many units of a product for this order; empty: nothing."""
    if mode_of(product.mode) is not payment.mode:
        return f"the product {product.id} is of another mode"
    if product.status != "active":
        return f"the product {product.id} is {product.status}"
    if (product.billing_type == "recurring") is not (payment.item.kind is ItemKind.PLAN):
        return f"the product {product.id} is {product.billing_type}"
    asked = (payment.amount_minor, payment.currency)
    if (product.price * units, product.currency.upper()) != asked:
        return (
            f"{units} of the product {product.id} cost {product.price * units} {product.currency}, "
            f"and {payment.amount_minor} {payment.currency} are ordered"
        )
    return ""


def seen_checkout(checkout: Checkout, transaction: Transaction | None, payment: Payment) -> Seen:
    """`transaction`: what paid it. While nothing did, nothing was ordered at another price than ours."""
    mode = mode_of(checkout.mode)
    if transaction is None:
        order = checkout.order
        return Seen(
            status=SeenStatus.EXPIRED if checkout.status == "expired" else SeenStatus.OPEN,
            provider=PaymentProvider.CREEM,
            mode=mode,
            reference=checkout.request_id or "",
            amount_minor=order.amount if order else payment.amount_minor,
            currency=order.currency.upper() if order else payment.currency,
            invoice_id=checkout.id,
            product_id=id_of(checkout.product),
            url=checkout.checkout_url or "",
            provider_subscription_id=id_of(checkout.subscription),
        )
    seen = seen_transaction(transaction)
    if seen.mode is not mode:
        raise GatewayUnavailable("Creem's checkout and its transaction are of two modes")
    return replace(
        seen,
        reference=checkout.request_id or "",
        invoice_id=checkout.id,
        product_id=id_of(checkout.product),
        provider_subscription_id=id_of(checkout.subscription) or seen.provider_subscription_id,
    )


def seen_transaction(transaction: Transaction, product_id: str = "") -> Seen:
    """Of a transaction without a checkout: it stands for the order too. `product_id`: empty if it is not known."""
    return Seen(
        status=status_of(transaction),
        provider=PaymentProvider.CREEM,
        mode=mode_of(transaction.mode),
        reference="",
        amount_minor=net_minor(transaction),
        currency=transaction.currency.upper(),
        invoice_id=transaction.id,
        provider_payment_id=transaction.id,
        product_id=product_id,
        paid_at=Microseconds(transaction.created_at * 1000) if has_come(transaction) else None,
        provider_subscription_id=id_of(transaction.subscription),
        refunds=refunds_of(transaction),
    )


def has_come(transaction: Transaction) -> bool:
    return transaction.status in _CAME


def status_of(transaction: Transaction) -> SeenStatus:
    if has_come(transaction):
        return SeenStatus.PAID
    return SeenStatus.FAILED if transaction.status in _NEVER else SeenStatus.OPEN


def net_minor(transaction: Transaction) -> int:
    """What was sold for, without tax that came on top: of 12.10 with 2.10 of tax, 10.00. Never more than what was paid."""
    net = transaction.amount - (transaction.discount_amount or 0)
    if has_come(transaction) and transaction.amount_paid is not None:
        return min(net, transaction.amount_paid)
    return net


def refunds_of(transaction: Transaction) -> tuple[SeenRefund, ...]:
    """All that went back, as one refund that grows: Creem says only how much it is by now.

    A part of what was paid, tax included, is the same part of what was sold for.
    """
    is_dispute = transaction.status in _TAKEN_BACK
    paid = transaction.amount_paid if transaction.amount_paid is not None else transaction.amount
    back = transaction.refunded_amount or (paid if is_dispute or transaction.status == "refunded" else 0)
    amount_minor = share(net_minor(transaction), min(back, paid), paid) if paid > 0 else 0
    if amount_minor <= 0:
        return ()
    return (
        SeenRefund(
            id=f"{transaction.id}:chargeback" if is_dispute else transaction.id,
            reference="",
            amount_minor=amount_minor,
            state=SeenRefundState.DONE,
            is_dispute=is_dispute,
        ),
    )


def refund_state(answer: RefundAnswer) -> SeenRefundState:
    """docs.creem.io/api-reference/endpoint/refund-payment: `pending`, `requiresAction`, `succeeded`, `failed`, `canceled`."""
    match answer.status:
        case "succeeded":
            return SeenRefundState.DONE
        case "failed" | "canceled":
            return SeenRefundState.CANCELED
        case _:
            return SeenRefundState.PENDING


def seen_subscription(subscription: Subscription) -> SeenSubscription:
    status = subscription.status
    return SeenSubscription(
        provider_subscription_id=subscription.id,
        is_active=status in {"active", "trialing", "scheduled_cancel"},
        is_canceled=has_ended(subscription),
        is_past_due=status in {"past_due", "unpaid"},
        period_start=_moment_of(subscription.current_period_start_date),
        period_end=_moment_of(subscription.current_period_end_date),
        last_transaction_id=subscription.last_transaction_id or "",
        product_id=id_of(subscription.product),
    )


def _moment_of(at: datetime | None) -> Microseconds | None:
    return None if at is None else moment_of(at)


def has_ended(subscription: Subscription) -> bool:
    """Whether it never renews again. `expired` may be tried again: it is no end."""
    return subscription.status in {"canceled", "scheduled_cancel"}


def period_start(transaction: Transaction) -> Microseconds:
    at_ms = transaction.created_at if transaction.period_start is None else transaction.period_start
    return Microseconds(at_ms * 1000)


def is_before(transactions: Sequence[Transaction], begin: Microseconds) -> bool:
    """Whether what comes after these is older than `begin` too: so if they are listed from new to old."""
    times = [each.created_at * 1000 for each in transactions]
    return (
        len(times) > 1 and times[0] > times[-1] and times == sorted(times, reverse=True) and times[-1] < begin
    )


def moment_of(at: datetime) -> Microseconds:
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    return Microseconds(since // timedelta(microseconds=1))


def oldest(transactions: Sequence[Transaction]) -> Transaction | None:
    return min(transactions, key=lambda each: (each.created_at, each.id), default=None)

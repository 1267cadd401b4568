"""The JSON of Creem.

Sources: the OpenAPI document of docs.creem.io/api-reference (CheckoutEntity, OrderEntity, TransactionEntity,
SubscriptionEntity, ProductEntity, TransactionListEntity), docs.creem.io/api-reference/error-codes, and the examples of
docs.creem.io/code/webhooks: there times of transactions are milliseconds, and those of everything else are ISO 8601.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.emulators.creem.book import (
    Book,
    Checkout,
    Customer,
    Order,
    Product,
    Refused,
    Subscription,
    Transaction,
)

from raseed.core.clock import SECOND, Microseconds


def product(found: Product, mode: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "mode": mode,
        "object": "product",
        "name": found.name,
        "description": found.name,
        "price": found.price,
        "currency": found.currency,
        "billing_type": "recurring" if found.is_recurring else "onetime",
        "billing_period": "every-month" if found.is_recurring else "once",
        "status": "active",
        "tax_mode": found.tax_mode,
        "tax_category": "saas",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


def checkout(found: Checkout, mode: str, base_url: str, *, is_expanded: bool) -> dict[str, Any]:
    """`is_expanded`: as `GET` and events have it once it is completed; `POST` answers ids."""
    shape: dict[str, Any] = {
        "id": found.id,
        "mode": mode,
        "object": "checkout",
        "status": found.status,
        "request_id": found.request_id,
        "product": product(found.product, mode) if is_expanded else found.product.id,
        "units": found.units,
        "success_url": found.success_url or None,
        "checkout_url": f"{base_url}/people/checkouts/{found.id}",
        "metadata": found.metadata,
    }
    if found.order is not None:
        shape["order"] = order(found.order, mode)
        shape["customer"] = customer(found.order.customer, mode)
    if found.subscription is not None:
        shape["subscription"] = subscription(found.subscription, mode, is_expanded=False)
    return shape


def order(found: Order, mode: str) -> dict[str, Any]:
    paid = found.transaction
    return {
        "id": found.id,
        "mode": mode,
        "object": "order",
        "customer": found.customer.id,
        "product": found.product.id,
        "transaction": paid.id,
        "discount": None,
        "amount": paid.amount,
        "sub_total": paid.amount,
        "tax_amount": paid.tax,
        "discount_amount": paid.discount,
        "amount_due": paid.paid,
        "amount_paid": paid.paid,
        "currency": paid.currency,
        "status": "paid",
        "type": "recurring" if paid.subscription_id else "onetime",
        "created_at": _iso(found.at),
        "updated_at": _iso(found.at),
    }


def transaction(found: Transaction, mode: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "mode": mode,
        "object": "transaction",
        "amount": found.amount,
        "amount_paid": found.paid,
        "discount_amount": found.discount,
        "currency": found.currency,
        "type": found.kind,
        "tax_country": found.customer.country,
        "tax_amount": found.tax,
        "status": found.status,
        "refunded_amount": found.refunded or None,
        "order": found.order_id,
        "subscription": found.subscription_id or None,
        "customer": found.customer.id,
        "description": "Subscription payment" if found.subscription_id else "Payment",
        "period_start": found.period_start // 1000,
        "period_end": found.period_end // 1000,
        "created_at": found.at // 1000,
    }


def transactions(found: Sequence[Transaction], mode: str, page: int, size: int) -> dict[str, Any]:
    """Newest first."""
    begin, pages = (page - 1) * size, -(-len(found) // size)
    return {
        "items": [transaction(each, mode) for each in found[begin : begin + size]],
        "pagination": {
            "total_records": len(found),
            "total_pages": pages,
            "current_page": page,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 else None,
        },
    }


def customer(found: Customer, mode: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "mode": mode,
        "object": "customer",
        "email": found.email,
        "name": "Tester Test",
        "country": found.country,
    }


def subscription(found: Subscription, mode: str, *, is_expanded: bool) -> dict[str, Any]:
    return {
        "id": found.id,
        "mode": mode,
        "object": "subscription",
        "product": product(found.product, mode) if is_expanded else found.product.id,
        "customer": customer(found.customer, mode) if is_expanded else found.customer.id,
        "collection_method": "charge_automatically",
        "status": found.status,
        "last_transaction_id": found.last.id,
        "last_transaction_date": _iso(found.last.at),
        "next_transaction_date": None if found.canceled_at else _iso(found.period_end),
        "current_period_start_date": _iso(found.period_start),
        "current_period_end_date": _iso(found.period_end),
        "canceled_at": _iso(found.canceled_at) if found.canceled_at else None,
        "created_at": _iso(found.created_at),
        "updated_at": _iso(found.created_at),
        "metadata": found.checkout.metadata,
    }


def refund(found: tuple[str, Transaction, int], mode: str) -> dict[str, Any]:
    """What `POST /v1/refunds` answers, and the core of `refund.created`."""
    refund_id, of, amount = found
    return {
        "id": refund_id,
        "mode": mode,
        "object": "refund",
        "status": "succeeded",
        "refund_amount": amount,
        "refund_currency": of.currency,
        "reason": "requested_by_customer",
        "transaction": transaction(of, mode),
    }


def event(name: str, about: Any, event_id: str, at: Microseconds, book: Book, url: str) -> dict[str, Any]:
    """A webhook's body."""
    return {
        "id": event_id,
        "eventType": name,
        "created_at": at // 1000,
        "object": _about(name, about, book, url),
    }


def _about(name: str, about: Any, book: Book, url: str) -> dict[str, Any]:
    mode = book.mode
    match about:
        case Checkout():
            return checkout(about, mode, url, is_expanded=True)
        case Subscription():
            return subscription(about, mode, is_expanded=True)
        case (str() as about_id, Transaction() as of, int() as amount):
            begun = book.checkout_of(of)
            shape = {
                "id": about_id,
                "mode": mode,
                "object": "dispute",
                "amount": amount,
                "currency": of.currency,
                "transaction": transaction(of, mode),
            }
            if name == "refund.created":
                shape = refund(about, mode)
            if begun is not None:
                shape["checkout"] = checkout(begun, mode, url, is_expanded=False)
                if begun.subscription is not None:
                    shape["subscription"] = subscription(begun.subscription, mode, is_expanded=False)
            shape["customer"] = customer(of.customer, mode)
            return shape
        case _:
            raise AssertionError(about)


def refused(error: Refused, at: Microseconds) -> dict[str, Any]:
    return {
        "trace_id": "550e8400-e29b-41d4-a716-446655440000",
        "status": error.status,
        "error": {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}.get(error.status, "Bad Request"),
        "message": [error.message],
        "timestamp": at // 1000,
    }


def _iso(at: Microseconds) -> str:
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % SECOND // 1000:03d}Z"

"""What Creem's events, and browsers that come back from it, are about.

By docs.creem.io: code/webhooks and skills/creem-api/WEBHOOKS (the events and examples of each), and
features/checkout/checkout-api (what the browser brings along).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from raseed.adapters.payments.creem_objects import CHECKOUT_PREFIX, mode_of
from raseed.core.errors import RequestInvalid
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import Event, EventKind

ID_CHARS_MAX = 128
"""Creem's ids have some thirty characters, ours as many. What is longer is no id."""
_SUBSCRIPTION = "subscription."
_KINDS = {
    "checkout.completed": EventKind.PAYMENT,
    "refund.created": EventKind.REFUND,
    "dispute.created": EventKind.REFUND,
}


def read_event(body: bytes, mode: Mode) -> Event:
    """`mode`: of the secret that signed it, for an event that names none. Raises RequestInvalid."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestInvalid("The body is not JSON.") from error
    key, name, about = _id(parsed, "id"), _id(parsed, "eventType"), _object(parsed, "object")
    if not key or not name:
        raise RequestInvalid("The body is no event.")
    event = Event(key=key, kind=EventKind.OTHER, name=name, mode=_mode(about, mode))
    if name.startswith(_SUBSCRIPTION):
        return _subscription(event, about)
    match _KINDS.get(name):
        case EventKind.PAYMENT:
            return _checkout(event, about)
        case EventKind.REFUND:
            return _refund(event, about)
        case _:
            return event


def read_return(query: Mapping[str, str], mode: Mode) -> Event | None:
    """None: there is no checkout in it."""
    checkout_id = _id(query, "checkout_id")
    if not checkout_id.startswith(CHECKOUT_PREFIX):
        return None
    return Event(
        key=f"return:{checkout_id}",
        kind=EventKind.PAYMENT,
        name="return",
        mode=mode,
        reference=_id(query, "request_id"),
        invoice_id=checkout_id,
        provider_subscription_id=_id(query, "subscription_id"),
    )


def _checkout(event: Event, checkout: Any) -> Event:
    return replace(
        event,
        kind=EventKind.PAYMENT,
        reference=_reference(checkout),
        invoice_id=_id(checkout, "id"),
        provider_payment_id=_id(_object(checkout, "order"), "transaction"),
        provider_subscription_id=_id(checkout, "subscription"),
    )


def _subscription(event: Event, subscription: Any) -> Event:
    """A renewal carries the metadata of the checkout that began it: they say nothing of which period this is."""
    return replace(
        event,
        kind=EventKind.SUBSCRIPTION,
        provider_payment_id=_id(subscription, "last_transaction_id"),
        provider_subscription_id=_id(subscription, "id"),
    )


def _refund(event: Event, refund: Any) -> Event:
    transaction, checkout = _object(refund, "transaction"), _object(refund, "checkout")
    event = replace(event, kind=EventKind.REFUND, provider_payment_id=_id(transaction, "id"))
    subscription_id = _id(transaction, "subscription") or _id(refund, "subscription")
    if subscription_id and event.provider_payment_id:
        # The checkout in it began the subscription, and may have nothing to do with the period that goes back.
        return replace(event, provider_subscription_id=subscription_id)
    return replace(event, reference=_reference(checkout), invoice_id=_id(checkout, "id"))


def _reference(checkout: Any) -> str:
    return _id(checkout, "request_id") or _id(_object(checkout, "metadata"), "payment_id")


def _mode(about: Any, mode: Mode) -> Mode:
    named = _id(about, "mode")
    return mode_of(named) if named else mode


def _object(found: Any, name: str) -> Any:
    inner = found.get(name) if isinstance(found, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _id(found: Any, name: str) -> str:
    """The id at a name, or that of the object there. Empty for what is none."""
    value = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("id")
    if not isinstance(value, str) or len(value) > ID_CHARS_MAX:
        return ""
    return value if value.isascii() and value.isprintable() else ""

"""JSON of /api/billing/checkout, payments and payment-methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.money import price_text
from raseed.core.payments.model import Item, ItemKind, Payment, PaymentState
from raseed.core.payments.ports import PaymentMethod

ITEM_ID_CHARS_MAX = 64
QUANTITY_DIGITS_MAX = 12
METHOD_CHARS_MAX = 32
PAYABLE = frozenset({PaymentState.CREATED, PaymentState.PENDING})
"""States in which a page to pay on is shown. A payment that failed has a page too; who tries again orders again."""

_encode = msgspec.json.Encoder().encode


class _Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    id: str = ""
    quantity: int = 1


class _Checkout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    item: _Item
    method: str = ""
    language: str = ""


class _Payment(msgspec.Struct, frozen=True):
    id: str
    state: str
    item: _Item
    amount: msgspec.Raw
    currency: str
    credits: msgspec.Raw
    method: str | None
    mode: str
    url: str | None
    expires_at: str | None
    created_at: str
    paid_at: str | None
    credited_at: str | None
    refunded: msgspec.Raw
    disputed: msgspec.Raw


class _Page(msgspec.Struct, frozen=True):
    data: list[_Payment]
    next_cursor: str | None


class _Method(msgspec.Struct, frozen=True):
    code: str
    name_en: str
    name_ar: str


class _Methods(msgspec.Struct, frozen=True):
    methods: list[_Method]


_checkout = msgspec.json.Decoder(_Checkout)
_KEYS = served_keys(("item", "method", "language", "kind", "id", "quantity"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to buy, and how he wants to pay."""

    item: Item
    method: str
    language: str
    """`en`, `ar`, or empty."""


def decode_checkout(body: bytes) -> Order:
    """Raises RequestInvalid."""
    asked = read_body(body, _checkout, _KEYS, WORDS)
    return order_of(
        kind=asked.item.kind,
        id_=asked.item.id,
        quantity=asked.item.quantity,
        method=asked.method,
        language=asked.language,
    )


def order_of(*, kind: str, id_: str, quantity: int, method: str = "", language: str = "") -> Order:
    """Raises RequestInvalid."""
    if kind not in tuple(ItemKind):
        raise RequestInvalid(f"kind must be one of {', '.join(ItemKind)}.", param="item.kind")
    if len(id_) > ITEM_ID_CHARS_MAX or not id_.isprintable():
        raise RequestInvalid(f"id has at most {ITEM_ID_CHARS_MAX} characters.", param="item.id")
    if not 1 <= quantity < 10**QUANTITY_DIGITS_MAX:
        raise RequestInvalid("quantity must be a whole number from 1 on.", param="item.quantity")
    if len(method) > METHOD_CHARS_MAX or not (method.isascii() and method.isprintable()):
        raise RequestInvalid("method must be a code of the list of methods.", param="method")
    if language not in ("", "en", "ar"):
        raise RequestInvalid("language must be en or ar.", param="language")
    return Order(item=Item(kind=ItemKind(kind), id=id_, quantity=quantity), method=method, language=language)


def decode_item(kind: str, id_: str, quantity: str) -> Item:
    """Of a query. Raises RequestInvalid."""
    is_number = quantity.isascii() and quantity.isdecimal() and len(quantity) <= QUANTITY_DIGITS_MAX
    if quantity and not is_number:
        raise RequestInvalid("quantity must be a whole number from 1 on.", param="quantity")
    return order_of(kind=kind, id_=id_, quantity=int(quantity or 1)).item


def page_url(payment: Payment) -> str:
    """Where it can be paid now; empty: nowhere."""
    return payment.url if payment.state in PAYABLE else ""


def encode_payment(payment: Payment) -> bytes:
    """Amounts are JSON numbers with all decimals of their currency, credits as everywhere, moments RFC 3339 in UTC."""
    return _encode(_payment(payment))


def encode_payments(payments: Sequence[Payment], cursor: str) -> bytes:
    return _encode(_Page(data=[_payment(each) for each in payments], next_cursor=cursor or None))


def encode_methods(methods: Sequence[PaymentMethod]) -> bytes:
    shown = [_Method(code=each.code, name_en=each.name_en, name_ar=each.name_ar) for each in methods]
    return _encode(_Methods(methods=shown))


def _payment(payment: Payment) -> _Payment:
    item = payment.item
    return _Payment(
        id=payment.id,
        state=payment.state.value,
        item=_Item(kind=item.kind.value, id=item.id, quantity=item.quantity),
        amount=_money(payment.amount_minor, payment.currency),
        currency=payment.currency,
        credits=credits_json(payment.credit_microcredits),
        method=payment.method or None,
        mode=payment.mode.value,
        url=page_url(payment) or None,
        expires_at=_moment(payment.expires_at),
        created_at=rfc3339_text(payment.created_at),
        paid_at=_moment(payment.paid_at),
        credited_at=_moment(payment.credited_at),
        refunded=_money(payment.refunded_minor, payment.currency),
        disputed=_money(payment.disputed_minor, payment.currency),
    )


def _moment(at: Microseconds | None) -> str | None:
    return None if at is None else rfc3339_text(at)


def _money(amount_minor: int, currency: str) -> msgspec.Raw:
    return msgspec.Raw(price_text(amount_minor, currency).encode())

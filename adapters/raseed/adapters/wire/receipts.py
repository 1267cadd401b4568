"""JSON of /api/billing/receipts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.core.money import price_text
from raseed.core.payments.receipt_service import DocumentFormat
from raseed.core.payments.receipts import Receipt

_encode = msgspec.json.Encoder().encode


class _Text(msgspec.Struct, frozen=True):
    en: str
    ar: str


class _Period(msgspec.Struct, frozen=True, rename={"begin": "from"}):
    begin: str
    to: str


class _Merchant(msgspec.Struct, frozen=True):
    name: str
    orders_url: str


class _Receipt(msgspec.Struct, frozen=True):
    number: str
    kind: str
    mode: str
    issued_at: str
    issued_on: str
    payment: str
    refund: str | None
    dispute: bool
    refers_to: str | None
    item: _Text
    amount: msgspec.Raw
    amount_minor: int
    currency: str
    credits: msgspec.Raw
    provider: str
    method: str | None
    transaction: str | None
    period: _Period | None
    merchant_of_record: _Merchant | None


class _Receipts(msgspec.Struct, frozen=True):
    data: list[_Receipt]
    next_cursor: str | None


def decode_document(text: str) -> tuple[str, DocumentFormat | None]:
    """The number, and the format that stands behind it; None: JSON.

    >>> decode_document("R-2026-000001.pdf"), decode_document("R-2026-000001")
    (('R-2026-000001', <DocumentFormat.PDF: 'pdf'>), ('R-2026-000001', None))
    """
    for form in DocumentFormat:
        if text.endswith(f".{form}"):
            return text.removesuffix(f".{form}"), form
    return text, None


def encode_receipts(receipts: Sequence[Receipt], cursor: str) -> bytes:
    """A page, newest first; `next_cursor` is null on the last one."""
    return _encode(_Receipts(data=[_receipt(each) for each in receipts], next_cursor=cursor or None))


def encode_receipt(receipt: Receipt) -> bytes:
    return _encode(_receipt(receipt))


def _receipt(receipt: Receipt) -> _Receipt:
    """Amounts of money are JSON numbers with all decimals of their currency, credit is a number of credits."""
    merchant = receipt.merchant
    return _Receipt(
        number=receipt.number,
        kind=receipt.kind.value,
        mode=receipt.mode.value,
        issued_at=rfc3339_text(receipt.issued_at),
        issued_on=receipt.issued_on,
        payment=receipt.payment_id,
        refund=receipt.refund_id,
        dispute=receipt.is_dispute,
        refers_to=receipt.refers_to or None,
        item=_Text(en=receipt.item_text, ar=receipt.item_text_ar),
        amount=msgspec.Raw(price_text(receipt.amount_minor, receipt.currency).encode()),
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        credits=credits_json(receipt.credit_microcredits),
        provider=receipt.provider.value,
        method=receipt.method or None,
        transaction=receipt.provider_payment_id or None,
        period=_Period(begin=receipt.period_begin, to=receipt.period_end) if receipt.period_begin else None,
        merchant_of_record=_Merchant(name=merchant.name, orders_url=merchant.orders_url)
        if merchant
        else None,
    )

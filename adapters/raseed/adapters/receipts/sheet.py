"""A document as labels and values in their order, for one language; HTML and PDF only lay it out.

Digits are Western in both languages, dates are ISO days, and an amount has its currency's ISO code behind it: so it reads on
bank statements, in messages, and when it is copied. A value that runs from left to right says so, and nothing of the Arabic
around it turns it round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from raseed.adapters.messaging.texts import isolated
from raseed.adapters.receipts.words import METHODS, WORDS, Words
from raseed.core.messaging.ports import Language
from raseed.core.payments.model import Mode
from raseed.core.payments.receipt_drawing import credit_text
from raseed.core.payments.receipts import IssuedReceipt, Receipt

_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


@dataclass(frozen=True, slots=True)
class Value:
    text: str
    is_ltr: bool


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    value: Value


@dataclass(frozen=True, slots=True)
class Block:
    """A heading with lines below it, or with rows."""

    title: str
    lines: tuple[Value, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence; what follows it has a direction of its own."""

    text: str
    address: str = ""
    link: str = ""
    """Where the address leads; empty: it is no link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    language: str
    direction: str
    """`ltr` or `rtl`."""
    title: str
    number: str
    banner: str
    """Across the top; empty: none."""
    facts: tuple[Row, ...]
    seller: Block
    buyer: Block = field(repr=False)
    item_label: str
    amount_label: str
    item: Value
    period: Row | None
    amount: Value
    total: Row
    credit: Row | None
    payment: Block
    notes: tuple[Note, ...]


def lay_out(issued: IssuedReceipt, language: Language) -> Sheet:
    receipt, words = issued.receipt, WORDS[language]
    is_arabic = language is Language.ARABIC
    days = [isolated(day, language) for day in (receipt.period_begin, receipt.period_end) if day]
    period = f" {words.until} ".join(days)
    credit = credit_text(receipt.credit_microcredits, receipt.unit, language)
    return Sheet(
        language=language.value,
        direction="rtl" if is_arabic else "ltr",
        title=words.titles[receipt.kind],
        number=receipt.number,
        banner=words.test if receipt.mode is Mode.TEST else "",
        facts=_rows(
            (words.number, receipt.number),
            (words.issued_on, receipt.issued_on),
            (words.refers_to, receipt.refers_to),
        ),
        seller=_seller(receipt, words, is_arabic=is_arabic),
        buyer=_buyer(issued, words),
        item_label=words.item,
        amount_label=words.amount,
        item=_value(receipt.item_text_ar if is_arabic else receipt.item_text),
        period=Row(words.period, _value(period)) if period else None,
        amount=_value(receipt.amount_text),
        total=Row(words.given_back if receipt.kind.is_refund else words.paid, _value(receipt.amount_text)),
        credit=Row(words.credit, _value(credit)) if receipt.credit_microcredits else None,
        payment=Block(
            words.payment_details,
            rows=_rows(
                (words.paid_on, receipt.paid_on),
                (words.provider, PROVIDERS.get(receipt.provider.value, receipt.provider.value)),
                (words.method, METHODS.get(receipt.method, receipt.method)),
                (words.transaction, receipt.provider_payment_id),
                (words.invoice, receipt.invoice_id),
                (words.refund, receipt.provider_refund_id),
                (words.payment, receipt.payment_id),
            ),
        ),
        notes=tuple(_notes(receipt, words)),
    )


PROVIDERS = {"myfatoorah": "MyFatoorah", "creem": "Creem"}


def _seller(receipt: Receipt, words: Words, *, is_arabic: bool) -> Block:
    seller = receipt.seller
    name = (seller.name_ar or seller.name) if is_arabic else seller.name
    address = (seller.address_ar or seller.address) if is_arabic else seller.address
    lines = [name, *address]
    if seller.tax_number and receipt.merchant is None:
        lines.append(f"{words.tax_number}: {seller.tax_number}")
    title = words.seller
    if receipt.merchant is not None:
        title = words.service
        lines.append(f"{words.sold_by}: {receipt.merchant.name}")
    return Block(title, lines=tuple(_value(line) for line in lines if line))


def _buyer(issued: IssuedReceipt, words: Words) -> Block:
    buyer = issued.buyer
    known = (
        ((words.name, buyer.name), (words.email, buyer.email), (words.phone, buyer.phone_e164))
        if buyer is not None
        else ()
    )
    return Block(words.buyer, rows=_rows(*known, (words.account, issued.receipt.account_id)))


def _notes(receipt: Receipt, words: Words) -> list[Note]:
    notes = []
    if receipt.is_dispute:
        notes.append(Note(words.dispute))
    if receipt.merchant is not None:
        text = words.refund_of_merchant if receipt.kind.is_refund else words.of_merchant
        notes.append(Note(text.format(merchant=receipt.merchant.name)))
        url = receipt.merchant.orders_url
        notes.append(Note(words.where_invoice, url, url))
    if receipt.seller.email:
        notes.append(Note(words.questions, receipt.seller.email, f"mailto:{receipt.seller.email}"))
    return notes


def _rows(*pairs: tuple[str, str]) -> tuple[Row, ...]:
    """Those that say something."""
    return tuple(Row(label, _value(text)) for label, text in pairs if text)


def _value(text: str) -> Value:
    return Value(text, is_ltr=not _RIGHT_TO_LEFT.search(text))

"""Receipts, credit notes and what stands for them where somebody else sells: snapshots that never change.

Each document has a number of its series, counted without gaps from 1 in each calendar year of the profile's time zone:

| series | is                                                                      |
|--------|-------------------------------------------------------------------------|
| `R`    | receipts of what we sell ourselves                                       |
| `CN`   | credit notes: what was refunded, or taken back by the buyer's bank       |
| `PC`   | payment confirmations, where a merchant of record sells and writes the invoice |
| `RC`   | refund confirmations, likewise                                           |

Documents of test payments are counted apart, in `TEST-R` and so on. What names the buyer is no part of a snapshot: it is kept
beside it, and goes when its holder is forgotten, while numbers and amounts stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, ReceiptId, RefundId
from raseed.core.messaging.ports import Language
from raseed.core.money import price_text
from raseed.core.payments.model import Item, Mode
from raseed.core.payments.ports import Buyer


class DocumentKind(StrEnum):
    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"
    PAYMENT_CONFIRMATION = "payment_confirmation"
    REFUND_CONFIRMATION = "refund_confirmation"

    @property
    def is_refund(self) -> bool:
        return self in (DocumentKind.CREDIT_NOTE, DocumentKind.REFUND_CONFIRMATION)


SERIES: Mapping[DocumentKind, str] = {
    DocumentKind.RECEIPT: "R",
    DocumentKind.CREDIT_NOTE: "CN",
    DocumentKind.PAYMENT_CONFIRMATION: "PC",
    DocumentKind.REFUND_CONFIRMATION: "RC",
}
TEST_SERIES_PREFIX = "TEST-"
NUMBER_CHARS_MAX = 32
"""Of `TEST-CN-2026-000001` and its like, with room for more digits than a year can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who sells, as it stands on documents. Empty: not said."""

    name: str
    name_ar: str = ""
    """Empty: the same as in English."""
    address: tuple[str, ...] = ()
    """Its lines."""
    address_ar: tuple[str, ...] = ()
    tax_number: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A provider that sells in its own name, collects the tax, and writes the invoice."""

    name: str
    orders_url: str
    """Where a buyer finds the invoice."""


MERCHANTS_OF_RECORD: Mapping[PaymentProvider, Merchant] = {
    PaymentProvider.CREEM: Merchant(name="Creem", orders_url="https://www.creem.io/my-orders/login"),
}
"""For the others we are the seller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A document as it was issued. Dates are ISO days in `time_zone`; amounts are in the currency's minor unit."""

    id: ReceiptId
    number: str
    kind: DocumentKind
    mode: Mode
    issued_at: Microseconds
    issued_on: str
    time_zone: str
    seller: Seller
    merchant: Merchant | None
    """Of record; None: the seller itself issues this."""
    account_id: AccountId
    payment_id: PaymentId
    refund_id: RefundId | None
    is_dispute: bool
    """The buyer's bank took the amount back."""
    refers_to: str
    """Of a refund: the number of what was paid; else empty."""
    language: Language
    """That was spoken when it was ordered."""
    item: Item
    item_text: str
    item_text_ar: str
    amount_minor: int
    """Without what a merchant of record adds for tax."""
    currency: str
    currency_digits: int
    credit_microcredits: int
    """That the payment gave, without what had gone back before; 0 for none, and for refunds."""
    unit: str
    """What a credit is called: `credits` or `USD`."""
    provider: PaymentProvider
    method: str
    invoice_id: str
    provider_payment_id: str
    provider_refund_id: str
    paid_on: str
    period_begin: str
    """First and last day of the period that was paid; empty for what has none."""
    period_end: str

    @property
    def amount_text(self) -> str:
        """With all decimals of the currency, as it was when this was issued."""
        return f"{price_text(self.amount_minor, self.currency)} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedReceipt:
    """A document, and who bought, as long as that may be known."""

    receipt: Receipt
    buyer: Buyer | None = field(repr=False)
    """As they were known when it was issued. None: forgotten."""


@dataclass(frozen=True, slots=True)
class ReceiptTerms:
    """What documents say beside the payment: who sells, when a day begins, how things are called."""

    seller: Seller
    policy: Policy
    calendar: Calendar


class ReceiptStore(Protocol):
    """May raise `DatabaseUnavailable` of its store. Documents are written with what they are about, not here."""

    async def find(self, number: str) -> IssuedReceipt | None: ...

    async def of_account(self, account_id: AccountId, after: str, limit: int) -> Sequence[Receipt]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def of_payment(self, payment_id: PaymentId) -> Sequence[Receipt]:
        """Oldest first: what was paid, then what was given back."""
        ...


class ReceiptRenderer(Protocol):
    """Documents as people read them: the same document gives the same bytes in each language."""

    async def html(self, issued: IssuedReceipt, language: Language) -> bytes: ...

    async def pdf(self, issued: IssuedReceipt, language: Language) -> bytes:
        """Raises Overloaded if too many wait for theirs."""
        ...


def series_of(kind: DocumentKind, mode: Mode) -> str:
    """Which numbers a document is counted with.

    >>> series_of(DocumentKind.CREDIT_NOTE, Mode.TEST)
    'TEST-CN'
    """
    return SERIES[kind] if mode is Mode.LIVE else f"{TEST_SERIES_PREFIX}{SERIES[kind]}"


def number_text(series: str, year: int, ordinal: int) -> str:
    """A number as people see it.

    >>> number_text("R", 2026, 1)
    'R-2026-000001'
    """
    return f"{series}-{year}-{ordinal:06d}"


def receipt_kind(provider: PaymentProvider) -> DocumentKind:
    is_theirs = provider in MERCHANTS_OF_RECORD
    return DocumentKind.PAYMENT_CONFIRMATION if is_theirs else DocumentKind.RECEIPT


def refund_kind(provider: PaymentProvider) -> DocumentKind:
    is_theirs = provider in MERCHANTS_OF_RECORD
    return DocumentKind.REFUND_CONFIRMATION if is_theirs else DocumentKind.CREDIT_NOTE

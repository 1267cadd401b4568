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
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, ReceiptId, RefundId
from raseed.core.messaging.credit_watch import shown_credits
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.ports import Language
from raseed.core.money import CURRENCY_DIGITS, price_text
from raseed.core.payments.model import Item, ItemKind, Mode, Payment, Refund
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


def draw_receipt(
    id_: ReceiptId, number: str, payment: Payment, terms: ReceiptTerms, at: Microseconds
) -> Receipt:
    """What a payment that was credited gets. Pure: the same arguments give the same document."""
    text, text_ar = item_texts(payment, terms.policy)
    day = terms.calendar.day_of
    begin, end = payment.period_start, payment.period_end
    return Receipt(
        id=id_,
        number=number,
        kind=receipt_kind(payment.provider),
        mode=payment.mode,
        issued_at=at,
        issued_on=str(day(at)),
        time_zone=terms.calendar.time_zone,
        seller=terms.seller,
        merchant=MERCHANTS_OF_RECORD.get(payment.provider),
        account_id=payment.account_id,
        payment_id=payment.id,
        refund_id=None,
        is_dispute=False,
        refers_to="",
        language=_spoken(payment.language, terms.policy),
        item=payment.item,
        item_text=text,
        item_text_ar=text_ar,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        currency_digits=CURRENCY_DIGITS[payment.currency],
        credit_microcredits=payment.granted_microcredits,
        unit=terms.policy.unit,
        provider=payment.provider,
        method=payment.method,
        invoice_id=payment.invoice_id,
        provider_payment_id=payment.provider_payment_id,
        provider_refund_id="",
        paid_on=str(day(payment.paid_at)) if payment.paid_at is not None else "",
        period_begin=str(day(begin)) if begin is not None else "",
        period_end=str(day(Microseconds(end - 1))) if end is not None else "",
    )


def draw_refund(
    id_: ReceiptId,
    number: str,
    paid: Receipt,
    refund: Refund,
    calendar: Calendar,
    seller: Seller,
    at: Microseconds,
) -> Receipt:
    """What a refund or dispute gets when it is done; `paid` is the document of its payment. Pure, as above."""
    return replace(
        paid,
        id=id_,
        number=number,
        kind=refund_kind(paid.provider),
        issued_at=at,
        issued_on=str(calendar.day_of(at)),
        time_zone=calendar.time_zone,
        seller=seller,
        refund_id=refund.id,
        is_dispute=refund.is_dispute,
        refers_to=paid.number,
        amount_minor=refund.amount_minor,
        credit_microcredits=0,
        provider_refund_id=refund.provider_refund_id,
    )


def notice_of(receipt: Receipt) -> Notice | None:
    """What the buyer is told of a document when it is issued. None for a dispute: its buyer began it."""
    if receipt.is_dispute:
        return None
    kind, parameters = NoticeKind.PAYMENT_RECEIVED, {}
    if receipt.kind.is_refund:
        kind = NoticeKind.REFUND_DONE
    elif receipt.item.kind in (ItemKind.PACK, ItemKind.TOPUP) and receipt.credit_microcredits:
        kind, parameters = NoticeKind.CREDIT_BOUGHT, {"credits": shown_credits(receipt.credit_microcredits)}
    return Notice(
        kind=kind,
        account_id=receipt.account_id,
        cause=receipt.id,
        parameters={**parameters, "amount": receipt.amount_text, "receipt": receipt.number},
    )


def item_texts(payment: Payment, policy: Policy) -> tuple[str, str]:
    """What was bought, in English and Arabic. A plan that the profile does not name any more is called by its id."""
    item, microcredits = payment.item, payment.credit_microcredits
    match item.kind:
        case ItemKind.PACK:
            return (
                f"Credit pack: {credit_text(microcredits, policy.unit, Language.ENGLISH)}",
                f"باقة رصيد: {_isolated(credit_text(microcredits, policy.unit, Language.ARABIC))}",
            )
        case ItemKind.TOPUP:
            return (
                f"Top-up: {credit_text(microcredits, policy.unit, Language.ENGLISH)}",
                f"شحن رصيد: {_isolated(credit_text(microcredits, policy.unit, Language.ARABIC))}",
            )
        case ItemKind.PLAN:
            plan = policy.plan(item.id)
            name, name_ar = (plan.name_en, plan.name_ar) if plan else (item.id, item.id)
            return f"Subscription: {name}", f"اشتراك: {name_ar}"
        case ItemKind.KEYS:
            return f"Room for more API keys: {item.quantity}", f"سعة إضافية لمفاتيح API: {item.quantity}"


def _spoken(language: str, policy: Policy) -> Language:
    """Nothing that was ordered fails for its language."""
    return Language(language) if language in tuple(Language) else policy.language


def _isolated(text: str) -> str:
    """Within Arabic, with a direction of its own: a dollar sign stays before its number."""
    return f"\u2068{text}\u2069"


def credit_text(microcredits: int, unit: str, language: Language) -> str:
    """An amount of credit with its unit, and Western digits.

    >>> credit_text(5_000_000_000, "credits", Language.ENGLISH), credit_text(20_000_000, "USD", Language.ARABIC)
    ('5,000 credits', '$20')
    """
    number = shown_credits(microcredits)
    if unit == "USD":
        return f"${number}"
    if language is Language.ARABIC:
        counted = number.isdigit() and 3 <= int(number) % 100 <= 10
        return "نقطة واحدة" if number == "1" else f"{number} {'نقاط' if counted else 'نقطة'}"
    return "1 credit" if number == "1" else f"{number} credits"

"""What MyFatoorah knows: invoices, the attempts to pay each of them, and refunds.

The rules are those of docs.myfatoorah.com/docs/payment-inquiry (an invoice is paid if any attempt succeeded, and open
while all are in progress or failed) and /docs/make-refund (a refund is a request that somebody carries out later).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from raseed.core.clock import MINUTE, SECOND, Clock, Microseconds

KUWAIT = ZoneInfo("Asia/Kuwait")
LIFE_US = 3 * 24 * 60 * MINUTE
"""Of an invoice without an expiry date."""
DIGITS = {"KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "USD": 2, "SAR": 2, "AED": 2, "QAR": 2, "EGP": 2, "EUR": 2}
IN_KWD = {"KWD": Decimal(1), "USD": Decimal("0.307"), "SAR": Decimal("0.082"), "EUR": Decimal("0.33")}
"""Rates of the emulator alone: every invoice also has a value in the base currency, which is Kuwait's."""


@dataclass(frozen=True, slots=True)
class Method:
    id: int
    code: str
    name_en: str
    name_ar: str


METHODS = (
    # docs.myfatoorah.com/docs/initiate-payment and /docs/payment-methods. The ids are not those of the samples:
    # they differ between accounts, and nobody may rely on them.
    Method(11, "kn", "KNET", "كي نت"),
    Method(12, "vm", "VISA/MASTER", "فيزا / ماستر"),
    Method(13, "ap", "Apple Pay", "ابل باي"),
)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try to pay: `status` is spelled as GetPaymentStatus does, `Succss` and all."""

    payment_id: str
    number: int
    method: Method
    at: Microseconds
    status: str = "InProgress"
    currency: str
    value: Decimal
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Refund:
    id: int
    reference: str
    invoice_id: int
    amount: Decimal
    comment: str
    external_identifier: str
    at: Microseconds
    status: str = "Pending"
    """`Refunded` or `Canceled` once somebody has decided."""


@dataclass(slots=True, kw_only=True)
class Invoice:
    id: int
    reference: str
    """MyFatoorah's own, for people."""
    customer_reference: str
    """Ours."""
    user_defined: str
    currency: str
    value: Decimal
    customer: dict[str, str] = field(default_factory=dict)
    created_at: Microseconds
    expires_at: Microseconds
    callback_url: str = ""
    error_url: str = ""
    method: Method | None = None
    """None: chosen on the page."""
    is_canceled: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def base_value(self) -> Decimal:
        return (self.value * IN_KWD[self.currency]).quantize(Decimal("0.001"))

    @property
    def paid_attempts(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.status == "Succss"]

    @property
    def status(self) -> str:
        if len(self.paid_attempts) > 1:
            return "DuplicatePayment"
        if self.paid_attempts:
            return "Paid"
        return "Canceled" if self.is_canceled else "Pending"


class Refused(Exception):
    """A validation error, as the envelope tells it."""

    def __init__(self, name: str, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.name = name
        self.error = error
        self.status = status


class Book:
    """Every change is a method, so that a test or a page can be the buyer, the bank or the finance department."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.invoices: dict[int, Invoice] = {}
        self._numbers = 6_548_530

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def add(self, **given: Any) -> Invoice:
        number, now = self._number(), self._clock.now()
        given.setdefault("expires_at", Microseconds(now + LIFE_US))
        reference = f"{_kuwait(now).year}{number % 1_000_000:06d}"
        invoice = Invoice(id=number, reference=reference, created_at=now, **given)
        self.invoices[number] = invoice
        return invoice

    def invoice(self, number: int | str) -> Invoice | None:
        return self.invoices.get(int(number)) if str(number).isdigit() else None

    def by_payment_id(self, payment_id: str) -> Invoice | None:
        return next(
            (
                invoice
                for invoice in self.invoices.values()
                for attempt in invoice.attempts
                if attempt.payment_id == payment_id
            ),
            None,
        )

    def by_reference(self, reference: str) -> Invoice | None:
        """The newest: the reference is not enforced to be unique."""
        found = [
            each for each in self.invoices.values() if each.customer_reference == reference and reference
        ]
        return found[-1] if found else None

    def is_open(self, invoice: Invoice) -> bool:
        return invoice.status == "Pending" and self._clock.now() < invoice.expires_at

    def begin(self, invoice: Invoice, code: str = "") -> Attempt:
        """The buyer chose a way to pay, and is at the bank."""
        chosen = next((method for method in METHODS if method.code == code), None)
        number = self._number()
        attempt = Attempt(
            payment_id=f"0707{number}{len(invoice.attempts) + 1:02d}334809573",
            number=number,
            method=chosen or invoice.method or METHODS[0],
            at=self._clock.now(),
            currency="KWD",
            value=invoice.base_value,
        )
        invoice.attempts.append(attempt)
        return attempt

    def ask_refund(self, invoice: Invoice, amount: Decimal, comment: str, external_identifier: str) -> Refund:
        """Amounts are in the base currency. What is asked for twice is refunded twice, up to what was paid."""
        if not invoice.paid_attempts:
            raise Refused("Key", "The invoice is not paid.")
        asked = sum((each.amount for each in invoice.refunds if each.status != "Canceled"), Decimal(0))
        if amount <= 0 or asked + amount > invoice.base_value * len(invoice.paid_attempts):
            raise Refused("Amount", "The refund amount is not valid.")
        number = self._number()
        refund = Refund(
            id=number,
            reference=f"{_kuwait(self._clock.now()).year}{number % 1_000_000:06d}",
            invoice_id=invoice.id,
            amount=amount,
            comment=comment,
            external_identifier=external_identifier,
            at=self._clock.now(),
        )
        invoice.refunds.append(refund)
        return refund


def _kuwait(moment: Microseconds) -> datetime:
    return datetime.fromtimestamp(moment // SECOND, KUWAIT)

"""What MyFatoorah's answers mean to payments: pure functions of its JSON, the account and the hour.

By docs.myfatoorah.com/docs/{payment-inquiry, get-payment-status, getrefundstatus, get-payment-details}. The status of an
invoice is `Pending`, `Paid` or `Canceled`, and `DuplicatePayment` by the vendor's library (rasha-saeed/myfatoorah-php-library),
which also derives what is failed or expired, as is done here, and reads the invoice's own amount and currency from
`InvoiceDisplayValue`. `Succss` and `TransationValue` are spelled so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from raseed.adapters.payments.myfatoorah_account import KUWAIT, MyFatoorahAccount
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import SECOND, Microseconds
from raseed.core.money import whole_units
from raseed.core.payments.model import Payment, Seen, SeenRefund, SeenRefundState, SeenStatus
from raseed.core.payments.ports import GatewayUnavailable

_PAID = frozenset({"paid", "duplicatepayment"})
_SUCCEEDED = frozenset({"succss", "success"})
_GIVEN_UP = frozenset({"failed", "canceled", "cancelled"})
_REFUNDS = {
    "refunded": SeenRefundState.DONE,
    "canceled": SeenRefundState.CANCELED,
    "cancelled": SeenRefundState.CANCELED,
    "rejected": SeenRefundState.CANCELED,
    "pending": SeenRefundState.PENDING,
}
_DISPLAYED = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?)\s*([A-Za-z]{2,3})")
_CURRENCIES = {"KD": "KWD"}
"""Spellings that its samples have beside the codes."""
_THREE_DIGITS = frozenset({"KWD", "BHD", "JOD", "OMR"})
"""Of the currencies that it knows, those with a thousandth; the others have a hundredth (ISO 4217)."""
_DATES = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d/%m/%Y")
"""How its samples write the day on which an invoice expires."""
_ID_CHARS_MAX = 64
_CODE = re.compile(r"[A-Z]{3}")
_OURS = re.compile(r"[a-z]+_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice, by either version of the API."""

    id: str
    reference: str
    is_paid: bool
    is_canceled: bool
    amount_minor: int
    currency: str
    base_value: Fraction
    """In the account's own currency, in which refunds are counted."""
    expires_at: Microseconds | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    payment_id: str
    is_paid: bool
    is_given_up: bool
    at: Microseconds | None
    base_value: Fraction | None


def read_status(data: Any) -> Invoice:
    """`Data` of GetPaymentStatus. Raises GatewayUnavailable if it cannot be read."""
    amount_minor, currency = _displayed(_at(data, "InvoiceDisplayValue"))
    status = _word(_at(data, "InvoiceStatus"))
    return Invoice(
        id=_needed(_at(data, "InvoiceId")),
        reference=_id(_at(data, "CustomerReference")),
        is_paid=status in _PAID,
        is_canceled=status in _GIVEN_UP,
        amount_minor=amount_minor,
        currency=currency,
        base_value=_number(_at(data, "InvoiceValue")),
        expires_at=_expiry(_at(data, "ExpiryDate"), _at(data, "ExpiryTime")),
        attempts=tuple(_attempt(each) for each in _list(_at(data, "InvoiceTransactions"))),
    )


def read_details(data: Any) -> Invoice:
    """`Data` of GET /v3/payments/{id}, which shows the one attempt it was asked for. Raises GatewayUnavailable."""
    invoice, amount, attempt = _at(data, "Invoice"), _at(data, "Amount"), _at(data, "Transaction")
    currency = _currency(_at(amount, "DisplayCurrency"))
    status = _word(_at(attempt, "Status"))
    reference = _id(_at(invoice, "ExternalIdentifier")) or _id(_at(_at(data, "Customer"), "Reference"))
    return Invoice(
        id=_needed(_at(invoice, "Id")),
        reference=reference,
        is_paid=_word(_at(invoice, "Status")) in _PAID,
        is_canceled=False,
        amount_minor=_minor(_decimal(_at(amount, "ValueInDisplayCurrency")), currency),
        currency=currency,
        base_value=_number(_at(amount, "ValueInBaseCurrency")),
        expires_at=_utc(_at(invoice, "ExpirationDate")),
        attempts=(
            Attempt(
                payment_id=_id(_at(attempt, "PaymentId")),
                is_paid=status in _SUCCEEDED,
                is_given_up=status in _GIVEN_UP,
                at=_utc(_at(attempt, "TransactionDate")),
                base_value=_paid_value(amount),
            ),
        ),
    )


def read_refunds(data: Any, invoice: Invoice) -> tuple[SeenRefund, ...]:
    """`Data` of GetRefundStatus. Amounts are in the account's currency; told in that of the invoice."""
    return tuple(_refund(each, invoice) for each in _list(_at(data, "RefundStatusResult")))


def read_asked_refund(data: Any, reference: str, amount_minor: int) -> SeenRefund:
    """`Data` of MakeRefund: the request is there, and somebody will decide. Raises GatewayUnavailable."""
    return SeenRefund(
        id=_needed(_at(data, "RefundId")),
        reference=reference,
        amount_minor=amount_minor,
        state=SeenRefundState.PENDING,
    )


def seen(
    payment: Payment,
    invoice: Invoice,
    refunds: Sequence[SeenRefund],
    account: MyFatoorahAccount,
    now: Microseconds,
) -> Seen:
    """An attempt that failed on an open page can be followed by another: it closes nothing."""
    paid = [attempt for attempt in invoice.attempts if attempt.is_paid]
    # Of several payments of one invoice it is always the same that is named: the one we know, or else the first.
    chosen = next((each for each in paid if each.payment_id == payment.provider_payment_id), None)
    attempt = chosen or (paid[0] if paid else None)
    return Seen(
        status=_status(invoice, now),
        provider=PaymentProvider.MYFATOORAH,
        mode=account.mode,
        reference=invoice.reference,
        amount_minor=_paid_minor(invoice, attempt, account),
        currency=invoice.currency,
        invoice_id=invoice.id,
        provider_payment_id=attempt.payment_id if attempt and invoice.is_paid else "",
        paid_at=attempt.at if attempt and invoice.is_paid else None,
        expires_at=invoice.expires_at,
        refunds=tuple(refunds),
    )


def _status(invoice: Invoice, now: Microseconds) -> SeenStatus:
    if invoice.is_paid:
        return SeenStatus.PAID
    if invoice.is_canceled:
        return SeenStatus.FAILED
    if invoice.expires_at is None or now < invoice.expires_at:
        return SeenStatus.OPEN
    if invoice.attempts and all(attempt.is_given_up for attempt in invoice.attempts):
        return SeenStatus.FAILED
    return SeenStatus.EXPIRED


def _paid_minor(invoice: Invoice, attempt: Attempt | None, account: MyFatoorahAccount) -> int:
    """What was ordered; less, if less was paid: compared only where both are in one currency, and nothing was converted."""
    if (
        attempt is None
        or attempt.base_value is None
        or invoice.currency != account.currency
        or attempt.base_value >= invoice.base_value
    ):
        return invoice.amount_minor
    return int(attempt.base_value * 10 ** _digits(invoice.currency))


def _paid_value(amount: Any) -> Fraction | None:
    """None where it was paid in another currency than the account's: then it was converted."""
    if _at(amount, "PayCurrency") is None or _at(amount, "PayCurrency") != _at(amount, "BaseCurrency"):
        return None
    return _number(_at(amount, "ValueInPayCurrency"))


def _attempt(data: Any) -> Attempt:
    status = _word(_at(data, "TransactionStatus"))
    value = _at(data, "TransationValue")
    return Attempt(
        payment_id=_id(_at(data, "PaymentId")),
        is_paid=status in _SUCCEEDED,
        is_given_up=status in _GIVEN_UP,
        at=_kuwait(_at(data, "TransactionDate")),
        base_value=None if value is None else _number(value),
    )


def _refund(data: Any, invoice: Invoice) -> SeenRefund:
    amount = _number(_at(data, "Amount"))
    if invoice.base_value <= 0:
        raise _unreadable()
    return SeenRefund(
        id=_needed(_at(data, "RefundId")),
        reference=_ours(_at(data, "ExternalIdentifier")) or _ours(_at(data, "Comments")),
        amount_minor=round(amount * invoice.amount_minor / invoice.base_value),
        # A state that is not known is one in which nothing has gone back yet.
        state=_REFUNDS.get(_word(_at(data, "RefundStatus")), SeenRefundState.PENDING),
    )


def _unreadable() -> GatewayUnavailable:
    return GatewayUnavailable("its answer cannot be read")


def _at(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _id(value: Any) -> str:
    """An id as text, in either version: numbers there, text here."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and len(value) <= _ID_CHARS_MAX and value.isascii() else ""


def _ours(value: Any) -> str:
    """An id that we made: operators write comments too."""
    return value if isinstance(value, str) and _OURS.fullmatch(value) else ""


def _needed(value: Any) -> str:
    if text := _id(value):
        return text
    raise _unreadable()


def _decimal(value: Any) -> Decimal:
    """Never by way of a float."""
    text = value.replace(",", "") if isinstance(value, str) else value
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise _unreadable()
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise _unreadable() from error
    if not number.is_finite() or abs(number) >= 10**12 or number.as_tuple().exponent < -12:  # type: ignore[operator]
        raise _unreadable()
    return number


def _number(value: Any) -> Fraction:
    return Fraction(_decimal(value))


def _displayed(value: Any) -> tuple[int, str]:
    """`1,250.000 KWD`: the invoice's own amount and currency."""
    found = _DISPLAYED.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _unreadable()
    currency = _currency(found[2])
    return _minor(_decimal(found[1]), currency), currency


def _currency(value: Any) -> str:
    code = value.strip().upper() if isinstance(value, str) else ""
    code = _CURRENCIES.get(code, code)
    if not _CODE.fullmatch(code):
        raise _unreadable()
    return code


def _digits(currency: str) -> int:
    return 3 if currency in _THREE_DIGITS else 2


def _minor(number: Decimal, currency: str) -> int:
    try:
        return whole_units(number, _digits(currency))
    except ValueError as error:
        raise _unreadable() from error


def _expiry(day: Any, hour: Any) -> Microseconds | None:
    """None if it is not told in any way that we know: then it is for our schedule to give up."""
    if not isinstance(day, str) or not isinstance(hour, str):
        return None
    for form in _DATES:
        try:
            date = datetime.strptime(day.strip()[:32], form).date()  # noqa: DTZ007 - the zone is added below
        except ValueError:
            continue
        return _kuwait(f"{date.isoformat()}T{hour.strip()[:16]}")
    return None


def _kuwait(value: Any) -> Microseconds | None:
    """Its dates have no zone; they are in Kuwait's time."""
    return _moment(value, KUWAIT)


def _utc(value: Any) -> Microseconds | None:
    return _moment(value, UTC)


def _moment(value: Any, zone: Any) -> Microseconds | None:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    return Microseconds(int(moment.timestamp()) * SECOND)

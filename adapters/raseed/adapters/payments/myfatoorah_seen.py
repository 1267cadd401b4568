"""What MyFatoorah's answers mean to payments: pure functions of its JSON, the account and the hour.

By docs.myfatoorah.com/docs/{payment-inquiry, get-payment-status, getrefundstatus, get-payment-details}. The status of an
invoice is `Pending`, `Paid` or `Canceled`, and `DuplicatePayment` by the vendor's library (rasha-saeed/myfatoorah-php-library),
which also derives what is failed or expired, as is done here, and reads the invoice's own amount and currency from
`InvoiceDisplayValue`. `Succss` and `TransationValue` are spelled so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.adapters.payments.myfatoorah_json import (
    at,
    currency_code,
    decimal,
    digits_of,
    displayed,
    expiry,
    id_text,
    items,
    kuwait_moment,
    minor,
    needed_id,
    number,
    our_id,
    unreadable,
    utc_moment,
    word,
)
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.payments.model import Payment, Seen, SeenRefund, SeenRefundState, SeenStatus

_DUPLICATE = "duplicatepayment"
_PAID = frozenset({"paid", _DUPLICATE})
_SUCCEEDED = frozenset({"succss", "success"})
_GIVEN_UP = frozenset({"failed", "canceled", "cancelled"})
_REFUNDS = {
    "refunded": SeenRefundState.DONE,
    "canceled": SeenRefundState.CANCELED,
    "cancelled": SeenRefundState.CANCELED,
    "rejected": SeenRefundState.CANCELED,
    "pending": SeenRefundState.PENDING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice, by either version of the API."""

    id: str
    reference: str
    is_paid: bool
    is_duplicate: bool
    """Paid more than once."""
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
    amount_minor, currency = displayed(at(data, "InvoiceDisplayValue"))
    status = word(at(data, "InvoiceStatus"))
    return Invoice(
        id=needed_id(at(data, "InvoiceId")),
        reference=id_text(at(data, "CustomerReference")),
        is_paid=status in _PAID,
        is_duplicate=status == _DUPLICATE,
        is_canceled=status in _GIVEN_UP,
        amount_minor=amount_minor,
        currency=currency,
        base_value=number(at(data, "InvoiceValue")),
        expires_at=expiry(at(data, "ExpiryDate"), at(data, "ExpiryTime")),
        attempts=tuple(_attempt(each) for each in items(at(data, "InvoiceTransactions"))),
    )


def read_details(data: Any) -> Invoice:
    """`Data` of GET /v3/payments/{id}, which shows the one attempt it was asked for. Raises GatewayUnavailable."""
    invoice, amount, attempt = at(data, "Invoice"), at(data, "Amount"), at(data, "Transaction")
    currency = currency_code(at(amount, "DisplayCurrency"))
    status = word(at(attempt, "Status"))
    reference = id_text(at(invoice, "ExternalIdentifier")) or id_text(at(at(data, "Customer"), "Reference"))
    return Invoice(
        id=needed_id(at(invoice, "Id")),
        reference=reference,
        is_paid=word(at(invoice, "Status")) in _PAID,
        is_duplicate=word(at(invoice, "Status")) == _DUPLICATE,
        is_canceled=False,
        amount_minor=minor(decimal(at(amount, "ValueInDisplayCurrency")), currency),
        currency=currency,
        base_value=number(at(amount, "ValueInBaseCurrency")),
        expires_at=utc_moment(at(invoice, "ExpirationDate")),
        attempts=(
            Attempt(
                payment_id=id_text(at(attempt, "PaymentId")),
                is_paid=status in _SUCCEEDED,
                is_given_up=status in _GIVEN_UP,
                at=utc_moment(at(attempt, "TransactionDate")),
                base_value=_paid_value(amount),
            ),
        ),
    )


def read_refunds(data: Any, invoice: Invoice) -> tuple[SeenRefund, ...]:
    """`Data` of GetRefundStatus. Amounts are in the account's currency; told in that of the invoice."""
    return tuple(_refund(each, invoice) for each in items(at(data, "RefundStatusResult")))


def read_asked_refund(data: Any, reference: str, amount_minor: int) -> SeenRefund:
    """`Data` of MakeRefund: the request is there, and somebody will decide. Raises GatewayUnavailable."""
    return SeenRefund(
        id=needed_id(at(data, "RefundId")),
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
        refunds=_of_first_payment(refunds, invoice, len(paid)),
    )


def _of_first_payment(
    refunds: Sequence[SeenRefund], invoice: Invoice, paid_count: int
) -> tuple[SeenRefund, ...]:
    """Without what went back of the second payment of an invoice, and of those after it: credited is the first alone. Which
    payment a refund is of, its list does not say. What we asked for is of the first; of the portal's, the oldest are not.
    """
    beyond = invoice.amount_minor * (paid_count - 1) if invoice.is_duplicate else 0
    kept: list[SeenRefund] = []
    for refund in sorted(refunds, key=lambda refund: (len(refund.id), refund.id)) if beyond > 0 else refunds:
        if refund.reference or refund.state is SeenRefundState.CANCELED:
            kept.append(refund)
            continue
        absorbed = min(beyond, refund.amount_minor)
        beyond -= absorbed
        if absorbed < refund.amount_minor:
            kept.append(replace(refund, amount_minor=refund.amount_minor - absorbed))
    return tuple(kept)


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
    return int(attempt.base_value * 10 ** digits_of(invoice.currency))


def _paid_value(amount: Any) -> Fraction | None:
    """None where it was paid in another currency than the account's: then it was converted."""
    if at(amount, "PayCurrency") is None or at(amount, "PayCurrency") != at(amount, "BaseCurrency"):
        return None
    return number(at(amount, "ValueInPayCurrency"))


def _attempt(data: Any) -> Attempt:
    status = word(at(data, "TransactionStatus"))
    value = at(data, "TransationValue")
    return Attempt(
        payment_id=id_text(at(data, "PaymentId")),
        is_paid=status in _SUCCEEDED,
        is_given_up=status in _GIVEN_UP,
        at=kuwait_moment(at(data, "TransactionDate")),
        base_value=None if value is None else number(value),
    )


def _refund(data: Any, invoice: Invoice) -> SeenRefund:
    amount = number(at(data, "Amount"))
    if invoice.base_value <= 0:
        raise unreadable()
    return SeenRefund(
        id=needed_id(at(data, "RefundId")),
        reference=our_id(at(data, "ExternalIdentifier")) or our_id(at(data, "Comments")),
        amount_minor=round(amount * invoice.amount_minor / invoice.base_value),
        # A state that is not known is one in which nothing has gone back yet.
        state=_REFUNDS.get(word(at(data, "RefundStatus")), SeenRefundState.PENDING),
    )

"""An order of 5,000 credits for 2.000 KWD, and what a provider says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    Payment,
    PaymentState,
    Seen,
    SeenRefund,
    SeenRefundState,
    SeenStatus,
)

BEGUN = Microseconds(1_000_000_000)
PAID_AT = Microseconds(BEGUN + 30_000_000)
CREDIT = 5_000_000_000

ORDER = Payment(
    id=PaymentId("pay_1"),
    account_id=AccountId("acct_alice"),
    actor="acct_alice",
    provider=PaymentProvider.MYFATOORAH,
    mode=Mode.TEST,
    item=Item(kind=ItemKind.PACK, id="pack_5000"),
    amount_minor=2_000,
    currency="KWD",
    credit_microcredits=CREDIT,
    product_id="",
    method="kn",
    language="en",
    subscription_id=None,
    period_start=None,
    period_end=None,
    created_at=BEGUN,
    state=PaymentState.CREATED,
    next_check_at=Microseconds(BEGUN + 60_000_000),
)


def order(state: PaymentState = PaymentState.CREATED, **values: Any) -> Payment:
    """In this state, with what such a payment has."""
    known: dict[str, Any] = {}
    if state is not PaymentState.CREATED:
        known |= {"invoice_id": "inv_1", "url": "https://pay.example/1"}
    if state in {PaymentState.PAID, PaymentState.CREDITED}:
        known |= {"provider_payment_id": "tx_1", "paid_at": PAID_AT}
        known["granted_microcredits"] = CREDIT
    if state is PaymentState.CREDITED:
        known["credited_at"] = PAID_AT
    return replace(ORDER, state=state, **(known | values))


def seen_of(payment: Payment, status: SeenStatus = SeenStatus.PAID, **values: Any) -> Seen:
    """What its provider says of it, if nothing is wrong."""
    known: dict[str, Any] = {
        "status": status,
        "provider": payment.provider,
        "mode": payment.mode,
        "reference": payment.id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "invoice_id": payment.invoice_id or "inv_1",
        "product_id": payment.product_id,
    }
    if status is SeenStatus.PAID:
        known |= {"provider_payment_id": payment.provider_payment_id or "tx_1", "paid_at": PAID_AT}
    if status is SeenStatus.OPEN:
        known["url"] = "https://pay.example/1"
    return Seen(**(known | values))


def gone_back(
    amount_minor: int,
    state: SeenRefundState = SeenRefundState.DONE,
    *,
    is_dispute: bool = False,
    refund_id: str = "rf_1",
) -> SeenRefund:
    return SeenRefund(
        id=refund_id, reference="", amount_minor=amount_minor, state=state, is_dispute=is_dispute
    )

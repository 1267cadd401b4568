"""Payments that were credited, and what their documents say beside them."""

from __future__ import annotations

from typing import Any

from raseed.adapters.policy.loader import load_policy
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, RefundId
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from raseed.core.payments.receipts import ReceiptTerms, Seller

SELLER = Seller(
    name="Raseed Trading Co. W.L.L.",
    name_ar="شركة رصيد للتجارة ذ.م.م",
    address=("Sharq, Block 7, Ahmad Al-Jaber Street", "Kuwait City 15454, Kuwait"),
    address_ar=("شرق، قطعة 7، شارع أحمد الجابر", "مدينة الكويت 15454، الكويت"),
    tax_number="300123456700003",
    email="billing@raseed.example",
)
NOON = Microseconds(1_795_251_600_000_000)
"""2026-11-21 12:00 in Kuwait."""


def terms(profile: str = "resayil", seller: Seller = SELLER) -> ReceiptTerms:
    policy = load_policy(profile, HoldPolicy())
    return ReceiptTerms(seller, policy, Calendar(policy.time_zone))


def credited(number: int = 1, **values: Any) -> Payment:
    given: dict[str, Any] = {
        "id": PaymentId(f"pay_{number}"),
        "account_id": AccountId("acct_1"),
        "actor": "psn_1",
        "provider": PaymentProvider.MYFATOORAH,
        "mode": Mode.LIVE,
        "item": Item(kind=ItemKind.PACK, id="pack_5000"),
        "amount_minor": 2_000,
        "currency": "KWD",
        "credit_microcredits": 5_000_000_000,
        "product_id": "",
        "method": "kn",
        "language": "ar",
        "subscription_id": None,
        "period_start": None,
        "period_end": None,
        "created_at": NOON,
        "state": PaymentState.CREDITED,
        "invoice_id": f"65485{number:02}",
        "provider_payment_id": f"070765485303348{number:05}",
        "paid_at": NOON,
        "credited_at": NOON,
    }
    given |= values
    return Payment(**{"granted_microcredits": given["credit_microcredits"]} | given)


def refunded(payment: Payment, number: int = 1, **values: Any) -> Refund:
    given: dict[str, Any] = {
        "id": RefundId(f"rfd_{payment.id}_{number}"),
        "payment_id": payment.id,
        "amount_minor": payment.amount_minor // 2,
        "reason": "asked for",
        "actor": "op_1",
        "state": RefundState.DONE,
        "provider_refund_id": f"2022-{payment.id}-{number}",
        "is_dispute": False,
        "created_at": NOON,
        "ended_at": NOON,
    }
    return Refund(**given | values)

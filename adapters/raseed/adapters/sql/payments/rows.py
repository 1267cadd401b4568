"""Payments and refunds as rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from raseed.core.billing.policy import PaymentProvider
from raseed.core.ids import PaymentId
from raseed.core.payments.model import Item, ItemKind, Mode, Payment, PaymentState, Refund, RefundState


def fixed_values(payment: Payment) -> dict[str, Any]:
    """What never changes of it."""
    return {
        "id": payment.id,
        "account_id": payment.account_id,
        "actor": payment.actor,
        "provider": payment.provider.value,
        "mode": payment.mode.value,
        "item_kind": payment.item.kind.value,
        "item_id": payment.item.id,
        "item_quantity": payment.item.quantity,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "credit_microcredits": payment.credit_microcredits,
        "product_id": payment.product_id,
        "method": payment.method,
        "language": payment.language,
        "subscription_id": payment.subscription_id,
        "period_start": payment.period_start,
        "period_end": payment.period_end,
        "created_at": payment.created_at,
    }


def changing_values(payment: Payment) -> dict[str, Any]:
    """What became of it; its version is the store's to say."""
    return {
        "state": payment.state.value,
        "url": payment.url,
        "expires_at": payment.expires_at,
        "invoice_id": payment.invoice_id,
        "provider_payment_id": payment.provider_payment_id,
        "paid_at": payment.paid_at,
        "credited_at": payment.credited_at,
        "received_minor": payment.received_minor,
        "granted_microcredits": payment.granted_microcredits,
        "refunded_minor": payment.refunded_minor,
        "disputed_minor": payment.disputed_minor,
        "withdrawn_microcredits": payment.withdrawn_microcredits,
        "withdrawing_microcredits": payment.withdrawing_microcredits,
        "withdrawal_count": payment.withdrawal_count,
        "problem": payment.problem,
        "check_count": payment.check_count,
        "next_check_at": payment.next_check_at,
    }


def read_payment(row: Row[Any]) -> Payment:
    return Payment(
        id=row.id,
        account_id=row.account_id,
        actor=row.actor,
        provider=PaymentProvider(row.provider),
        mode=Mode(row.mode),
        item=Item(kind=ItemKind(row.item_kind), id=row.item_id, quantity=row.item_quantity),
        amount_minor=row.amount_minor,
        currency=row.currency,
        credit_microcredits=row.credit_microcredits,
        product_id=row.product_id,
        method=row.method,
        language=row.language,
        subscription_id=row.subscription_id,
        period_start=row.period_start,
        period_end=row.period_end,
        created_at=row.created_at,
        state=PaymentState(row.state),
        url=row.url,
        expires_at=row.expires_at,
        invoice_id=row.invoice_id,
        provider_payment_id=row.provider_payment_id,
        paid_at=row.paid_at,
        credited_at=row.credited_at,
        received_minor=row.received_minor,
        granted_microcredits=row.granted_microcredits,
        refunded_minor=row.refunded_minor,
        disputed_minor=row.disputed_minor,
        withdrawn_microcredits=row.withdrawn_microcredits,
        withdrawing_microcredits=row.withdrawing_microcredits,
        withdrawal_count=row.withdrawal_count,
        problem=row.problem,
        version=row.version,
        check_count=row.check_count,
        next_check_at=row.next_check_at,
    )


def refund_values(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "request_key": refund.request_key,
        "amount_minor": refund.amount_minor,
        "reason": refund.reason,
        "actor": refund.actor,
        "state": refund.state.value,
        "provider_refund_id": refund.provider_refund_id,
        "is_dispute": int(refund.is_dispute),
        "created_at": refund.created_at,
        "asked_at": refund.asked_at,
        "ended_at": refund.ended_at,
    }


def read_refund(row: Row[Any]) -> Refund:
    return Refund(
        id=row.id,
        payment_id=PaymentId(row.payment_id),
        request_key=row.request_key,
        amount_minor=row.amount_minor,
        reason=row.reason,
        actor=row.actor,
        state=RefundState(row.state),
        provider_refund_id=row.provider_refund_id,
        is_dispute=bool(row.is_dispute),
        created_at=row.created_at,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )

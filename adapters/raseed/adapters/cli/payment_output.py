"""Payments, refunds and events as the command line shows them."""

from __future__ import annotations

from typing import Any

from raseed.adapters.cli.values import moment_text
from raseed.admin.v1 import payments_pb2 as pb
from raseed.core.money import credits_number, price_text


def provider_value(report: pb.ProviderReport) -> dict[str, Any]:
    return {
        "provider": report.provider,
        "mode": report.mode,
        "compared": report.is_compared,
        "paid_there": report.seen_count,
        "paid_here": report.payment_count,
        "summary": report.summary or None,
        "differences": [{"subject": each.subject, "problem": each.problem} for each in report.differences],
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    lines = []
    for each in report["providers"]:
        told = each["summary"] or "has no list of what was paid: nothing is compared"
        lines.append(f"{each['provider']} {each['mode']}  {told}")
        lines += [f"  {found['subject']}: {found['problem']}" for found in each["differences"]]
    return lines or ["no payment provider is configured"]


def payment_value(payment: pb.CustomerPayment) -> dict[str, Any]:
    def moment(name: str) -> str | None:
        return moment_text(getattr(payment, name)) if payment.HasField(name) else None

    currency = payment.currency
    return {
        "id": payment.id,
        "account": payment.account,
        "actor": payment.actor,
        "provider": payment.provider,
        "mode": payment.mode,
        "state": payment.state,
        "item": {"kind": payment.item_kind, "id": payment.item_id, "quantity": payment.item_quantity},
        "amount": price_text(payment.amount_minor, currency),
        "currency": currency,
        "credits": credits_number(payment.credit_microcredits),
        "method": payment.method or None,
        "invoice_id": payment.invoice_id or None,
        "provider_payment_id": payment.provider_payment_id or None,
        "received": price_text(payment.received_minor, currency)
        if payment.HasField("received_minor")
        else None,
        "refunded": price_text(payment.refunded_minor, currency),
        "disputed": price_text(payment.disputed_minor, currency),
        "withdrawn_credits": credits_number(payment.withdrawn_microcredits),
        "problem": payment.problem or None,
        "checks": payment.check_count,
        "next_check_at": moment("next_check_at_us"),
        "created_at": moment_text(payment.created_at_us),
        "paid_at": moment("paid_at_us"),
        "credited_at": moment("credited_at_us"),
    }


def refund_value(refund: pb.PaymentRefund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "payment": refund.payment,
        "amount_minor": refund.amount_minor,
        "state": refund.state,
        "dispute": refund.is_dispute,
        "reason": refund.reason,
        "actor": refund.actor,
        "provider_refund_id": refund.provider_refund_id or None,
        "created_at": moment_text(refund.created_at_us),
        "ended_at": moment_text(refund.ended_at_us) if refund.HasField("ended_at_us") else None,
    }


def event_value(event: pb.PaymentEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "provider": event.provider,
        "mode": event.mode,
        "name": event.name,
        "state": event.state,
        "tries": event.attempt_count,
        "error": event.error or None,
        "reference": event.reference or None,
        "invoice_id": event.invoice_id or None,
        "provider_subscription_id": event.provider_subscription_id or None,
        "payment": event.payment or None,
        "received_at": moment_text(event.received_at_us),
        "ended_at": moment_text(event.ended_at_us) if event.HasField("ended_at_us") else None,
    }


def payment_line(payment: dict[str, Any]) -> str:
    item = " ".join(str(part) for part in (payment["item"]["kind"], payment["item"]["id"]) if part)
    told = f"  {payment['problem']}" if payment["problem"] else ""
    price = f"{payment['amount']} {payment['currency']}"
    return (
        f"{payment['id']}  {payment['created_at'][:19]}  {payment['state']:9} {price:>14}  {item}  "
        f"{payment['account']}  {payment['provider']} {payment['mode']}{told}"
    )


def refund_line(refund: dict[str, Any], currency: str) -> str:
    return f"{refund['id']}  {price_text(refund['amount_minor'], currency)} {currency}  {refund['state']}"


def event_line(event: dict[str, Any]) -> str:
    about = event["payment"] or event["reference"] or event["invoice_id"] or "-"
    error = f"  {event['error']}" if event["error"] else ""
    return f"{event['id']}  {event['received_at'][:19]}  {event['state']:8} {event['provider']} {event['name']}  {about}{error}"


def field_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{each['id']} {each['state']}" for each in value)
    if isinstance(value, dict):
        return " ".join(f"{each}" for each in value.values() if each)
    return f"{value}"

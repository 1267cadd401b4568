"""How MyFatoorah signs, written apart from the adapter that checks it (docs.myfatoorah.com/docs/webhook-signature)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

V2_FIELDS = {
    1: ["Invoice.Id", "Invoice.Status", "Transaction.Status", "Transaction.PaymentId"],
    2: ["Refund.Id", "Refund.Status", "Amount.ValueInBaseCurrency", "ReferencedInvoice.Id"],
    3: ["Deposit.Reference", "Deposit.ValueInBaseCurrency", "Deposit.NumberOfTransactions"],
}


def signature(text: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def v1_text(event: dict[str, Any]) -> str:
    data = {name: value for name, value in event["Data"].items() if name != "GatewayReference"}
    return ",".join(f"{name}={_text(data[name])}" for name in sorted(data, key=str.lower))


def v2_text(event: dict[str, Any], fifth: str = "Invoice.ExternalIdentifier") -> str:
    """`fifth`: the field in which the documentation and the vendor's library differ."""
    code = event["Event"]["Code"]
    names = [*V2_FIELDS[code], fifth] if code == 1 else V2_FIELDS[code]
    parts = []
    for name in names:
        value: Any = event["Data"]
        for step in name.split("."):
            value = (value or {}).get(step)
        parts.append(f"{name}={_text(value)}")
    return ",".join(parts)


def _text(value: Any) -> str:
    return "" if value is None else str(value)

"""What MyFatoorah's events, and browsers that come back from it, are about; and whether it is MyFatoorah that speaks.

By docs.myfatoorah.com/docs/{webhook-v1, webhook-v2, webhook-signature, transaction-data-model, refund-data-model,
webhook-v2-payment-status-data-model, webhook-v2-refund-data-model}: the signature is the Base64 of an HMAC-SHA256 over named
fields, `Name=value,Name=value`, with nothing for null. It covers neither amounts nor the event's own name and id.
Version 1 signs every field of `Data`, sorted without regard to case. Version 2 signs the fields below. In the first row the
documentation and the vendor's library (rasha-saeed/myfatoorah-php-library) differ in the fifth field: either is accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from raseed.adapters.payments.myfatoorah_account import SECRET_BYTES_MIN
from raseed.core.errors import RequestInvalid, Unauthenticated, WebhookNotConfigured
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import Event, EventKind

SIGNATURE_HEADER = "myfatoorah-signature"
_PAYMENT, _REFUND = "1", "2"
_FIRST_FOUR = ("Invoice.Id", "Invoice.Status", "Transaction.Status", "Transaction.PaymentId")
_EXTERNAL, _CUSTOMER = "Invoice.ExternalIdentifier", "Customer.Reference"
_SIGNED_V2: Mapping[str, tuple[tuple[str, ...], ...]] = {
    _PAYMENT: ((*_FIRST_FOUR, _EXTERNAL), (*_FIRST_FOUR, _CUSTOMER)),
    _REFUND: (("Refund.Id", "Refund.Status", "Amount.ValueInBaseCurrency", "ReferencedInvoice.Id"),),
    "3": (("Deposit.Reference", "Deposit.ValueInBaseCurrency", "Deposit.NumberOfTransactions"),),
    "4": (("Supplier.Code", "KycDecision.Status"),),
    "5": (("Recurring.Id", "Recurring.Status", "Recurring.InitialInvoiceId"),),
}
_UNSIGNED_V1 = "GatewayReference"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Signed = Mapping[str, str]
"""The fields that one signature covers, and nothing else of the event."""


def read_event(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], mode: Mode) -> Event:
    """As `core.payments.ports.Gateway.read_event`. Only fields that are signed tell what it is about."""
    if not secrets or any(len(secret.encode()) < SECRET_BYTES_MIN for secret in secrets):
        raise WebhookNotConfigured("This webhook is not configured.")
    parsed = _parsed(body)
    given = headers.get(SIGNATURE_HEADER, "")
    if isinstance(parsed["Event"], dict):
        return _read_v2(parsed["Event"], parsed["Data"], given, secrets, mode)
    return _read_v1(parsed, given, secrets, mode)


def read_return(query: Mapping[str, str], mode: Mode) -> Event | None:
    """The parameters that are added to the address a browser is sent back to."""
    payment_id = _id(query.get("paymentId")) or _id(query.get("Id"))
    if not payment_id:
        return None
    return Event(
        key=f"return:{payment_id}",
        kind=EventKind.PAYMENT,
        name="return",
        mode=mode,
        provider_payment_id=payment_id,
    )


def _parsed(body: bytes) -> dict[str, Any]:
    """Numbers stay as they are written: that is how they are signed."""
    try:
        parsed = json.loads(body, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("The body is not JSON.") from error
    if not isinstance(parsed, dict) or "Event" not in parsed or not isinstance(parsed.get("Data"), dict):
        raise RequestInvalid("The body is no event.")
    return parsed


def _read_v2(event: dict[str, Any], data: Any, given: str, secrets: Sequence[str], mode: Mode) -> Event:
    code, name = _text(event.get("Code")), _text(event.get("Name"))
    if code not in _SIGNED_V2:
        raise RequestInvalid("The body is no event that is known.")
    candidates = [{path: _text(_at(data, path)) for path in paths} for paths in _SIGNED_V2[code]]
    signed = _matching(candidates, given, secrets)
    kind = {_PAYMENT: EventKind.PAYMENT, _REFUND: EventKind.REFUND}.get(code, EventKind.OTHER)
    return Event(
        key=_key("v2", code, signed),
        kind=kind,
        name=_id(name),
        mode=mode,
        reference=_id(signed.get(_EXTERNAL)) or _id(signed.get(_CUSTOMER)),
        invoice_id=_id(signed.get("Invoice.Id")) or _id(signed.get("ReferencedInvoice.Id")),
        provider_payment_id=_id(signed.get("Transaction.PaymentId")),
    )


def _read_v1(parsed: dict[str, Any], given: str, secrets: Sequence[str], mode: Mode) -> Event:
    code, data = _text(parsed.get("EventType")), parsed["Data"]
    names = [name for name in data if not (code == _REFUND and name == _UNSIGNED_V1)]
    if any(isinstance(data[name], dict | list) or not _ID.fullmatch(name) for name in names):
        raise RequestInvalid("The body is no event that is known.")
    fields = {name: _text(data[name]) for name in sorted(names, key=str.lower)}
    signed = _matching([fields], given, secrets)
    kind = {_PAYMENT: EventKind.PAYMENT, _REFUND: EventKind.REFUND}.get(code, EventKind.OTHER)
    return Event(
        key=_key("v1", code, signed),
        kind=kind,
        name=_id(parsed["Event"]),
        mode=mode,
        reference=_id(signed.get("CustomerReference")),
        invoice_id=_id(signed.get("InvoiceId")),
        provider_payment_id=_id(signed.get("PaymentId")),
    )


def _key(version: str, code: str, signed: Signed) -> str:
    """Of what is signed alone, so that of one event that somebody overheard nobody makes many: V1 has no id of an event, and
    that of V2 is not signed. Two events that say the same need one look.
    """
    return hashlib.sha256(f"{version}\0{code}\0".encode() + _message(signed)).hexdigest()


def _matching(candidates: Sequence[Signed], given: str, secrets: Sequence[str]) -> Signed:
    """The fields whose signature it is. Every secret is tried with every candidate, whatever matched before."""
    found: Signed | None = None
    for signed, expected in _expected(candidates, secrets):
        if hmac.compare_digest(expected, given.encode(errors="replace")):
            found = signed
    if found is None:
        raise Unauthenticated("The signature of this event is missing or wrong.")
    return found


def _expected(candidates: Sequence[Signed], secrets: Sequence[str]) -> Iterator[tuple[Signed, bytes]]:
    for signed in candidates:
        message = _message(signed)
        for secret in secrets:
            yield signed, base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest())


def _message(signed: Signed) -> bytes:
    return ",".join(f"{name}={value}" for name, value in signed.items()).encode(errors="replace")


def _at(data: Any, path: str) -> Any:
    for step in path.split("."):
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _id(value: object) -> str:
    """Nothing, if it cannot be an id of theirs or ours: values may have commas and equals signs in them."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""

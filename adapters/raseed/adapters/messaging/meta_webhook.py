"""Meta's webhook: is it Meta that speaks, and what it says of our messages.

Fields, by Meta's pages (developers.facebook.com/docs): graph-api/webhooks/getting-started (`hub.…`, and the signature
`X-Hub-Signature-256: sha256=<hex>`, an HMAC of the raw body under the app secret), and
whatsapp/cloud-api/webhooks/reference/messages/status (`entry[].changes[].value.statuses[]`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import msgspec

from raseed.adapters.messaging.whatsapp_meta import is_undeliverable
from raseed.core.errors import RequestInvalid
from raseed.core.messaging.outbox import Delivery
from raseed.core.messaging.service import DeliveryReport

SIGNATURE_HEADER = "x-hub-signature-256"
_SCHEME = "sha256="
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}


def is_signed(body: bytes, signature: str, app_secret: str) -> bool:
    """Whether Meta signed exactly these bytes. Constant time; False for everything without a secret."""
    if not app_secret or not signature.startswith(_SCHEME) or not signature.isascii():
        return False
    expected = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.removeprefix(_SCHEME), expected)


def is_subscription(mode: str, verify_token: str, expected: str) -> bool:
    """Whether it is the question of somebody who knows our token. Constant time; False for everything without one."""
    if not expected or mode != "subscribe":
        return False
    return hmac.compare_digest(verify_token.encode(), expected.encode())


def read_reports(body: bytes) -> list[DeliveryReport]:
    """What became of messages. Everything else that Meta tells is passed over. Raises RequestInvalid."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestInvalid("The body is not JSON.") from error
    return list(_reports(parsed))


def _reports(parsed: Any) -> Iterator[DeliveryReport]:
    for entry in _list(parsed, "entry"):
        for change in _list(entry, "changes"):
            value = change.get("value") if isinstance(change, dict) else None
            for status in _list(value, "statuses"):
                if not isinstance(status, dict):
                    continue
                delivery = _DELIVERIES.get(str(status.get("status")))
                provider_id = status.get("id")
                if delivery is not None and isinstance(provider_id, str) and provider_id:
                    codes = [
                        error.get("code") for error in _list(status, "errors") if isinstance(error, dict)
                    ]
                    yield DeliveryReport(
                        provider_id=provider_id,
                        delivery=delivery,
                        is_undeliverable=any(
                            is_undeliverable(code) for code in codes if isinstance(code, int)
                        ),
                    )


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []

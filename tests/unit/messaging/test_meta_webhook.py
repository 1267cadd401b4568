"""Meta's webhook: nothing is believed that Meta did not sign, and what it says is read whatever is around it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raseed.adapters.messaging.meta_webhook import is_signed, is_subscription, read_reports
from raseed.core.errors import RequestInvalid
from raseed.core.messaging.outbox import Delivery
from raseed.core.messaging.service import DeliveryReport

# RFC 4231, test case 2: HMAC-SHA256 of this text under the key "Jefe".
BODY = b"what do ya want for nothing?"
SECRET = "Jefe"
SIGNATURE = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_known_signature_is_accepted() -> None:
    assert is_signed(BODY, SIGNATURE, SECRET)


@pytest.mark.parametrize(
    ("body", "signature", "secret"),
    [
        (BODY + b" ", SIGNATURE, SECRET),
        (BODY, SIGNATURE, "jefe"),
        (BODY, SIGNATURE.upper(), SECRET),
        (BODY, SIGNATURE.removeprefix("sha256="), SECRET),
        (BODY, SIGNATURE.replace("sha256", "sha1"), SECRET),
        (BODY, SIGNATURE[:-1], SECRET),
        (BODY, SIGNATURE + "0", SECRET),
        (BODY, "sha256=", SECRET),
        (BODY, "", SECRET),
        (BODY, "sha256=é", SECRET),
        # HMAC-SHA256 of nothing under an empty key: anybody can compute it.
        (b"", "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", ""),
    ],
)
def test_everything_else_is_refused(body: bytes, signature: str, secret: str) -> None:
    assert not is_signed(body, signature, secret)


def test_only_who_knows_the_token_is_answered() -> None:
    assert is_subscription("subscribe", "mine", "mine")
    for mode, token, expected in (
        ("unsubscribe", "mine", "mine"),
        ("subscribe", "mine ", "mine"),
        ("subscribe", "", ""),
        ("subscribe", "é", "e"),
    ):
        assert not is_subscription(mode, token, expected)


def status(message_id: str, what: str, **more: Any) -> dict[str, Any]:
    # developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/status
    return {
        "id": message_id,
        "status": what,
        "timestamp": "1750263773",
        "recipient_id": "96550123456",
        "pricing": {"billable": True, "category": "authentication"},
        **more,
    }


def webhook(*statuses: Any) -> bytes:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "96522220000", "phone_number_id": "106540352242922"},
        "statuses": list(statuses),
    }
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def test_what_became_of_messages_is_read() -> None:
    error = {
        "code": 131026,
        "title": "Message undeliverable",
        "error_data": {"details": "Message Undeliverable."},
    }
    other = {"code": 131042, "title": "Business eligibility payment issue"}
    body = webhook(
        status("wamid.1", "sent"),
        status("wamid.1", "delivered"),
        status("wamid.2", "read"),
        status("wamid.3", "failed", errors=[error]),
        status("wamid.4", "failed", errors=[other]),
        status("wamid.5", "failed"),
    )
    assert read_reports(body) == [
        DeliveryReport(provider_id="wamid.1", delivery=Delivery.SENT),
        DeliveryReport(provider_id="wamid.1", delivery=Delivery.DELIVERED),
        DeliveryReport(provider_id="wamid.2", delivery=Delivery.READ),
        DeliveryReport(provider_id="wamid.3", delivery=Delivery.FAILED, is_undeliverable=True),
        DeliveryReport(provider_id="wamid.4", delivery=Delivery.FAILED),
        DeliveryReport(provider_id="wamid.5", delivery=Delivery.FAILED),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"entry": {}}',
        b'{"entry": [1, {"changes": [null, {"value": []}]}]}',
        webhook(1, {}, {"id": 5, "status": "sent"}, {"id": "", "status": "sent"}, status("w", "held")),
        json.dumps({"entry": [{"changes": [{"value": {"messages": [{"id": "wamid.9"}]}}]}]}).encode(),
    ],
)
def test_what_is_none_of_our_business_is_passed_over(body: bytes) -> None:
    assert read_reports(body) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read_reports(body)

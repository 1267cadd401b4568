"""The emulated WhatsApp: what it refuses as Meta does, and reports that our own webhook understands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.emulators.clock import TurnedClock
from tests.emulators.server import serve
from tests.emulators.whatsapp.meta import MetaWhatsApp

from raseed.adapters.messaging.meta_webhook import SIGNATURE_HEADER, is_signed, read_reports
from raseed.core.messaging.outbox import Delivery


@pytest.fixture
async def meta() -> AsyncIterator[MetaWhatsApp]:
    emulator = MetaWhatsApp(TurnedClock())
    async with serve(emulator):
        yield emulator


def code_message(code: str, button: str = "", **more: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "96550123456",
        "type": "template",
        "template": {
            "name": "code",
            "language": {"code": "en"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": code}]},
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": button or code}],
                },
            ],
        },
        **more,
    }


async def send(emulator: MetaWhatsApp, body: Any, token: str = "") -> tuple[int, Any]:
    url = f"{emulator.served.url}/v24.0/{emulator.phone_number_id}/messages"
    headers = {"Authorization": f"Bearer {token or emulator.token}"}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_code_is_taken_and_read_by_a_newcomer(meta: MetaWhatsApp) -> None:
    status, answer = await send(meta, code_message("424242"))
    assert status == 200
    assert [sent.id for sent in meta.sent] == [answer["messages"][0]["id"]]
    async with aiohttp.ClientSession() as session, session.get(f"{meta.served.url}/people/messages") as page:
        assert "424242" in await page.text()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (code_message("4" * 16), 132000),
        (code_message("1", button="2"), 132000),
        (code_message("1", to="96599999999"), 131026),
        (code_message("1", to="+96550123456"), 100),
        (code_message("1", type="text"), 100),
    ],
)
async def test_what_meta_refuses(meta: MetaWhatsApp, body: Any, code: int) -> None:
    meta.unreachable.add("96599999999")
    status, answer = await send(meta, body)
    assert (status, answer["error"]["code"]) == (400, code)
    assert (await send(meta, body, token="another"))[1]["error"]["code"] == 190
    assert meta.sent == []


async def test_its_reports_are_signed_and_understood(meta: MetaWhatsApp) -> None:
    for _ in range(2):
        await send(meta, code_message("424242"))
    first, second = (sent.id for sent in meta.sent)
    meta.report(first, "delivered")
    meta.report(second, "failed", code=131026)
    reports = []
    for headers, body in meta.served.courier.posted:
        given = {name.lower(): value for name, value in headers.items()}[SIGNATURE_HEADER]
        assert is_signed(body, given, meta.app_secret)
        assert not is_signed(body + b" ", given, meta.app_secret)
        reports += read_reports(body)
    assert [(each.provider_id, each.delivery, each.is_undeliverable) for each in reports] == [
        (first, Delivery.DELIVERED, False),
        (second, Delivery.FAILED, True),
    ]

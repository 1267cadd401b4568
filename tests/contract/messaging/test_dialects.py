"""The dialects, byte for byte as the services' pages say, and what their errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.contract.messaging.conftest import (
    CODE,
    PHONE,
    TEXTS,
    TOKEN,
    Emulated,
    answering,
    code_for,
    emulated,
    opened,
)
from tests.emulators.server import serve
from tests.emulators.whatsapp.meta import MetaWhatsApp, refusal

from raseed.adapters.messaging.dialect import PRESETS, Dialect, DialectError
from raseed.adapters.messaging.http_call import open_calls
from raseed.adapters.messaging.whatsapp_http import HttpMessenger
from raseed.adapters.messaging.whatsapp_meta import CODE_CHARS_MAX
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessagingError,
    Messenger,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

TEXT = TEXTS.render(code_for(Channel.WHATSAPP)).text


@pytest.fixture
async def meta() -> AsyncIterator[tuple[Messenger, MetaWhatsApp]]:
    emulator = MetaWhatsApp(token=TOKEN)
    async with serve(emulator) as url, opened("whatsapp_meta", url) as messenger:
        yield messenger, emulator


async def test_metas_authentication_template_has_the_code_twice(meta) -> None:
    # developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates
    messenger, provider = meta
    await messenger.send(code_for(Channel.WHATSAPP, Language.ARABIC))
    [asked] = provider.served.asked
    assert asked.path == "/v24.0/106540352242922/messages"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "96550123456",
        "type": "template",
        "template": {
            "name": "code",
            "language": {"code": "ar"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": CODE}]},
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": CODE}],
                },
            ],
        },
    }


async def test_metas_template_of_a_notice_has_its_parameters_in_order(meta) -> None:
    messenger, provider = meta
    created = Message(
        channel=Channel.WHATSAPP,
        to=PHONE,
        language=Language.ARABIC,
        template="key_created",
        parameters={"last4": "wxyz", "name": "my\nlaptop"},
    )
    await messenger.send(created)
    await messenger.send(replace(created, template="credits_exhausted", parameters={}))
    with_values, without = (asked.json["template"]["components"] for asked in provider.served.asked)
    assert without == []
    assert with_values == [
        {
            "type": "body",
            "parameters": [
                {"type": "text", "text": "\u2066my laptop\u2069"},
                {"type": "text", "text": "\u2066wxyz\u2069"},
            ],
        }
    ]


async def test_metas_codes_are_short(meta) -> None:
    messenger, provider = meta
    message = replace(
        code_for(Channel.WHATSAPP), parameters={"code": "4" * (CODE_CHARS_MAX + 1), "minutes": "5"}
    )
    with pytest.raises(MessengerMisconfigured):
        await messenger.send(message)
    assert provider.served.asked == []


@pytest.mark.parametrize(
    ("codes", "status", "kind"),
    [
        ((131026, 130497, 131049, 131050, 130472), 400, Undeliverable),
        ((4, 80007, 130429, 131048, 131056), 400, MessengerBusy),
        ((1, 2, 131000, 131016), 500, MessengerBusy),
        ((0, 3, 10, 190, 200, 299), 401, MessengerMisconfigured),
        ((132000, 132001, 132005, 132007, 132012, 132015, 132016), 404, MessengerMisconfigured),
        ((131042, 368, 131031, 100, 33, 987654), 403, MessengerMisconfigured),
        ((987654,), 503, MessengerBusy),
    ],
)
async def test_metas_errors(meta, codes: tuple[int, ...], status: int, kind: type[MessagingError]) -> None:
    # developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
    messenger, provider = meta
    for code in codes:
        provider.served.faults.clear()
        provider.served.faults.add(answering(refusal(code, f"{PHONE} is not known"), status))
        with pytest.raises(kind) as caught:
            await messenger.send(code_for(Channel.WHATSAPP))
        assert str(code) in str(caught.value)
        assert "965" not in str(caught.value)


async def test_meta_wants_a_pause_between_messages_to_one_person(meta) -> None:
    messenger, provider = meta
    provider.served.faults.add(answering({"error": {"code": 131056}}, 400))
    with pytest.raises(MessengerBusy) as caught:
        await messenger.send(code_for(Channel.WHATSAPP))
    assert caught.value.retry_after_s == 6


@asynccontextmanager
async def speaking(provider: Emulated, dialect: Dialect) -> AsyncIterator[HttpMessenger]:
    path = "/" + dialect.url.split("/", 3)[3]
    async with serve(provider) as url, open_calls(5.0, 2) as calls:
        yield HttpMessenger(calls, replace(dialect, url=url + path), TOKEN, TEXTS)


@pytest.mark.parametrize(
    ("preset", "path", "header", "body"),
    [
        ("resayil-token", "/v1/messages", ("Token", TOKEN), {"phone": PHONE, "message": TEXT}),
        ("wassenger", "/v1/messages", ("Token", TOKEN), {"phone": PHONE, "message": TEXT}),
        (
            "resayil-app",
            "/api/v1/messages/send",
            ("Authorization", f"Bearer {TOKEN}"),
            {"to": PHONE, "type": "text", "text": {"body": TEXT}},
        ),
    ],
)
async def test_presets(preset: str, path: str, header: tuple[str, str], body: object) -> None:
    provider = emulated(preset)
    async with speaking(provider, PRESETS[preset]) as messenger:
        message_id = await messenger.send(code_for(Channel.WHATSAPP))
    [asked] = provider.served.asked
    assert (asked.path, asked.json) == (path, body)
    assert asked.headers[header[0].lower()] == header[1]
    assert [(sent.to, sent.text) for sent in provider.sent] == [(PHONE, TEXT)]
    assert message_id in {provider.sent[0].id, ""}  # the preset resayil-token reads none


@pytest.mark.parametrize("preset", PRESETS)
async def test_a_number_that_does_not_exist(preset: str) -> None:
    provider = emulated(preset)
    provider.unreachable.add(PHONE)
    async with speaking(provider, PRESETS[preset]) as messenger:
        with pytest.raises(Undeliverable):
            await messenger.send(code_for(Channel.WHATSAPP))
        provider.served.faults.add(answering({"message": "device is offline"}, 400))
        with pytest.raises(MessengerMisconfigured):
            await messenger.send(code_for(Channel.WHATSAPP))


@pytest.mark.parametrize("body", [{"success": False}, {"success": "true"}, {"message_id": "1"}, []])
async def test_a_success_that_is_none(body: object) -> None:
    provider = emulated("resayil-app")
    provider.served.faults.add(answering(body))
    async with speaking(provider, PRESETS["resayil-app"]) as messenger:
        with pytest.raises(MessengerBusy):
            await messenger.send(code_for(Channel.WHATSAPP))


async def test_a_dialect_of_ones_own() -> None:
    dialect = replace(
        PRESETS["wassenger"],
        header_name="X-Key",
        header_template="key={token}",
        body_template='{"to": ["{digits}"], "lang": "{language}", "kind": "{template}", "priority": 1, "m": "<{text}>"}',
        success_path="results.0.state",
        success_value='"queued"',
        id_path="results.0.number",
    )
    provider = emulated("wassenger")
    provider.served.faults.add(answering({"results": [{"state": "queued", "number": 17}]}))
    async with speaking(provider, dialect) as messenger:
        assert await messenger.send(code_for(Channel.WHATSAPP)) == "17"
    [asked] = provider.served.asked
    assert asked.headers["x-key"] == f"key={TOKEN}"
    assert asked.json == {
        "to": [PHONE[1:]],
        "lang": "en",
        "kind": "code",
        "priority": 1,
        "m": f"<{TEXT}>",
    }


async def test_no_text_breaks_out_of_its_place() -> None:
    provider = emulated("wassenger")
    message = Message(
        channel=Channel.WHATSAPP,
        to=PHONE,
        language=Language.ENGLISH,
        template="key_created",
        parameters={"name": '", "phone": "+1{to}', "last4": "\\"},
    )
    async with speaking(provider, PRESETS["wassenger"]) as messenger:
        await messenger.send(message)
    [sent] = provider.sent
    assert set(provider.served.asked[0].json) == {"phone", "message"}
    assert sent.to == PHONE
    assert '", "phone": "+1{to}' in sent.text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"url": "api.example.com"}, "url"),
        ({"header_name": "To: x"}, "header_name"),
        ({"header_template": "Bearer"}, "header_template"),
        ({"body_template": "{to} {text}"}, "body_template is not JSON"),
        ({"body_template": '{"a": "{to}", "b": "{message}"}'}, "unknown {message}"),
        ({"body_template": '{"a": "{to}"}'}, "needs {text}"),
        ({"body_template": '{"a": "{text}"}'}, "needs {text}, and {to}"),
        ({"success_value": "yes"}, "success_value is not JSON"),
    ],
)
def test_a_dialect_that_cannot_work_is_refused(change: dict[str, str], problem: str) -> None:
    with pytest.raises(DialectError, match=problem.replace("{", r"\{")):
        replace(PRESETS["wassenger"], **change)

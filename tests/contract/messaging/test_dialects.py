"""The dialects, byte for byte as the services' pages say, and what their errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.contract.messaging.conftest import (
    ACCEPTED,
    CODE,
    PHONE,
    TEXTS,
    TOKEN,
    Provider,
    code_for,
    opened,
    served,
)

from raseed.adapters.messaging.dialect import PRESETS, Dialect, DialectError
from raseed.adapters.messaging.http_call import open_calls
from raseed.adapters.messaging.whatsapp_http import HttpMessenger
from raseed.adapters.messaging.whatsapp_meta import CODE_CHARS_MAX
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessagingError,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

TEXT = TEXTS.render(code_for(Channel.WHATSAPP)).text


@pytest.fixture
async def meta() -> AsyncIterator[tuple[HttpMessenger, Provider]]:
    provider = Provider(body=ACCEPTED["whatsapp_meta"])
    async with served(provider), opened("whatsapp_meta", provider.url) as messenger:
        yield messenger, provider  # type: ignore[misc]


async def test_metas_authentication_template_has_the_code_twice(meta) -> None:
    # developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates
    messenger, provider = meta
    await messenger.send(code_for(Channel.WHATSAPP, Language.ARABIC))
    [asked] = provider.asked
    assert asked.path == "/v24.0/106540352242922/messages"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.body == {
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
    with_values, without = (asked.body["template"]["components"] for asked in provider.asked)
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
    assert provider.asked == []


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
        provider.status = status
        provider.body = {
            "error": {
                "message": f"(#{code}) for {PHONE}",
                "type": "OAuthException",
                "code": code,
                "error_data": {"messaging_product": "whatsapp", "details": f"{PHONE} is not known"},
                "fbtrace_id": "A1b2",
            }
        }
        with pytest.raises(kind) as caught:
            await messenger.send(code_for(Channel.WHATSAPP))
        assert str(code) in str(caught.value)
        assert "965" not in str(caught.value)


async def test_meta_wants_a_pause_between_messages_to_one_person(meta) -> None:
    messenger, provider = meta
    provider.status, provider.body = 400, {"error": {"code": 131056}}
    with pytest.raises(MessengerBusy) as caught:
        await messenger.send(code_for(Channel.WHATSAPP))
    assert caught.value.retry_after_s == 6


@asynccontextmanager
async def speaking(provider: Provider, dialect: Dialect) -> AsyncIterator[HttpMessenger]:
    path = "/" + dialect.url.split("/", 3)[3]
    async with served(provider), open_calls(5.0, 2) as calls:
        yield HttpMessenger(calls, replace(dialect, url=provider.url + path), TOKEN, TEXTS)


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
    provider = Provider(body=ACCEPTED[preset], status=201)
    async with speaking(provider, PRESETS[preset]) as messenger:
        await messenger.send(code_for(Channel.WHATSAPP))
    [asked] = provider.asked
    assert (asked.path, asked.body) == (path, body)
    assert asked.headers[header[0]] == header[1]


@pytest.mark.parametrize("preset", PRESETS)
async def test_a_number_that_does_not_exist(preset: str) -> None:
    # Observed: 400 with this message.
    provider = Provider(
        status=400, body={"message": "Phone number is not a valid international mobile number: +965"}
    )
    async with speaking(provider, PRESETS[preset]) as messenger:
        with pytest.raises(Undeliverable):
            await messenger.send(code_for(Channel.WHATSAPP))
        provider.body = {"message": "device is offline"}
        with pytest.raises(MessengerMisconfigured):
            await messenger.send(code_for(Channel.WHATSAPP))


@pytest.mark.parametrize("body", [{"success": False}, {"success": "true"}, {"message_id": "1"}, []])
async def test_a_success_that_is_none(body: object) -> None:
    provider = Provider(body=body)
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
    provider = Provider(body={"results": [{"state": "queued", "number": 17}]})
    async with speaking(provider, dialect) as messenger:
        assert await messenger.send(code_for(Channel.WHATSAPP)) == "17"
    [asked] = provider.asked
    assert asked.headers["X-Key"] == f"key={TOKEN}"
    assert asked.body == {
        "to": [PHONE[1:]],
        "lang": "en",
        "kind": "code",
        "priority": 1,
        "m": f"<{TEXT}>",
    }


async def test_no_text_breaks_out_of_its_place() -> None:
    provider = Provider(body=ACCEPTED["wassenger"])
    message = Message(
        channel=Channel.WHATSAPP,
        to=PHONE,
        language=Language.ENGLISH,
        template="key_created",
        parameters={"name": '", "phone": "+1{to}', "last4": "\\"},
    )
    async with speaking(provider, PRESETS["wassenger"]) as messenger:
        await messenger.send(message)
    [asked] = provider.asked
    assert set(asked.body) == {"phone", "message"}
    assert asked.body["phone"] == PHONE
    assert '", "phone": "+1{to}' in asked.body["message"]


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

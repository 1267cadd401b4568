"""From the settings to the wire: each driver that can be named is the one that speaks, with what was configured."""

from __future__ import annotations

import email
from email import policy
from pathlib import Path

import pytest
from tests.contract.messaging.conftest import (
    CODE,
    PASSWORD,
    PHONE,
    TOKEN,
    USERNAME,
    MailRoom,
    code_for,
)
from tests.emulators.server import serve
from tests.emulators.whatsapp.meta import MetaWhatsApp
from tests.emulators.whatsapp.services import WhatsAppService

from raseed.app.layout import Home
from raseed.app.messengers import _reachable_first, open_messenger
from raseed.app.settings.configuration import Settings, load_configuration
from raseed.app.settings.reader import ConfigError
from raseed.core.messaging.ports import Channel


def settings(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "raseed.toml").write_text(text)
    return load_configuration(environ, folder).settings


async def test_meta(tmp_path: Path) -> None:
    emulator = MetaWhatsApp(token=TOKEN, phone_number_id="17")
    async with serve(emulator) as url:
        given = settings(
            tmp_path,
            '[messaging]\nwhatsapp = "whatsapp_meta"\n'
            f'[whatsapp_meta]\nurl = "{url}"\nphone_number_id = "17"\napi_version = "v25.0"\n'
            'template_prefix = "acme_"\n',
            RASEED_WHATSAPP_META_TOKEN=TOKEN,
        )
        async with open_messenger(given, Home(tmp_path), "credits") as messenger:
            await messenger.send(code_for(Channel.WHATSAPP))
            await messenger.send(code_for(Channel.EMAIL))  # still into the file
    [asked] = emulator.served.asked
    assert asked.path == "/v25.0/17/messages"
    assert asked.json["template"]["name"] == "acme_code"
    assert "noor@example.com" in Home(tmp_path).outbox.read_text()


async def test_a_preset_with_a_change(tmp_path: Path) -> None:
    emulator = WhatsAppService("wassenger", token=TOKEN, path="/send")
    async with serve(emulator) as url:
        given = settings(
            tmp_path,
            '[messaging]\nwhatsapp = "whatsapp_http"\nservice = "Acme"\n'
            f'[whatsapp_http]\npreset = "wassenger"\nurl = "{url}/send"\n'
            'body_template = \'{"phone": "{to}", "message": "{text}", "device": "65f1"}\'\n',
            RASEED_WHATSAPP_HTTP_TOKEN=TOKEN,
        )
        async with open_messenger(given, Home(tmp_path), "credits") as messenger:
            await messenger.send(code_for(Channel.WHATSAPP))
    [sent] = emulator.sent
    assert sent.to == PHONE
    assert f"{CODE} is your Acme code" in sent.text
    assert emulator.served.asked[0].json["device"] == "65f1"


@pytest.mark.parametrize("mail_room", ["none"], indirect=True)
async def test_smtp(tmp_path: Path, mail_room: MailRoom) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    given = settings(
        tmp_path,
        f'[messaging]\nemail = "smtp"\n[smtp]\nhost = "localhost"\nport = {mail_room.port}\nsecurity = "none"\n'
        f'username = "{USERNAME}"\nsender = "Acme <hello@acme.example>"\n',
        RASEED_SMTP_PASSWORD_FILE="password",
    )
    async with open_messenger(given, Home(tmp_path), "credits") as messenger:
        await messenger.send(code_for(Channel.EMAIL))
    [envelope] = mail_room.box.mails
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=policy.default)
    assert mail["From"] == "Acme <hello@acme.example>"
    assert CODE in mail.get_content()


def test_notices_go_first_where_somebody_reads_them(tmp_path: Path) -> None:
    both = (Channel.WHATSAPP, Channel.EMAIL)
    assert _reachable_first(both, settings(tmp_path, "")) == both
    by_mail = '[messaging]\nemail = "smtp"\n[smtp]\nhost = "a"\nsender = "a@b.example"\n'
    assert _reachable_first(both, settings(tmp_path, by_mail)) == (Channel.EMAIL, Channel.WHATSAPP)


def test_an_address_without_a_scheme_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"whatsapp_meta\.url"):
        settings(
            tmp_path,
            '[messaging]\nwhatsapp = "whatsapp_meta"\n[whatsapp_meta]\nurl = "graph.facebook.com"\n'
            'phone_number_id = "17"\n',
            RASEED_WHATSAPP_META_TOKEN=TOKEN,
        )

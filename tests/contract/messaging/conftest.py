"""Drivers, and real servers for them that can fail in every way that networks and providers know."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from tests.emulators.faults import Fault, How
from tests.emulators.server import serve
from tests.emulators.whatsapp.meta import PHONE_NUMBER_ID, MetaWhatsApp
from tests.emulators.whatsapp.services import WhatsAppService
from tests.support.certificate import make_certificate

from raseed.adapters.messaging.dialect import PRESETS
from raseed.adapters.messaging.http_call import open_calls
from raseed.adapters.messaging.smtp import MailServer, SmtpMessenger, open_smtp
from raseed.adapters.messaging.texts import read_texts
from raseed.adapters.messaging.whatsapp_http import HttpMessenger
from raseed.adapters.messaging.whatsapp_meta import MetaAccount, MetaMessenger
from raseed.core.messaging.ports import Channel, Language, Message, Messenger

TOKEN = "token-nobody-may-see"
PHONE = "+96550123456"
EMAIL = "noor@example.com"
CODE = "424242"
TIMEOUT_S = 10.0
"""Long enough for a machine that is busy with other tests."""
HASTY_S = 0.25
"""Of tests in which the time is going to be over."""
SLACK_S = 5.0
"""How late a busy machine may notice that."""
CONNECTIONS = 4
FOR_EVER = 1_000_000
TEXTS = read_texts("Raseed")
HTTP_DRIVERS = ("whatsapp_meta", "resayil-token", "resayil-app")
"""The third preset, `wassenger`, is `resayil-token` at another address."""


def code_for(channel: Channel, language: Language = Language.ENGLISH) -> Message:
    return Message(
        channel=channel,
        to=EMAIL if channel is Channel.EMAIL else PHONE,
        language=language,
        template="code",
        parameters={"code": CODE, "minutes": "5"},
    )


Emulated = MetaWhatsApp | WhatsAppService


def emulated(name: str) -> Emulated:
    """The service that a driver of this name talks to."""
    return MetaWhatsApp(token=TOKEN) if name == "whatsapp_meta" else WhatsAppService(name, token=TOKEN)


def answering(body: Any, status: int = 200, **headers: str) -> Fault:
    """From now on it answers so, whatever it is asked."""
    return Fault(how=How.STATUS, status=status, body=json.dumps(body), headers=headers, times=FOR_EVER)


@asynccontextmanager
async def opened(name: str, url: str, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Messenger]:
    """An HTTP driver that talks to `url`."""
    async with open_calls(timeout_s, CONNECTIONS) as calls:
        if name == "whatsapp_meta":
            yield MetaMessenger(
                calls,
                MetaAccount(url=url, api_version="v24.0", phone_number_id=PHONE_NUMBER_ID, token=TOKEN),
                TEXTS,
            )
            return
        preset = PRESETS[name]
        path = "/" + preset.url.split("/", 3)[3]
        yield HttpMessenger(calls, replace(preset, url=url + path), TOKEN, TEXTS)


@pytest.fixture(params=HTTP_DRIVERS)
async def http(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Messenger, Emulated, str]]:
    emulator = emulated(request.param)
    async with serve(emulator) as url, opened(request.param, url) as messenger:
        yield messenger, emulator, request.param


@pytest.fixture(params=HTTP_DRIVERS)
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Messenger, Emulated, str]]:
    emulator = emulated(request.param)
    async with serve(emulator) as url, opened(request.param, url, HASTY_S) as messenger:
        yield messenger, emulator, request.param


class Mailbox:
    """The handler of a real mail server."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.answers: dict[str, str] = {}
        """By command: what it says instead of `250`."""

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if "MAIL" not in self.answers:
            envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answers.get("DATA") == "silent":
            await asyncio.sleep(4)
        if "DATA" not in self.answers:
            self.mails.append(envelope)
        return self.answers.get("DATA", "250 OK")


USERNAME, PASSWORD = "raseed", "password-nobody-may-see"


@dataclass
class MailRoom:
    box: Mailbox
    port: int
    tls: ssl.SSLContext
    security: Any = "starttls"

    @asynccontextmanager
    async def messenger(self, **changes: Any) -> AsyncIterator[SmtpMessenger]:
        timeout_s = changes.pop("timeout_s", TIMEOUT_S)
        tls = changes.pop("tls", self.tls)
        parts: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "security": self.security,
            "username": USERNAME,
            "password": PASSWORD,
            "sender": "Raseed <no-reply@raseed.example>",
        }
        async with open_smtp(
            MailServer(**(parts | changes)), TEXTS, timeout_s, CONNECTIONS, tls
        ) as messenger:
            yield messenger


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


def _knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=data == known, handled=False)


@pytest.fixture(params=["starttls", "tls", "none"])
def mail_room(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[MailRoom]:
    yield from _mail_room(request.param, certificate)


@pytest.fixture
def starttls_room(certificate: tuple[Path, Path]) -> Iterator[MailRoom]:
    yield from _mail_room("starttls", certificate)


@pytest.fixture
def ascii_room(certificate: tuple[Path, Path]) -> Iterator[MailRoom]:
    """Of a server that knows no addresses in other scripts."""
    yield from _mail_room("starttls", certificate, enable_SMTPUTF8=False)


def _mail_room(security: str, certificate: tuple[Path, Path], **more: Any) -> Iterator[MailRoom]:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    box = Mailbox()
    ways: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": own, "require_starttls": True},
        "tls": {"ssl_context": own, "auth_require_tls": False},
        "none": {"auth_require_tls": False},
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(
        box,
        hostname="localhost",
        port=port,
        authenticator=_knows,
        auth_required=True,
        **ways[security],
        **more,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that passwords may go in clear is what `none` is for
        controller.start()
        try:
            yield MailRoom(box, port, trusting, security)
        finally:
            controller.stop(no_assert=True)

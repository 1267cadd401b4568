"""Drivers, and real servers for them that can fail in every way that networks and providers know."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
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


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Provider:
    """An HTTP service that answers as it is told."""

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    asked: list[Asked] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0
    url: str = ""
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            self.asked.append(Asked(request.path, dict(request.headers), await request.json()))
            return await self._answer(request)
        finally:
            self.open_now -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        match self.fault:
            case "silent":
                await self.ending.wait()
            case "slow":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b" ")
                    await asyncio.sleep(0.05)
            case "reset":
                sock = request.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                request.transport.abort()
            case "pause":
                await asyncio.sleep(0.02)
            case _:
                pass
        if self.raw is not None:
            return web.Response(status=self.status, body=self.raw, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def served(provider: Provider, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    provider.url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield
    finally:
        provider.ending.set()
        await runner.cleanup()


ACCEPTED: dict[str, Any] = {
    # developers.facebook.com/docs/whatsapp/cloud-api/reference/messages: a successful response
    "whatsapp_meta": {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "96550123456", "wa_id": "96550123456"}],
        "messages": [{"id": "wamid.HBgLOTY1NTAxMjM0NTYVAgARGBI", "message_status": "accepted"}],
    },
    # app.wassenger.com/docs: POST /v1/messages answers with the queued message
    "wassenger": {"id": "652f1a", "waId": "3EB0", "phone": PHONE, "status": "queued"},
    # github.com/soudshoja/LLM-Resayil: the same dialect
    "resayil-token": {"id": "652f1a", "status": "queued"},
    # github.com/soudshoja/pay-resayil-io: what its client reads
    "resayil-app": {"success": True, "message_id": "652f1a"},
}
IDS = {"whatsapp_meta": "wamid.HBgLOTY1NTAxMjM0NTYVAgARGBI"}


@asynccontextmanager
async def opened(name: str, url: str, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Messenger]:
    """An HTTP driver that talks to `url`."""
    async with open_calls(timeout_s, CONNECTIONS) as calls:
        if name == "whatsapp_meta":
            yield MetaMessenger(
                calls,
                MetaAccount(url=url, api_version="v24.0", phone_number_id="106540352242922", token=TOKEN),
                TEXTS,
            )
            return
        preset = PRESETS[name]
        path = "/" + preset.url.split("/", 3)[3]
        yield HttpMessenger(calls, replace(preset, url=url + path), TOKEN, TEXTS)


@pytest.fixture(params=HTTP_DRIVERS)
async def http(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Messenger, Provider, str]]:
    provider = Provider(body=ACCEPTED[request.param])
    async with served(provider), opened(request.param, provider.url) as messenger:
        yield messenger, provider, request.param


@pytest.fixture(params=HTTP_DRIVERS)
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Messenger, Provider, str]]:
    provider = Provider(body=ACCEPTED[request.param])
    async with served(provider), opened(request.param, provider.url, HASTY_S) as messenger:
        yield messenger, provider, request.param


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

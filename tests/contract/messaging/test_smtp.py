"""E-mail through a real mail server: by every kind of connection, in both languages, and every way to fail."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email import policy
from time import monotonic

import pytest
from tests.contract.messaging.conftest import (
    CODE,
    CONNECTIONS,
    EMAIL,
    PASSWORD,
    SLACK_S,
    TEXTS,
    Mailbox,
    MailRoom,
    code_for,
)
from tests.support.waiting import until

from raseed.adapters.messaging.smtp import mail_of
from raseed.adapters.messaging.texts import read_texts
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessagingError,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

MESSAGE = code_for(Channel.EMAIL)


async def failure(room: MailRoom, **changes) -> MessagingError:
    async with room.messenger(**changes) as messenger:
        with pytest.raises(MessagingError) as caught:
            await messenger.send(MESSAGE)
    for secret in (PASSWORD, EMAIL, CODE, "localhost"):
        assert secret not in f"{caught.value} {caught.value!r}"
    assert room.box.mails == []
    return caught.value


@pytest.mark.parametrize("language", list(Language))
async def test_a_mail_arrives_as_it_was_written(mail_room: MailRoom, language: Language) -> None:
    message = code_for(Channel.EMAIL, language)
    async with mail_room.messenger() as messenger:
        message_id = await messenger.send(message)
    [envelope] = mail_room.box.mails
    assert envelope.mail_from == "no-reply@raseed.example"
    assert envelope.rcpt_tos == [EMAIL]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=policy.default)
    rendered = TEXTS.render(message)
    assert mail["Subject"] == rendered.subject
    assert mail["To"] == EMAIL
    assert mail["Message-ID"] == message_id == f"<{message.id}@raseed.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == language
    assert mail.get_content().splitlines() == rendered.text.splitlines()


async def test_nobody_puts_headers_into_a_mail(starttls_room: MailRoom) -> None:
    message = Message(
        channel=Channel.EMAIL,
        to=EMAIL,
        language=Language.ENGLISH,
        template="subscription_confirmed",
        parameters={"plan": "Pro\r\nBcc: all@example.com", "credits": "1", "ends_on": "x"},
    )
    async with starttls_room.messenger() as messenger:
        await messenger.send(message)
    [envelope] = starttls_room.box.mails
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Subject"] == "Your plan Pro Bcc: all@example.com"
    assert mail["Bcc"] is None


def test_who_can_switch_a_mail_off_is_told_by_its_header() -> None:
    texts = read_texts("Raseed", "https://raseed.example")
    for template, expected in (("credits_exhausted", "<https://raseed.example/profile>"), ("code", None)):
        parameters = {} if template != "code" else dict(MESSAGE.parameters)
        message = replace(MESSAGE, template=template, parameters=parameters)
        mail = mail_of(message, texts.render(message), "no-reply@raseed.example")
        assert mail["List-Unsubscribe"] == expected


@pytest.mark.parametrize(
    "to", ["a@b.example\nBcc: all@example.com", "a@b.example\r\n\r\nHello", "نور@example.com"]
)
async def test_an_address_that_cannot_be_written_to(ascii_room: MailRoom, to: str) -> None:
    async with ascii_room.messenger() as messenger:
        with pytest.raises(Undeliverable):
            await messenger.send(replace(MESSAGE, to=to))
    assert ascii_room.box.mails == []


async def test_an_address_in_another_script(starttls_room: MailRoom) -> None:
    async with starttls_room.messenger() as messenger:
        await messenger.send(replace(MESSAGE, to="نور@example.com"))
    assert [mail.rcpt_tos for mail in starttls_room.box.mails] == [["نور@example.com"]]


@pytest.mark.parametrize(
    ("command", "answer", "kind"),
    [
        ("RCPT", "550 no such user noor@example.com", Undeliverable),
        ("RCPT", "450 greylisted noor@example.com", MessengerBusy),
        ("DATA", "552 mailbox of noor@example.com is full", Undeliverable),
        ("DATA", "451 try later", MessengerBusy),
        ("MAIL", "553 not yours", MessengerMisconfigured),
        ("MAIL", "421 too busy", MessengerBusy),
    ],
)
async def test_what_the_server_says(
    starttls_room: MailRoom, command: str, answer: str, kind: type[MessagingError]
) -> None:
    starttls_room.box.answers[command] = answer
    assert isinstance(await failure(starttls_room), kind)


async def test_a_wrong_password(mail_room: MailRoom) -> None:
    assert isinstance(await failure(mail_room, password="wrong"), MessengerMisconfigured)


async def test_a_certificate_that_nobody_vouches_for(starttls_room: MailRoom) -> None:
    assert isinstance(await failure(starttls_room, tls=ssl.create_default_context()), MessengerMisconfigured)


async def test_a_certificate_of_somebody_else(starttls_room: MailRoom) -> None:
    assert isinstance(await failure(starttls_room, host="127.0.0.1"), MessengerMisconfigured)


async def test_nothing_is_said_in_clear_to_a_server_without_starttls() -> None:
    heard: list[bytes] = []

    def plain(connection: socket.socket) -> None:
        connection.sendall(b"220 plain\r\n")
        while line := connection.recv(1024):
            heard.append(line)
            connection.sendall(
                b"250-plain\r\n250 AUTH PLAIN\r\n" if line.startswith(b"ehlo") else b"250 OK\r\n"
            )

    with listening(plain) as port:
        room = MailRoom(Mailbox(), port, ssl.create_default_context())
        assert isinstance(await failure(room), MessengerMisconfigured)
    said = b"".join(heard)
    assert said.startswith(b"ehlo")
    assert b"auth" not in said.lower()
    assert EMAIL.encode() not in said


async def test_a_server_that_falls_silent_is_left_in_time_and_leaves_no_thread(
    starttls_room: MailRoom,
) -> None:
    starttls_room.box.answers["DATA"] = "silent"
    before = threading.active_count()
    began = monotonic()
    async with starttls_room.messenger(timeout_s=0.5) as messenger:
        outcomes = await asyncio.gather(
            *(messenger.send(MESSAGE) for _ in range(2 * CONNECTIONS)), return_exceptions=True
        )
        assert all(isinstance(outcome, MessengerBusy) for outcome in outcomes)
        assert monotonic() - began < 10
        # Its threads are free again, long before the server would have spoken.
        starttls_room.box.answers.clear()
        for _ in range(20):
            with suppress(MessengerBusy):  # half a second may be too little on a busy machine
                await messenger.send(MESSAGE)
                break
    assert starttls_room.box.mails
    until(lambda: threading.active_count() <= before, 5.0, "the threads have ended")


async def test_nobody_listens(starttls_room: MailRoom) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(await failure(starttls_room, port=port), MessengerBusy)


async def test_a_server_that_hangs_up() -> None:
    with listening(lambda connection: connection.close()) as port:
        room = MailRoom(Mailbox(), port, ssl.create_default_context())
        assert isinstance(await failure(room), MessengerBusy)


async def test_a_server_that_speaks_for_ever() -> None:
    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"220-wait\r\n")
                time.sleep(0.02)

    with listening(drip) as port:
        room = MailRoom(Mailbox(), port, ssl.create_default_context())
        began = monotonic()
        assert isinstance(await failure(room, timeout_s=0.3), MessengerBusy)
        assert monotonic() - began < 0.3 + SLACK_S


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that serves one connection in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
        assert not thread.is_alive()

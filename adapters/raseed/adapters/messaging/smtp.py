"""The driver `smtp`: e-mail, by the standard library's client in threads of its own."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from typing import Literal, cast

from raseed.adapters.messaging.texts import Rendered, Texts
from raseed.core.messaging.ports import (
    Message,
    MessagingError,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    sender: str
    """`Raseed <no-reply@example.com>`."""


class SmtpMessenger:
    """Implements `core.messaging.ports.Messenger`. A connection for each mail. Made by `open_smtp`."""

    def __init__(
        self,
        server: MailServer,
        texts: Texts,
        timeout_s: float,
        threads: ThreadPoolExecutor,
        tls: ssl.SSLContext,
    ) -> None:
        self._server = server
        self._texts = texts
        self._timeout_s = timeout_s
        self._threads = threads
        self._tls = tls

    async def send(self, message: Message) -> str:
        try:
            mail = mail_of(message, self._texts.render(message), self._server.sender)
        except ValueError as error:
            raise Undeliverable("this is no e-mail address") from error
        attempt = _Attempt(self._server, self._timeout_s, self._tls)
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, attempt.send, mail, message.to)
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.shield(running)
        except TimeoutError as error:
            raise MessengerBusy("there was no answer in time") from error
        except MessagingError:
            raise
        except smtplib.SMTPNotSupportedError as error:
            if not message.to.isascii():
                raise Undeliverable("the mail server takes no such address") from error
            raise _translated(error) from error
        except Exception as error:
            raise _translated(error) from error
        finally:
            if not running.done():
                # The thread waits for a server that may speak for ever: without its connection it ends at once.
                running.add_done_callback(_forget)
                attempt.abort()
        return str(mail["Message-ID"])


@asynccontextmanager
async def open_smtp(
    server: MailServer,
    texts: Texts,
    timeout_s: float,
    connections: int,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[SmtpMessenger]:
    """At most so many connections at a time. `tls` is for servers whose certificate the system does not know."""
    threads = ThreadPoolExecutor(connections, thread_name_prefix="smtp")
    try:
        yield SmtpMessenger(server, texts, timeout_s, threads, tls or ssl.create_default_context())
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def mail_of(message: Message, rendered: Rendered, sender: str) -> EmailMessage:
    """The same id for the same message, so that one that is sent twice is shown once by clients that compare ids."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.to
    mail["Subject"] = rendered.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@{_domain(sender)}>"
    mail["Auto-Submitted"] = "auto-generated"
    if rendered.opt_out_url:
        mail["List-Unsubscribe"] = f"<{rendered.opt_out_url}>"
    mail.set_content(rendered.text + "\n")
    mail["Content-Language"] = message.language.value  # after the content, which takes such headers away
    return mail


class _Attempt:
    """One mail over one connection, in a thread."""

    def __init__(self, server: MailServer, timeout_s: float, tls: ssl.SSLContext) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._tls = tls
        self._client: smtplib.SMTP | None = None
        self._is_aborted = False

    def send(self, mail: EmailMessage, to: str) -> None:
        server = self._server
        if self._is_aborted:
            return
        tls = cast("ssl.SSLContext", _TlsFor(server.host, self._tls))
        name = _domain(server.sender)
        # Not connected by the constructor: from here on `abort` reaches the connection.
        client = self._client = (
            smtplib.SMTP_SSL(local_hostname=name, timeout=self._timeout_s, context=tls)
            if server.security == "tls"
            else smtplib.SMTP(local_hostname=name, timeout=self._timeout_s)
        )
        try:
            code, _ = client.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, "")
            if server.security == "starttls":
                client.starttls(context=tls)
            if server.username:
                client.login(server.username, server.password)
            client.send_message(mail, to_addrs=[to])
            with suppress(smtplib.SMTPException, OSError):
                client.quit()  # it was taken, whatever the server says to this
        finally:
            client.close()

    def abort(self) -> None:
        """From another thread."""
        self._is_aborted = True
        connection = getattr(self._client, "sock", None)
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _TlsFor:
    """What smtplib asks of a context, for a server whose name it was not given at its construction."""

    def __init__(self, host: str, context: ssl.SSLContext) -> None:
        self._host = host
        self._context = context

    def wrap_socket(self, connection: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        return self._context.wrap_socket(connection, server_hostname=self._host)


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _translated(error: Exception) -> MessagingError:
    """What a server's answer means. Its words are left out: they repeat addresses."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code = min((answer[0] for answer in error.recipients.values()), default=0)
            if code >= 500:
                return Undeliverable(f"the mail server refuses this address ({code})")
            return MessengerBusy(f"the mail server cannot take it now ({code})")
        case smtplib.SMTPNotSupportedError():
            return MessengerMisconfigured("the mail server does not offer what the settings ask for")
        case smtplib.SMTPAuthenticationError() if error.smtp_code >= 500:
            return MessengerMisconfigured(f"the mail server refuses the credential ({error.smtp_code})")
        case smtplib.SMTPSenderRefused() if error.smtp_code >= 500:
            return MessengerMisconfigured(f"the mail server refuses the sender ({error.smtp_code})")
        case smtplib.SMTPDataError() if error.smtp_code >= 500:
            return Undeliverable(f"the mail server refuses this mail ({error.smtp_code})")
        case smtplib.SMTPResponseException():
            return MessengerBusy(f"the mail server cannot take it now ({error.smtp_code})")
        case smtplib.SMTPServerDisconnected():
            return MessengerBusy("the mail server ended the connection")
        case ssl.SSLCertVerificationError():
            return MessengerMisconfigured("the mail server's certificate is not valid")
        case smtplib.SMTPException():
            return MessengerMisconfigured(
                "the mail server does not take the credential in any way that we know"
            )
        case OSError():
            return MessengerBusy("the mail server cannot be reached")
        case _:
            raise error


def _forget(running: asyncio.Future[None]) -> None:
    if not running.cancelled():
        running.exception()

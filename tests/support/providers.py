"""A mail server and Meta's API as a stack in a process of its own meets them: they get its credentials, and tell them
back with every refusal.
"""

from __future__ import annotations

import json
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from tests.support.waiting import until

from raseed.app.ports import free_ports

WAIT_S = 10.0
CODE = re.compile(r"\b[0-9]{8}\b")
INVITATION = re.compile(r"rsd_inv_[0-9A-Za-z_]+")


@dataclass
class MailServer:
    port: int
    passwords: list[str] = field(default_factory=list)
    mails: list[tuple[str, str]] = field(default_factory=list)
    """To whom, and the text."""

    def sent_to(self, address: str, what: re.Pattern[str]) -> str:
        """The last `CODE` or `INVITATION` that was sent there, once one has been."""

        def found() -> list[str]:
            return [match[0] for to, text in self.mails if to == address and (match := what.search(text))]

        until(lambda: bool(found()), WAIT_S, f"{what.pattern} has come by e-mail")
        return found()[-1]

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address.startswith("nobody"):
            return f"550 no {address} for {self.passwords[-1]}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        text = message_from_bytes(envelope.content, policy=policy.default).get_content()
        self.mails += [(to, text) for to in envelope.rcpt_tos]
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        if isinstance(data, LoginPassword):
            self.passwords.append(data.password.decode())
        return AuthResult(success=True)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    [port] = free_ports(1)
    handler = MailServer(port)
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        authenticator=handler.authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that passwords may go in clear is what `none` is for
        controller.start()
        try:
            yield handler
        finally:
            controller.stop(no_assert=True)


@dataclass
class RefusingApi:
    """Answers every request with 401 and all that it was sent."""

    url: str
    asked: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> None:
        """Until a request has it."""
        until(lambda: any(text in each for each in self.asked), WAIT_S, "the API was asked")


@contextmanager
def refusing_api() -> Iterator[RefusingApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            api.asked.append(f"{self.headers}\n{body}")
            answer = json.dumps({"error": {"code": 190, "message": api.asked[-1]}}).encode()
            self.send_response(401, api.asked[-1].replace("\r", "").replace("\n", " "))
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            """Not into the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = RefusingApi(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

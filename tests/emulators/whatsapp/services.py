"""Services that take a WhatsApp message as JSON, each in its dialect.

Sources: app.wassenger.com/docs (POST /v1/messages answers with the queued message; an invalid number is 400 with the text
below, as was seen); github.com/soudshoja/LLM-Resayil (the same dialect at another address) and
github.com/soudshoja/pay-resayil-io (what its client sends and reads).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.server import Served
from tests.emulators.whatsapp.people import Sent, messages_route

from raseed.core.clock import Clock, SystemClock

TOKEN = "test-token-of-the-service"
NO_NUMBER = "Phone number is not a valid international mobile number: +965"
PATHS = {
    "resayil-token": "/v1/messages",
    "wassenger": "/v1/messages",
    "resayil-app": "/api/v1/messages/send",
}


@dataclass
class WhatsAppService:
    """Implements `server.Emulator`. `name` is the dialect's."""

    name: str
    clock: Clock = field(default_factory=SystemClock)
    token: str = TOKEN
    path: str = ""
    """Instead of the dialect's."""
    unreachable: set[str] = field(default_factory=set)
    """Numbers, with their plus, that do not exist."""
    served: Served = field(init=False)
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.served = Served(Courier(self.clock, ()), self.clock)

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.post(self.path or PATHS[self.name], self._messages)
        yield messages_route(self.sent)

    async def _messages(self, request: web.Request) -> web.Response:
        is_app = self.name == "resayil-app"
        header, value = ("Authorization", f"Bearer {self.token}") if is_app else ("Token", self.token)
        if request.headers.get(header) != value:
            return web.json_response({"message": "Unauthorized"}, status=401)
        body = await request.json()
        to, text = (body["to"], body["text"]["body"]) if is_app else (body["phone"], body["message"])
        if to in self.unreachable:
            return web.json_response({"message": NO_NUMBER}, status=400)
        sent = Sent(id=f"652f1a{len(self.sent)}", to=to, text=text)
        self.sent.append(sent)
        return web.json_response(self._accepted(sent), status=200 if is_app else 201)

    def _accepted(self, sent: Sent) -> dict[str, Any]:
        if self.name == "resayil-app":
            return {"success": True, "message_id": sent.id}
        return {"id": sent.id, "waId": "3EB0", "phone": sent.to, "status": "queued"}

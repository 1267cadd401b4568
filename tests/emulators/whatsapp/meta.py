"""Meta's WhatsApp Cloud API as a server: takes templates, reports what became of them by signed webhooks.

Sources (developers.facebook.com/docs): whatsapp/cloud-api/reference/messages, whatsapp/business-management-api/
authentication-templates, whatsapp/cloud-api/support/error-codes, whatsapp/cloud-api/webhooks/reference/messages/status,
graph-api/webhooks/getting-started (the signature; events are sent again for 36 hours, ever more rarely).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.emulators.courier import Courier
from tests.emulators.server import Served
from tests.emulators.whatsapp.people import Sent, messages_route

from raseed.core.clock import SECOND, Clock, SystemClock

TOKEN = "test-token-of-meta"
APP_SECRET = "test-app-secret-of-meta"
PHONE_NUMBER_ID = "106540352242922"
RETRIES_S = (60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
CODE_CHARS_MAX = 15


class Refused(Exception):
    def __init__(self, code: int, status: int, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.status = status
        self.details = details


@dataclass
class MetaWhatsApp:
    """Implements `server.Emulator`."""

    clock: Clock = field(default_factory=SystemClock)
    token: str = TOKEN
    app_secret: str = APP_SECRET
    phone_number_id: str = PHONE_NUMBER_ID
    is_reporting: bool = False
    """Whether it tells by itself that everything was sent and delivered."""
    unreachable: set[str] = field(default_factory=set)
    """Digits of numbers that are not on WhatsApp."""
    name: str = "whatsapp"
    served: Served = field(init=False)
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.served = Served(Courier(self.clock, RETRIES_S), self.clock)

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.post("/{version}/{number}/messages", self._messages)
        yield messages_route(self.sent)

    def report(self, message_id: str, status: str, *, code: int | None = None) -> None:
        """`sent`, `delivered`, `read`, or `failed` with an error's code."""
        sent = next(each for each in self.sent if each.id == message_id)
        told: dict[str, Any] = {
            "id": message_id,
            "status": status,
            "timestamp": str(self.clock.now() // SECOND),
            "recipient_id": sent.to,
        }
        if code is not None:
            told["errors"] = [{"code": code, "title": "Message undeliverable"}]
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550000000", "phone_number_id": self.phone_number_id},
            "statuses": [told],
        }
        event = {
            "object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"value": value, "field": "messages"}]}],
        }
        body = json.dumps(event).encode()
        digest = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        self.served.courier.post({"X-Hub-Signature-256": f"sha256={digest}"}, body)

    async def _messages(self, request: web.Request) -> web.Response:
        try:
            sent = self._taken(request, await request.json())
        except Refused as error:
            return web.json_response(refusal(error.code, error.details), status=error.status)
        self.sent.append(sent)
        if self.is_reporting:
            self.report(sent.id, "sent")
            self.report(sent.id, "delivered")
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": sent.to, "wa_id": sent.to}],
                "messages": [{"id": sent.id, "message_status": "accepted"}],
            }
        )

    def _taken(self, request: web.Request, body: dict[str, Any]) -> Sent:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused(190, 401, "Invalid OAuth access token")
        if request.match_info["number"] != self.phone_number_id:
            raise Refused(33, 400, "Object does not exist")
        to, template = str(body.get("to")), body.get("template") or {}
        if body.get("messaging_product") != "whatsapp" or body.get("type") != "template" or not to.isdigit():
            raise Refused(100, 400, "Invalid parameter")
        if to in self.unreachable:
            raise Refused(131026, 400, "Message undeliverable")
        texts = [
            [parameter["text"] for parameter in component["parameters"]]
            for component in template.get("components", ())
        ]
        if str(template.get("name")).endswith("code") and not _is_code(texts):
            raise Refused(132000, 400, "The number of parameters does not match")
        return Sent(
            id=f"wamid.HBgLOTY1NTAxMjM0NTYVAgARGBI{len(self.sent)}",
            to=to,
            text=f"{template.get('name')} ({template['language']['code']}): {' · '.join(texts[0]) if texts else ''}",
        )


def refusal(code: int, details: str) -> dict[str, Any]:
    """The body of an error."""
    return {
        "error": {
            "message": f"(#{code}) {details}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": details},
            "fbtrace_id": "A1b2",
        }
    }


def _is_code(texts: list[list[str]]) -> bool:
    """Once in the text and once for its button."""
    return len(texts) == 2 and texts[0] == texts[1] and len(texts[0][0]) <= CODE_CHARS_MAX

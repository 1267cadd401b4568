"""The driver `whatsapp_meta`: templates that Meta approved, sent through its WhatsApp Cloud API.

Fields, by Meta's pages (developers.facebook.com/docs/whatsapp): cloud-api/reference/messages (the request and its
answer), business-management-api/authentication-templates (the code appears in the body and in its button, and has at
most 15 characters), cloud-api/support/error-codes (`error.code`, on which programs are to decide).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Never

from raseed.adapters.messaging.http_call import Answer, HttpCalls, refuse_by_status
from raseed.adapters.messaging.texts import Texts, parameters_of
from raseed.core.messaging.ports import (
    CODE_TEMPLATE,
    Message,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

CODE_CHARS_MAX = 15
PAIR_PAUSE_S = 6.0
"""Meta takes one message in six seconds for one person."""

_TRANSIENT = frozenset({1, 2, 131000, 131016, 133004})
_TOO_MANY = frozenset({4, 80007, 130429, 131048, 131056})
_PAIR = 131056
_NOT_TO_THIS_PERSON = frozenset({130472, 130497, 131021, 131026, 131049, 131050})
"""No WhatsApp there, an old one, or a country or person that Meta does not let us write to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaAccount:
    url: str
    api_version: str
    phone_number_id: str
    token: str = field(repr=False)
    template_prefix: str = ""


class MetaMessenger:
    """Implements `core.messaging.ports.Messenger`. Accepted is not delivered: what became of it comes by webhook."""

    def __init__(self, calls: HttpCalls, account: MetaAccount, texts: Texts) -> None:
        self._calls = calls
        self._account = account
        self._texts = texts
        base = account.url.rstrip("/")
        self._url = f"{base}/{account.api_version}/{account.phone_number_id}/messages"

    async def send(self, message: Message) -> str:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to.removeprefix("+"),
            "type": "template",
            "template": {
                "name": f"{self._account.template_prefix}{message.template}",
                "language": {"code": message.language.value},
                "components": self._components(message),
            },
        }
        answer = await self._calls.post(self._url, {"Authorization": f"Bearer {self._account.token}"}, body)
        error = _field(answer.body, "error")
        if error is not None or not answer.is_ok:
            _refuse(answer, _field(error, "code"))
        messages = _field(answer.body, "messages")
        message_id = _field(messages[0], "id") if isinstance(messages, list) and messages else None
        if not isinstance(message_id, str):
            raise MessengerBusy("its answer cannot be read")
        return message_id

    def _components(self, message: Message) -> list[dict[str, Any]]:
        if message.template == CODE_TEMPLATE:
            code = message.parameters["code"]
            if len(code) > CODE_CHARS_MAX:
                raise MessengerMisconfigured(f"a code has at most {CODE_CHARS_MAX} characters")
            # Twice: in the text, and for the button that copies it.
            return [
                {"type": "body", "parameters": [_text(code)]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [_text(code)]},
            ]
        shown = self._texts.shown(message)
        values = [shown[name] for name in parameters_of(message.template)]
        return [{"type": "body", "parameters": [_text(value) for value in values]}] if values else []


def is_undeliverable(code: object) -> bool:
    """Whether an error code, in an answer or in a webhook, means that this person cannot be reached."""
    return code in _NOT_TO_THIS_PERSON


def _text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def _refuse(answer: Answer, code: object) -> Never:
    if not isinstance(code, int):
        refuse_by_status(answer)
        raise MessengerBusy("its answer cannot be read")
    if is_undeliverable(code):
        raise Undeliverable(f"it cannot reach this person (code {code})")
    if code in _TOO_MANY:
        pause_s = PAIR_PAUSE_S if code == _PAIR else None
        raise MessengerBusy(
            f"it wants fewer messages (code {code})", retry_after_s=answer.retry_after_s or pause_s
        )
    if code in _TRANSIENT or answer.status >= 500:
        raise MessengerBusy(f"it failed (code {code})", retry_after_s=answer.retry_after_s)
    # Credentials (0, 3, 10, 190, 200 to 299), templates (132000 and after), the bill (131042), a block (368, 131031),
    # and every code that Meta invents later: an operator has to look.
    raise MessengerMisconfigured(f"it refuses to send (code {code})")


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None

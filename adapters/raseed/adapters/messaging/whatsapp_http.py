"""The driver `whatsapp_http`: services that take a message as a JSON object, each in its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from raseed.adapters.messaging.dialect import NOTHING, PLACEHOLDER, Dialect
from raseed.adapters.messaging.http_call import Answer, HttpCalls, refuse_by_status
from raseed.adapters.messaging.texts import Texts
from raseed.core.messaging.ports import Message, MessengerBusy, Undeliverable


class HttpMessenger:
    """Implements `core.messaging.ports.Messenger`."""

    def __init__(self, calls: HttpCalls, dialect: Dialect, token: str, texts: Texts) -> None:
        self._calls = calls
        self._dialect = dialect
        self._headers = {dialect.header_name: dialect.header_template.replace("{token}", token)}
        self._texts = texts
        self._body = dialect.body
        self._accepted = dialect.accepted

    async def send(self, message: Message) -> str:
        values = {
            "to": message.to,
            "digits": message.to.removeprefix("+"),
            "text": self._texts.render(message).text,
            "language": message.language.value,
            "template": message.template,
        }
        answer = await self._calls.post(self._dialect.url, self._headers, _filled(self._body, values))
        self._refuse(answer)
        message_id = _at(answer.body, self._dialect.id_path)
        return str(message_id) if isinstance(message_id, str | int) else ""

    def _refuse(self, answer: Answer) -> None:
        dialect = self._dialect
        if answer.is_ok and self._is_accepted(answer):
            return
        says_nobody = dialect.undeliverable and dialect.undeliverable.lower() in answer.text.lower()
        if says_nobody and (answer.is_ok or answer.status in {400, 404, 422}):
            raise Undeliverable("it cannot reach this person")
        refuse_by_status(answer)
        raise MessengerBusy("it did not accept the message")

    def _is_accepted(self, answer: Answer) -> bool:
        if self._dialect.success_path == NOTHING:
            return True
        return bool(_at(answer.body, self._dialect.success_path) == self._accepted)


def _filled(body: Any, values: Mapping[str, str]) -> Any:
    match body:
        case str():
            return PLACEHOLDER.sub(lambda found: values[found[1]], body)
        case dict():
            return {key: _filled(value, values) for key, value in body.items()}
        case list():
            return [_filled(value, values) for value in body]
        case _:
            return body


def _at(body: Any, path: str) -> Any:
    """The field at a dotted path; None if there is none."""
    if path == NOTHING:
        return None
    for name in path.split("."):
        if isinstance(body, list) and name.isdigit() and int(name) < len(body):
            body = body[int(name)]
        elif isinstance(body, dict):
            body = body.get(name)
        else:
            return None
    return body

"""Dialects: how services want a message as a JSON object. Presets are dialects.

There is no official page for Resayil's API; `resayil-token` and `resayil-app` follow what its owner's public programs
send (github.com/soudshoja: LLM-Resayil, pay-resayil-io), and `wassenger` is documented at app.wassenger.com/docs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDERS = ("to", "digits", "text", "language", "template")
PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
NOTHING = "-"
"""A path that is set to this names no field."""


class DialectError(Exception):
    """A dialect cannot be used. The text names the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    url: str
    header_name: str
    header_template: str
    """With `{token}`."""
    body_template: str
    """JSON whose strings have placeholders. They are filled in after it was parsed: no text can break out of its string."""
    success_path: str = NOTHING
    """The field that says whether it was accepted; `-`: the status alone does."""
    success_value: str = "true"
    """As JSON."""
    id_path: str = "id"
    undeliverable: str = ""
    """Words, in an answer of 4xx, that say that nobody can be reached there."""

    def __post_init__(self) -> None:
        """Raises DialectError."""
        if not self.url.startswith(("https://", "http://")):
            raise DialectError("whatsapp_http.url is not an address that begins with https://")
        if "{token}" not in self.header_template:
            raise DialectError("whatsapp_http.header_template has no {token}")
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.header_name):
            raise DialectError("whatsapp_http.header_name is not the name of a header")
        found = PLACEHOLDER.findall(json.dumps(self.body))
        if unknown := sorted(set(found) - set(PLACEHOLDERS)):
            raise DialectError(
                f"whatsapp_http.body_template: unknown {{{unknown[0]}}}; known: {', '.join(PLACEHOLDERS)}"
            )
        if "text" not in found or not {"to", "digits"} & set(found):
            raise DialectError("whatsapp_http.body_template needs {text}, and {to} or {digits}")
        _ = self.accepted

    @property
    def body(self) -> Any:
        return _parsed("body_template", self.body_template)

    @property
    def accepted(self) -> Any:
        return _parsed("success_value", self.success_value)


def _parsed(setting: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DialectError(f"whatsapp_http.{setting} is not JSON: {error}") from error


PRESETS: Mapping[str, Dialect] = {
    "resayil-token": Dialect(
        url="https://api.resayil.io/v1/messages",
        header_name="Token",
        header_template="{token}",
        body_template='{"phone": "{to}", "message": "{text}"}',
        undeliverable="not a valid international mobile number",
    ),
    "wassenger": Dialect(
        url="https://api.wassenger.com/v1/messages",
        header_name="Token",
        header_template="{token}",
        body_template='{"phone": "{to}", "message": "{text}"}',
        undeliverable="not a valid international mobile number",
    ),
    "resayil-app": Dialect(
        url="https://wa.resayil.io/api/v1/messages/send",
        header_name="Authorization",
        header_template="Bearer {token}",
        body_template='{"to": "{to}", "type": "text", "text": {"body": "{text}"}}',
        success_path="success",
        id_path="message_id",
        undeliverable="not a valid international mobile number",
    ),
}

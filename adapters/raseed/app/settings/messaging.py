"""How messages leave: the drivers of each channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from email.utils import parseaddr
from typing import Annotated, Literal

from msgspec import Meta

from raseed.adapters.messaging.dialect import PRESETS, Dialect, DialectError
from raseed.app.settings.reader import Secret, Values, where
from raseed.app.settings.section import Port, Section

_PHONE = re.compile(r"\+[0-9]{7,15}")


class Messaging(Section, frozen=True):
    """Codes and notices: which driver carries them, by channel. Each driver has a section of its own."""

    whatsapp: Literal["outbox", "whatsapp_meta", "whatsapp_http"] = "outbox"
    """`outbox`: they are written to `outbox.jsonl` in RASEED_HOME and sent to nobody."""
    email: Literal["outbox", "smtp"] = "outbox"
    """`outbox`, as above."""
    service: Annotated[str, Meta(min_length=1, max_length=64)] = "Raseed"
    """What this service is called in messages."""
    portal_url: str = ""
    """`https://…`: messages link to pages there. Empty: they have no links."""
    operators: tuple[str, ...] = ()
    """An e-mail address, a telephone number (`+…`), or both: where alerts for operators go."""
    timeout_s: Annotated[float, Meta(gt=0, le=30)] = 15.0
    """Longest time for a driver to hand one message over. Above 30 s, two channels would outlast a notice's lease."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 16
    """Connections of one driver at a time: codes and notices that are on their way together."""


class WhatsappMeta(Section, frozen=True):
    """The driver `whatsapp_meta`: Meta's WhatsApp Cloud API. Templates as in docs/messaging.md."""

    phone_number_id: Annotated[str, Meta(pattern="^[0-9]*$")] = ""
    """Meta's id of the sending number."""
    token: Secret = Secret()
    """Access token of a system user. Only in the environment."""
    app_secret: Secret = Secret()
    """Of the app: signs what Meta reports to `/webhooks/whatsapp`. Without it, reports are refused. Only in the environment."""
    verify_token: Secret = Secret()
    """Letters and digits, chosen by you and given to Meta with the address of the webhook. Only in the environment."""
    url: Annotated[str, Meta(pattern="^https?://")] = "https://graph.facebook.com"
    """Where the API is."""
    api_version: Annotated[str, Meta(pattern="^v[0-9]+\\.[0-9]+$")] = "v24.0"
    """Each is served for about two years."""
    template_prefix: Annotated[str, Meta(pattern="^[a-z0-9_]*$")] = ""
    """Before the names of the templates that Meta approved."""


class WhatsappHttp(Section, frozen=True):
    """The driver `whatsapp_http`: any service that takes a message as JSON. What is empty is as in the preset."""

    preset: Literal["resayil-token", "wassenger", "resayil-app"] = "resayil-token"
    """Whose dialect."""
    token: Secret = Secret()
    """`{token}` in the header. Only in the environment."""
    url: str = ""
    """Where messages are posted."""
    header_name: str = ""
    """The header with the credential."""
    header_template: str = ""
    """Its value, with `{token}`."""
    body_template: str = ""
    """JSON, with `{to}` (`+96550123456`), `{digits}` (without the plus), `{text}`, `{language}` and `{template}` within its strings."""
    success_path: str = ""
    """A field of the answer that says whether it was accepted, with dots: `data.ok`. `-`: the status alone says it."""
    success_value: str = ""
    """What that field has then, as JSON: `true`, `"queued"`."""
    id_path: str = ""
    """The field with the message's id. `-`: there is none."""
    undeliverable: str = ""
    """Words in an answer of 4xx which say that nobody can be reached there."""


class Smtp(Section, frozen=True):
    """The driver `smtp`: e-mail."""

    host: str = ""
    """The mail server."""
    port: Port = 587
    """587 for `starttls`, 465 for `tls`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` is for a server on this machine: text and password go as they are."""
    username: str = ""
    """Empty: no authentication."""
    password: Secret = Secret()
    """Only in the environment."""
    sender: str = ""
    """`Raseed <no-reply@example.com>`."""


_NEEDED = {
    "whatsapp_meta": ("phone_number_id", "token"),
    "whatsapp_http": ("token",),
    "smtp": ("host", "sender"),
}
"""What a driver cannot do without."""


def contradictions(
    messaging: Messaging,
    whatsapp_meta: WhatsappMeta,
    whatsapp_http: WhatsappHttp,
    smtp: Smtp,
    values: Values,
) -> Iterator[str]:
    """Settings of messages that are possible each for itself, and not together."""
    drivers: dict[str, Section] = {
        "whatsapp_meta": whatsapp_meta,
        "whatsapp_http": whatsapp_http,
        "smtp": smtp,
    }
    for address in messaging.operators:
        if "@" not in address and not _PHONE.fullmatch(address):
            yield (
                where(values, "messaging", "operators")
                + f"messaging.operators: {address!r} is no e-mail address, and no telephone number like +96550123456"
            )
    for channel, driver in (("whatsapp", messaging.whatsapp), ("email", messaging.email)):
        needed = _NEEDED.get(driver, ())
        missing = [f"{driver}.{key}" for key in needed if not getattr(drivers[driver], key)]
        if missing:
            yield f"{where(values, 'messaging', channel)}the driver {driver} needs {', '.join(missing)}"
    if messaging.email == "smtp" and smtp.sender and "@" not in parseaddr(smtp.sender)[1]:
        yield f"{where(values, 'smtp', 'sender')}smtp.sender has no e-mail address in it"
    if messaging.whatsapp == "whatsapp_http":
        try:
            chosen_dialect(whatsapp_http)
        except DialectError as error:
            yield str(error)


def chosen_dialect(given: WhatsappHttp) -> Dialect:
    """The preset with what was set. Raises DialectError."""
    own = {field.name: getattr(given, field.name) for field in fields(Dialect)}
    return replace(PRESETS[given.preset], **{name: value for name, value in own.items() if value})

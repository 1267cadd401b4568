"""Arguments and values that several commands have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from raseed.accounts.v1 import accounts_pb2
from raseed.adapters.cli.output import MISUSED, fail
from raseed.core.money import credits_number, microcredits_of

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Account = Annotated[str, typer.Argument(help="Account id, e-mail address or telephone number.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
Window = Annotated[
    str, typer.Option(help="Of the cap: lifetime, day, week or month, in UTC. Default: lifetime.")
]


def amount_of(text: str) -> int:
    """Micro-credits of what was typed; ends the command if it is no amount."""
    try:
        return microcredits_of(text)
    except ValueError as error:
        fail(str(error), MISUSED)


def moment_text(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> int:
    """Microseconds since 1970 of what was typed; ends the command if it is no moment with its offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - without a zone, like all that is refused
    if moment.tzinfo is None:
        fail(f"a moment is written as 2026-03-01T08:00:00Z, not {text!r}", MISUSED)
    return round(moment.timestamp() * 1_000_000)


def expiry_of(text: str) -> int:
    """Microseconds since 1970 of `30d`, that many days from now, or of a moment; 0 for `never`."""
    if text == "never":
        return 0
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdecimal() and len(text) < 7:
        return round((datetime.now(UTC) + timedelta(days=int(text[:-1]))).timestamp() * 1_000_000)
    return moment_of(text)


def cap_value(cap: accounts_pb2.SpendCap) -> dict[str, Any]:
    """Of a key or a member."""
    return {
        "limit": credits_number(cap.limit_microcredits),
        "window": cap.window,
        "charged": credits_number(cap.charged_microcredits),
        "held": credits_number(cap.held_microcredits),
    }


def cap_text(cap: dict[str, Any]) -> str:
    return f"{cap['charged']} charged and {cap['held']} held of {cap['limit']} ({cap['window']})"

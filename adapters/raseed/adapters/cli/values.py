"""Arguments and values that several commands have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from raseed.adapters.cli.output import MISUSED, fail
from raseed.core.money import microcredits_of

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Account = Annotated[str, typer.Argument(help="Account id, e-mail address or telephone number.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


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

"""How amounts and moments are written in the JSON of every public API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from raseed.core.clock import SECOND, Microseconds
from raseed.core.money import credits_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def credits_json(microcredits: int) -> msgspec.Raw:
    """An amount as a JSON number of credits, all six decimals exact: 732500000 is `732.5`.

    Written as text, because a float would round large amounts and print small ones as `1e-6`.
    """
    return msgspec.Raw(credits_text(microcredits).encode())


def milli_json(thousandths: int) -> msgspec.Raw:
    """A number given in thousandths as an exact JSON number: 2500 is `2.5`, 1000 is `1`."""
    return credits_json(thousandths * 1000)


def rfc3339_text(at: Microseconds) -> str:
    """A moment in UTC, whole seconds (rounded down): `2025-06-01T00:00:00Z`."""
    moment = _EPOCH + timedelta(seconds=at // SECOND)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z" if moment.year >= 1000 else f"{moment.isoformat()[:19]}Z"

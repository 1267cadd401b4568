"""Reading JSON that others write and change: what is not as expected is absent, not an error."""

from __future__ import annotations

from typing import Any

import msgspec

COUNT_MAX = 1_000_000_000
"""More tokens than any request has: a broken counter."""


def member(value: Any, *path: str) -> Any:
    """`value["a"]["b"]`, or None where there is none."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def count(value: Any) -> int | None:
    """A number of tokens. Negative, broken and impossible ones are absent; zero is zero."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= COUNT_MAX else None


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def json_object(written: str) -> dict[str, Any] | None:
    """The object that a text is; None for any other text."""
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None

"""The query of GET /api/usage and /api/usage/calls: texts, as HTTP has them, into what the core asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.usage import GroupBy
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid

LIMIT_MAX = 100


class Query(Protocol):
    """What both requests have, beside `from`, which is a word of Python."""

    to: str
    limit: str
    format: str


@dataclass(frozen=True, slots=True)
class Asked:
    begin: Microseconds | None
    end: Microseconds | None
    limit: int | None
    """None: as many as is usual."""
    format: str


def decode_query(query: Query, calendar: Calendar, formats: tuple[str, ...]) -> Asked:
    """Raises RequestInvalid with the parameter at fault. The first format is the default."""
    return Asked(
        begin=decode_moment(getattr(query, "from"), "from", calendar.from_text),
        end=decode_moment(query.to, "to", calendar.until_text),
        limit=decode_limit(query.limit),
        format=one_of(query.format or formats[0], "format", formats),
    )


def decode_group_by(text: str) -> GroupBy:
    """Raises RequestInvalid."""
    return GroupBy(one_of(text or GroupBy.DAY, "group_by", tuple(GroupBy)))


def decode_moment(text: str, param: str, parse: Callable[[str], Microseconds]) -> Microseconds | None:
    """None if none is given. Raises RequestInvalid."""
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise RequestInvalid(
            f"{param} must be a day, 2026-03-01, or a moment with its offset, 2026-03-01T08:00:00Z.",
            param=param,
        ) from error


def decode_limit(text: str) -> int | None:
    """None if none is given. Raises RequestInvalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= LIMIT_MAX):
        raise RequestInvalid(f"limit must be a whole number from 1 to {LIMIT_MAX}.", param="limit")
    return int(text)


def one_of(text: str, param: str, known: tuple[str, ...]) -> str:
    """Raises RequestInvalid."""
    if text not in known:
        raise RequestInvalid(f"{param} must be one of {', '.join(known)}.", param=param)
    return text

"""JSON of /dashboard/billing: the API that OpenAI's own dashboard once had, which clients still ask for a balance.

OpenAI withdrew it and describes it nowhere; its keys are those that clients read. They show `hard_limit_usd`, take
`total_usage`, divided by 100, of the month from it, and call the rest the balance: the two are made to fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import msgspec

from raseed.adapters.wire.json_values import credits_json
from raseed.adapters.wire.usage_query import decode_moment
from raseed.core.billing.calendar import Calendar
from raseed.core.clock import SECOND, Microseconds
from raseed.core.errors import RequestInvalid

_encode = msgspec.json.Encoder().encode
_HUNDREDTHS = 100
_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_NAMES = {"from": "start_date", "to": "end_date"}


class _Subscription(msgspec.Struct, frozen=True):
    object: str
    has_payment_method: bool
    soft_limit_usd: msgspec.Raw
    hard_limit_usd: msgspec.Raw
    system_hard_limit_usd: msgspec.Raw
    access_until: int


class _Usage(msgspec.Struct, frozen=True):
    object: str
    total_usage: msgspec.Raw


class Query(Protocol):
    start_date: str
    end_date: str


@dataclass(frozen=True, slots=True)
class Asked:
    """None: as usual."""

    begin: Microseconds | None
    end: Microseconds | None


def decode_dates(query: Query, calendar: Calendar) -> Asked:
    """Raises RequestInvalid with the parameter at fault."""
    return Asked(
        begin=decode_moment(_padded(query.start_date), "start_date", calendar.from_text),
        end=decode_moment(_padded(query.end_date), "end_date", calendar.until_text),
    )


def _padded(text: str) -> str:
    """A day as the calendar reads it, of one that a client put together from bare numbers.

    >>> _padded("2026-3-1"), _padded("2026-03-01T08:00:00Z")
    ('2026-03-01', '2026-03-01T08:00:00Z')
    """
    day = _DAY.fullmatch(text)
    return text if day is None else f"{day[1]}-{day[2]:0>2}-{day[3]:0>2}"


def in_words_of_dashboard(error: RequestInvalid) -> RequestInvalid:
    """The same refusal of a report; itself if it names nothing else."""
    name = _NAMES.get(error.param or "")
    return error if name is None else RequestInvalid(error.message, param=name)


def encode_dashboard_subscription(
    *, spendable_microcredits: int, used_microcredits: int, access_until: Microseconds | None
) -> bytes:
    """What was used this month and what a new request could spend now, together, as each of the three limits.

    One credit is written as one dollar, whether or not it is: there is no other key that clients would show.
    `access_until` is in seconds, 0 where the tier has no end. `has_payment_method` is always true: of whoever has none,
    clients reckon not with the month's usage but with that of the last hundred days, as for OpenAI's trial.
    """
    limit = credits_json(spendable_microcredits + used_microcredits)
    return _encode(
        _Subscription(
            object="billing_subscription",
            has_payment_method=True,
            soft_limit_usd=limit,
            hard_limit_usd=limit,
            system_hard_limit_usd=limit,
            access_until=0 if access_until is None else access_until // SECOND,
        )
    )


def encode_dashboard_usage(used_microcredits: int) -> bytes:
    """In hundredths: of a dollar, cents."""
    return _encode(_Usage(object="list", total_usage=credits_json(used_microcredits * _HUNDREDTHS)))

"""Reads values out of MyFatoorah's JSON: ids, exact amounts, and moments as its pages write them.

What has to be there and cannot be read raises GatewayUnavailable: rather ask again than guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from raseed.adapters.payments.myfatoorah_account import KUWAIT
from raseed.core.clock import SECOND, Microseconds
from raseed.core.money import whole_units
from raseed.core.payments.ports import GatewayUnavailable

_DISPLAYED = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?)\s*([A-Za-z]{2,3})")
_CURRENCIES = {"KD": "KWD"}
"""Spellings that its samples have beside the codes."""
_THREE_DIGITS = frozenset({"KWD", "BHD", "JOD", "OMR"})
"""Of the currencies that it knows, those with a thousandth; the others have a hundredth (ISO 4217)."""
_DATES = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d/%m/%Y")
"""How its samples write the day on which an invoice expires."""
_ID_CHARS_MAX = 64
_CODE = re.compile(r"[A-Z]{3}")
_OURS = re.compile(r"[a-z]+_[0-9a-z]{26}")


def unreadable() -> GatewayUnavailable:
    return GatewayUnavailable("its answer cannot be read")


def at(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def id_text(value: Any) -> str:
    """An id as text, in either version: numbers there, text here."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and len(value) <= _ID_CHARS_MAX and value.isascii() else ""


def our_id(value: Any) -> str:
    """An id that we made: operators write comments too."""
    return value if isinstance(value, str) and _OURS.fullmatch(value) else ""


def needed_id(value: Any) -> str:
    if text := id_text(value):
        return text
    raise unreadable()


def decimal(value: Any) -> Decimal:
    """Never by way of a float."""
    text = value.replace(",", "") if isinstance(value, str) else value
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise unreadable()
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise unreadable() from error
    if not number.is_finite() or abs(number) >= 10**12 or number.as_tuple().exponent < -12:  # type: ignore[operator]
        raise unreadable()
    return number


def number(value: Any) -> Fraction:
    return Fraction(decimal(value))


def displayed(value: Any) -> tuple[int, str]:
    """`1,250.000 KWD`: the invoice's own amount and currency."""
    found = _DISPLAYED.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise unreadable()
    currency = currency_code(found[2])
    return minor(decimal(found[1]), currency), currency


def currency_code(value: Any) -> str:
    code = value.strip().upper() if isinstance(value, str) else ""
    code = _CURRENCIES.get(code, code)
    if not _CODE.fullmatch(code):
        raise unreadable()
    return code


def digits_of(currency: str) -> int:
    return 3 if currency in _THREE_DIGITS else 2


def minor(number: Decimal, currency: str) -> int:
    try:
        return whole_units(number, digits_of(currency))
    except ValueError as error:
        raise unreadable() from error


def expiry(day: Any, hour: Any) -> Microseconds | None:
    """None if it is not told in any way that we know: then it is for our schedule to give up."""
    if not isinstance(day, str) or not isinstance(hour, str):
        return None
    for form in _DATES:
        try:
            date = datetime.strptime(day.strip()[:32], form).date()  # noqa: DTZ007 - the zone is added below
        except ValueError:
            continue
        return kuwait_moment(f"{date.isoformat()}T{hour.strip()[:16]}")
    return None


def kuwait_moment(value: Any) -> Microseconds | None:
    """Its dates have no zone; they are in Kuwait's time."""
    return _moment(value, KUWAIT)


def utc_moment(value: Any) -> Microseconds | None:
    return _moment(value, UTC)


def _moment(value: Any, zone: Any) -> Microseconds | None:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    return Microseconds(int(moment.timestamp()) * SECOND)

"""What MyFatoorah takes from a request, and refuses of it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from tests.emulators.myfatoorah.book import IN_KWD, KUWAIT, Refused

from raseed.core.clock import SECOND, Microseconds


def parsed(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise Refused("Body", "The body is not JSON.") from error
    if not isinstance(given, dict):
        raise Refused("Body", "The body is not an object.")
    return given


def amount_of(body: dict[str, Any], name: str) -> Decimal:
    try:
        amount = Decimal(str(body.get(name)))
    except InvalidOperation as error:
        raise Refused(name, "The amount is not a number.") from error
    if not amount.is_finite() or amount <= 0:
        raise Refused(name, "The amount is not valid.")
    return amount


def currency_of(code: str) -> str:
    if code not in IN_KWD:
        raise Refused("DisplayCurrencyIso", "The currency is not valid.")
    return code


def moment_of(text: str) -> Microseconds:
    """Without a zone it is Kuwait's time."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise Refused("ExpiryDate", "The expiry date is not valid.") from error
    moment = moment.replace(tzinfo=KUWAIT) if moment.tzinfo is None else moment
    return Microseconds(round(moment.timestamp()) * SECOND)

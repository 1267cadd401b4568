"""The query of the routes that read a response: texts, as HTTP has them."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.usage_query import decode_limit
from raseed.core.errors import RequestInvalid
from raseed.core.responses.model import Item

ITEMS_PAGE = 20
NUMBER_CHARS_MAX = 9
_FLAGS = {"": False, "false": False, "0": False, "true": True, "1": True}


def decode_flag(param: str, text: str) -> bool:
    """Raises RequestInvalid."""
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise invalid.invalid_value(param, got=text, supported="'true', 'false'") from None


def decode_starting_after(text: str) -> int:
    """The number of the last event that was seen; -1: none. Raises RequestInvalid."""
    if not text:
        return -1
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_CHARS_MAX):
        raise invalid.wrong_type("starting_after", expected="a whole number from 0", got="another text")
    return int(text)


def page_of_items(
    items: Sequence[Item], *, order: str, after: str, limit: str
) -> tuple[Sequence[Item], bool]:
    """The items of a page, and whether more follow. Raises RequestInvalid."""
    if order not in {"", "asc", "desc"}:
        raise invalid.invalid_value("order", got=order, supported="'asc', 'desc'")
    size = decode_limit(limit) or ITEMS_PAGE
    ordered = items if order == "asc" else items[::-1]
    begin = 0
    if after:
        ids = [item.id for item in ordered]
        if after not in ids:
            raise RequestInvalid(f"No item with id '{invalid.echo(after)}' found for 'after'.", param="after")
        begin = ids.index(after) + 1
    return ordered[begin : begin + size], begin + size < len(ordered)

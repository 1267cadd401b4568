"""Pages of lists: opaque tokens, sizes coerced and never refused."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from raseed.core.errors import RequestInvalid

Item = TypeVar("Item")

TOKEN_CHARS_MAX = 4_096
"""The longest that is given out ends an export's page: an id of a request that a service of the operator chose."""


def page_size(asked: int, most: int) -> int:
    return most if asked <= 0 else min(asked, most)


def encode_token(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def decode_token(token: str, param: str = "page_token") -> str:
    """The id that the page before ended with, empty for the first page. Raises RequestInvalid."""
    try:
        text = base64.b64decode(token[: TOKEN_CHARS_MAX + 1].encode(), altchars=b"-_", validate=True).decode()
        if len(token) > TOKEN_CHARS_MAX or "\0" in text:
            raise ValueError("no token of ours")
        return text
    except ValueError as error:
        raise RequestInvalid(f"{param} is not one that was given out.", param=param) from error


def page_of(
    items: Sequence[Item], asked: int, most: int, token: str, id_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str]:
    """A page of a list that is whole in memory, and the next page's token."""
    after = decode_token(token)
    start = next((i + 1 for i, item in enumerate(items) if id_of(item) == after), 0) if after else 0
    page = items[start : start + page_size(asked, most)]
    more = start + len(page) < len(items)
    return page, encode_token(id_of(page[-1])) if more and page else ""

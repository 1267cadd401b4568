"""A JSON body read into its closed schema, or refused in the words of its API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from raseed.adapters.wire.strict_json import DEPTH_MAX, has_nul, is_too_deep, is_utf8, repeated_key
from raseed.core.errors import RequestInvalid, RequestTooLarge

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Same as the limit of the JSON routes at the edge."""
MODEL_BYTES_MAX = 256

Body = TypeVar("Body")
Keys = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How an API says what is wrong with a body."""

    not_json: Callable[[str], RequestInvalid]
    """Of a clause without a capital or a full stop."""
    not_in_schema: Callable[[msgspec.ValidationError], RequestInvalid]


def served_keys(names: Iterable[str]) -> Keys:
    """Fields that a body may have once only, for `read_body`."""
    return tuple((name, f'"{name}"'.encode()) for name in names)


def read_body(
    body: bytes, decoder: msgspec.json.Decoder[Body], keys: Keys, words: Words, *, is_prompt: bool = False
) -> Body:
    """Raises RequestInvalid in `words`, and RequestTooLarge above `BODY_BYTES_MAX`. Texts have no NUL, which PostgreSQL
    takes in none, except in what is read by a model alone.
    """
    if len(body) > BODY_BYTES_MAX:
        raise RequestTooLarge(f"The request body is larger than {BODY_BYTES_MAX} bytes.")
    if not is_utf8(body):
        raise words.not_json("it is not valid UTF-8")
    if is_too_deep(body):
        raise words.not_json(f"it is nested deeper than {DEPTH_MAX} levels")
    try:
        wire = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise words.not_in_schema(error) from None
    except msgspec.DecodeError:
        raise words.not_json("it is not valid JSON") from None
    except RecursionError:  # brackets that never close, which the depth check leaves to the parser
        raise words.not_json("it is not valid JSON") from None
    if not is_prompt and has_nul(body):
        raise words.not_json("it has a NUL character")
    twice = repeated_key(body, keys)
    if twice is not None:
        raise words.not_json(f"it has the key '{twice}' more than once")
    return wire

"""A JSON body read into its closed schema, or refused in the words of its API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from raseed.adapters.wire.strict_json import (
    DEPTH_MAX,
    NODES_MAX,
    has_nul,
    has_too_many_nodes,
    is_too_deep,
    is_utf8,
    repeated_key,
)
from raseed.core.errors import RequestInvalid, RequestTooLarge
from raseed.core.inference.model import Message
from raseed.core.responses.model import Item

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Same as the limit of the JSON routes at the edge."""
MEDIA_BODY_BYTES_MAX = 32 * 1024 * 1024
"""Of prompts, which may have images, audio and files in them; what is beside those is still at most `BODY_BYTES_MAX`."""
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
    body: bytes,
    decoder: msgspec.json.Decoder[Body],
    keys: Keys,
    words: Words,
    *,
    is_prompt: bool = False,
    bytes_max: int = BODY_BYTES_MAX,
) -> Body:
    """Raises RequestInvalid in `words`, and RequestTooLarge above `bytes_max`. Texts have no NUL, which PostgreSQL takes
    in none, except in what is read by a model alone.
    """
    if len(body) > bytes_max:
        raise RequestTooLarge(f"The request body is larger than {bytes_max} bytes.")
    if not is_utf8(body):
        raise words.not_json("it is not valid UTF-8")
    if has_too_many_nodes(body):
        raise words.not_json(f"it has more than {NODES_MAX} objects, arrays and texts")
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


def check_text_size(body: bytes, messages: Iterable[Message | Item]) -> None:
    """Raises RequestTooLarge if a prompt is larger than `BODY_BYTES_MAX` beside its images, audio and files."""
    if len(body) <= BODY_BYTES_MAX:
        return
    media = sum(len(one.url or one.data_base64 or "") for message in messages for one in message.media)
    if len(body) - media > BODY_BYTES_MAX:
        raise RequestTooLarge(
            f"Beside images, audio and files the request body is larger than {BODY_BYTES_MAX} bytes."
        )

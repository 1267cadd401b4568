"""A JSON body read into its closed schema, or refused in OpenAI's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_schema import StreamOptions
from raseed.adapters.wire.openai.strict_json import DEPTH_MAX, is_too_deep, is_utf8, repeated_key
from raseed.core.errors import RequestTooLarge
from raseed.core.inference.model import ChatRequest

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Same as the limit of the JSON routes at the edge."""
MODEL_BYTES_MAX = 256

Body = TypeVar("Body")
Keys = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Decoded:
    request: ChatRequest
    stream: bool
    include_usage: bool
    """Whether the stream was asked to end with a usage chunk; false without `stream`."""


def served_keys(names: Iterable[str]) -> Keys:
    """Fields that a body may have once only, for `read_body`."""
    return tuple((name, f'"{name}"'.encode()) for name in names)


def read_body(body: bytes, decoder: msgspec.json.Decoder[Body], keys: Keys) -> Body:
    """Raises RequestInvalid with OpenAI's `param` and `code`, and RequestTooLarge above `BODY_BYTES_MAX`."""
    if len(body) > BODY_BYTES_MAX:
        raise RequestTooLarge(f"The request body is larger than {BODY_BYTES_MAX} bytes.")
    if not is_utf8(body):
        raise invalid.not_json("it is not valid UTF-8")
    if is_too_deep(body):
        raise invalid.not_json(f"it is nested deeper than {DEPTH_MAX} levels")
    try:
        wire = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid.from_validation(error) from None
    except msgspec.DecodeError:
        raise invalid.not_json("it is not valid JSON") from None
    except RecursionError:  # brackets that never close, which the depth check leaves to the parser
        raise invalid.not_json("it is not valid JSON") from None
    twice = repeated_key(body, keys)
    if twice is not None:
        raise invalid.not_json(f"it has the key '{twice}' more than once")
    return wire


def check_model(model: str) -> None:
    """Raises RequestInvalid unless it may be the id of a model."""
    if not model:
        raise invalid.missing("model")
    invalid.check_length("model", model, MODEL_BYTES_MAX)


def wants_usage(stream: bool | None, options: StreamOptions | None) -> bool:
    """Raises RequestInvalid for options of a stream that is none."""
    if options is not None and stream is not True:
        raise invalid.only_with("stream_options", "stream")
    return options is not None and options.include_usage is True

"""What the bodies of OpenAI's generating routes have in common."""

from __future__ import annotations

from dataclasses import dataclass

from raseed.adapters.wire.body import MODEL_BYTES_MAX, Words
from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_schema import StreamOptions
from raseed.core.inference.model import ChatRequest

WORDS = Words(not_json=invalid.not_json, not_in_schema=invalid.from_validation)


@dataclass(frozen=True, slots=True)
class Decoded:
    request: ChatRequest
    stream: bool
    include_usage: bool
    """Whether the stream was asked to end with a usage chunk; false without `stream`."""
    shows_logprobs: bool = True
    """False: they serve to choose the best of several answers, and are not shown."""


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

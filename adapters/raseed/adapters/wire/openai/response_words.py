"""Refusals in the words of this API: paths as `input[0].role`, and the names that it has for fields of chat completions."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import Words
from raseed.adapters.wire.openai import invalid
from raseed.core.errors import RequestInvalid

_NAMES = {
    "response_format": "text.format",
    "logprobs": "top_logprobs",
    "max_tokens": "max_output_tokens",
    "messages": "input",
}


def _not_in_schema(error: msgspec.ValidationError) -> RequestInvalid:
    found = invalid.from_validation(error)
    if found.param is None:
        return found
    param = found.param.replace(".[", "[")
    return RequestInvalid(
        found.message.replace(found.param, param),
        param=param,
        code=found.code if isinstance(found.code, str) else None,
    )


WORDS = Words(not_json=invalid.not_json, not_in_schema=_not_in_schema)


def in_words_of_responses(error: RequestInvalid) -> RequestInvalid:
    """The same refusal; itself if it names nothing else."""
    param = error.param
    if param is None:
        return error
    # Not every item is a message, so the number of a message says nothing here.
    name = _NAMES.get(param.partition(".")[0])
    if name is None:
        return error
    return type(error)(
        error.message.replace(f"'{param}'", f"'{name}'"),
        param=name,
        code=error.code if isinstance(error.code, str) else None,
        metadata=error.metadata,
        retry_after_s=error.retry_after_s,
    )

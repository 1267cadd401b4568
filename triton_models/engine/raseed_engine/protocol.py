"""The JSON that travels in `request_json` and `event`, and the checks of everything a client may send."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

TokenIds = npt.NDArray[np.int32]
TokenLogprob = tuple[str, float, list[tuple[str, float]]]
"""A generated token's bytes (one character for each), its log probability, and the same of the likeliest."""

REQUEST_JSON_BYTES_MAX = 131_072
"""A schema of 32 KiB, escaped, and parameters; the prompt does not travel here."""
STOP_STRINGS_MAX = 16
"""The largest number that any client API allows."""
STOP_STRING_CHARS_MAX = 256
"""Bounds the text that a stream may hold back."""
ID_CHARS_MAX = 128
"""Ids are keys of a table that lives as long as the request."""
TOP_K_MAX = 1024
"""The sampler looks at no more candidates than this when top_k or top_p restricts them."""
TEMPERATURE_MAX = 10.0
"""Above this every distribution is flat."""


PENALTY_MAX = 2.0
LOGIT_BIAS_MAX = 100.0
LOGIT_BIASES_MAX = 1024
"""Each costs time at every token."""
TOP_LOGPROBS_MAX = 20


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


class EngineError(Exception):
    """An error for one request. `code` is stable; `retryable` says whether the same request may succeed later."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One prompt and how to continue it. Field defaults are those of an absent JSON field."""

    prompt: TokenIds
    id: str = ""
    """Name for an in-band cancel. Empty: cannot be cancelled in band."""
    max_tokens: int | None = None
    """None: as many as the context holds."""
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 is off."""
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """By token id; added to the logit."""
    top_logprobs: int | None = None
    """None: no log probabilities."""
    json_schema: str | None = None
    """The answer is JSON that this schema describes."""
    lark: str | None = None
    """The answer is in the language of this grammar; not together with `json_schema`."""
    ignore_eos: bool = False
    deadline_ms: int | None = None
    """Milliseconds from arrival after which the request ends with the error `deadline_exceeded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    context_length: int
    vocab_size: int


def parse_request(
    request_json: bytes, prompt: TokenIds, limits: PromptLimits
) -> GenerateRequest | CancelRequest:
    """Reads one request; unknown fields are ignored. Raises EngineError `bad_request`, `bad_token_id`,
    `empty_prompt` or `prompt_too_long`, none of which is retryable.
    """
    fields = _parse_object(request_json)
    if "cancel" in fields:
        return CancelRequest(id=_text(fields, "cancel"))
    _check_prompt(prompt, limits)
    return GenerateRequest(
        prompt=prompt,
        id=_text(fields, "id"),
        max_tokens=_whole(fields, "max_tokens", low=1),
        temperature=_number(fields, "temperature", low=0.0, high=TEMPERATURE_MAX),
        top_p=_number(fields, "top_p", low=0.0, high=1.0),
        top_k=_whole(fields, "top_k", low=0, high=TOP_K_MAX) or 0,
        seed=_whole(fields, "seed"),
        stop=_stop(fields),
        presence_penalty=_number(fields, "presence_penalty", low=-PENALTY_MAX, high=PENALTY_MAX, default=0.0),
        frequency_penalty=_number(
            fields, "frequency_penalty", low=-PENALTY_MAX, high=PENALTY_MAX, default=0.0
        ),
        logit_bias=_logit_bias(fields, limits),
        top_logprobs=_whole(fields, "top_logprobs", low=0, high=TOP_LOGPROBS_MAX),
        json_schema=_grammar(fields, "json_schema"),
        lark=_grammar(fields, "lark"),
        ignore_eos=_flag(fields, "ignore_eos"),
        deadline_ms=_whole(fields, "deadline_ms", low=1),
    )


def progress_event(completion_tokens: int, logprobs: Sequence[TokenLogprob] = ()) -> str:
    """The event of every response before the last."""
    if not logprobs:
        return f'{{"completion_tokens":{completion_tokens}}}'
    return json.dumps({"completion_tokens": completion_tokens, "logprobs": logprobs})


def cancel_event(request_id: str, *, found: bool) -> str:
    """The only event of a cancel request. The cancelled request sends its own finish event, with its count."""
    return json.dumps({"cancel": request_id, "found": found}, ensure_ascii=False)


def finish_event(
    reason: FinishReason,
    *,
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    stop_string: str | None = None,
    logprobs: Sequence[TokenLogprob] = (),
    error: EngineError | None = None,
) -> str:
    """The event of the last response. `completion_tokens` counts everything generated, also an end token."""
    event: dict[str, Any] = {
        "finish_reason": reason.value,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
    }
    if logprobs:
        event["logprobs"] = logprobs
    if stop_string is not None:
        event["stop_string"] = stop_string
    if error is not None:
        event["error"] = {"code": error.code, "message": error.message, "retryable": error.retryable}
    return json.dumps(event, ensure_ascii=False)


def _parse_object(request_json: bytes) -> dict[str, Any]:
    if len(request_json) > REQUEST_JSON_BYTES_MAX:
        raise EngineError("bad_request", f"request_json has more than {REQUEST_JSON_BYTES_MAX} bytes")
    try:
        fields = json.loads(request_json)
    except (ValueError, RecursionError) as error:
        raise EngineError("bad_request", "request_json is not JSON") from error
    if not isinstance(fields, dict):
        raise EngineError("bad_request", "request_json is not an object")
    return fields


def _check_prompt(prompt: TokenIds, limits: PromptLimits) -> None:
    if prompt.size == 0:
        raise EngineError("empty_prompt", "input_ids is empty")
    if prompt.size >= limits.context_length:
        raise EngineError(
            "prompt_too_long",
            f"the prompt has {prompt.size} tokens; the context of {limits.context_length} must also hold one answer token",
        )
    # Out of range ids would raise in the graph, but negative ones are silently wrapped round.
    low, high = int(prompt.min()), int(prompt.max())
    if low < 0 or high >= limits.vocab_size:
        raise EngineError(
            "bad_token_id", f"token ids {low}..{high} are not within 0..{limits.vocab_size - 1}"
        )


def _whole(fields: dict[str, Any], name: str, low: int | None = None, high: int | None = None) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise EngineError("bad_request", f"{name} is not an integer")
    if (low is not None and value < low) or (high is not None and value > high):
        raise EngineError("bad_request", f"{name} is out of range")
    return value


def _number(fields: dict[str, Any], name: str, low: float, high: float, default: float = 1.0) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise EngineError("bad_request", f"{name} is not a number")
    if not low <= value <= high:
        raise EngineError("bad_request", f"{name} is not within {low}..{high}")
    return float(value)


def _logit_bias(fields: dict[str, Any], limits: PromptLimits) -> dict[int, float]:
    value = fields.get("logit_bias") or {}
    if not isinstance(value, dict) or len(value) > LOGIT_BIASES_MAX:
        raise EngineError("bad_request", f"logit_bias is not an object of at most {LOGIT_BIASES_MAX} members")
    biases: dict[int, float] = {}
    for name in value:
        if not name.isdecimal() or not name.isascii() or len(name) > 9 or int(name) >= limits.vocab_size:
            raise EngineError("bad_token_id", "logit_bias names a token that the model does not have")
        biases[int(name)] = _number(value, name, low=-LOGIT_BIAS_MAX, high=LOGIT_BIAS_MAX, default=0.0)
    return biases


def _grammar(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise EngineError("bad_request", f"{name} is not a string")
    return value


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name) or False
    if not isinstance(value, bool):
        raise EngineError("bad_request", f"{name} is not a boolean")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str) or len(value) > ID_CHARS_MAX:
        raise EngineError("bad_request", f"{name} is not a string of at most {ID_CHARS_MAX} characters")
    return value


def _stop(fields: dict[str, Any]) -> tuple[str, ...]:
    value = fields.get("stop") or []
    if not isinstance(value, list) or len(value) > STOP_STRINGS_MAX:
        raise EngineError("bad_request", f"stop is not a list of at most {STOP_STRINGS_MAX} strings")
    for text in value:
        if not isinstance(text, str) or not 0 < len(text) <= STOP_STRING_CHARS_MAX:
            raise EngineError(
                "bad_request", f"stop holds something that is not 1..{STOP_STRING_CHARS_MAX} characters"
            )
    return tuple(value)

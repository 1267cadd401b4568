"""Every failure of a Triton server, its transport or its engine, as an error of the core.

Messages are ours alone: an engine's text may hold paths and stack traces.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    Overloaded,
    PromptTooLong,
    RaseedError,
    RequestInvalid,
)
from raseed.core.inference.model import Logprob, TokenLogprob

RETRY_AFTER_S = 1.0
"""A full inbox of small models empties within about this time; a dead one is revived in about as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """The JSON of one response (triton_models/engine/raseed_engine/protocol.py)."""

    completion_tokens: int = 0
    finish_reason: str | None = None
    stop_string: str | None = None
    prompt_tokens: int = 0
    error_code: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    is_cancel_reply: bool = False


def parse_event(event: bytes) -> EngineEvent:
    """Raises ValueError for an event that is not ours."""
    try:
        fields = json.loads(event)
        error = fields.get("error")
        return EngineEvent(
            completion_tokens=int(fields.get("completion_tokens", 0)),
            finish_reason=fields.get("finish_reason"),
            stop_string=fields.get("stop_string"),
            prompt_tokens=int(fields.get("prompt_tokens", 0)),
            error_code=None if error is None else str(error["code"]),
            logprobs=tuple(map(_logprob, fields.get("logprobs", ()))),
            is_cancel_reply="cancel" in fields,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the engine sent an event of another kind") from error


def _logprob(fields: list[Any]) -> TokenLogprob:
    """The engine sends each byte of a token as one character."""
    token, logprob, top = fields
    return TokenLogprob(
        Logprob(token.encode("latin-1"), float(logprob)),
        tuple(Logprob(other.encode("latin-1"), float(value)) for other, value in top),
    )


def unavailable() -> BackendUnavailable:
    return BackendUnavailable(
        "The model is not available at the moment. Please try again.", retry_after_s=RETRY_AFTER_S
    )


def lost() -> BackendLost:
    return BackendLost("The model stopped in the middle of its answer.")


def late() -> DeadlineExceeded:
    return DeadlineExceeded("The model did not finish in the time allowed.")


def failure(*, after_output: bool) -> RaseedError:
    """The engine or the way to it failed."""
    return lost() if after_output else unavailable()


def engine_error(code: str, *, after_output: bool) -> RaseedError:
    """An error that the engine reported in band."""
    match code:
        case "overloaded":
            return Overloaded("The model is busy. Please try again.", retry_after_s=RETRY_AFTER_S)
        case "deadline_exceeded":
            return late()
        case "prompt_too_long":
            return PromptTooLong("The messages do not fit this model's context.", param="messages")
        case "bad_grammar" | "grammar_too_complex":
            return RequestInvalid(
                "The model cannot be held to this JSON schema.", param="response_format", code="invalid_value"
            )
        case "bad_request" | "bad_token_id" | "empty_prompt" | "id_in_use":
            return RequestInvalid("The model cannot serve this request as it is written.")
        case _:
            return failure(after_output=after_output)

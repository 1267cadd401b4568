"""Every way in which a provider fails, as an error of the core.

Messages are ours alone. What a provider says may hold its customer's account, keys, addresses of its own, or another
name of the model than the one that we sell: of it, codes from closed lists decide which error it is, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from raseed.adapters.outgoing import retry_after_s
from raseed.adapters.providers.json_access import member, text
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    PromptTooLong,
    RaseedError,
    RequestInvalid,
)
from raseed.core.inference.targets import Refusal, TargetRefused

_TOO_LONG_CODES = {"context_length_exceeded", "string_above_max_length", "prompt_too_long"}
_TOO_LONG_WORDS = (
    "maximum context length",
    "context length",
    "prompt is too long",
    "too many tokens",
    "input token count",
    "input is too long",
    "exceeds the maximum number of tokens",
)
_FILTER_CODES = {"content_filter", "content_policy_violation", "data_inspection_failed", "moderation_blocked"}
_NO_MONEY = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "insufficient_balance",
    "credit_balance_exhausted",
}
_OURS_TO_MEND = ("credit balance is too low", "api key not valid", "api key expired")
"""Anthropic's and Google's words for what is said with a 400, and is not the caller's."""
_PARAMS = {
    *("temperature", "top_p", "top_k", "stop", "seed", "n", "logprobs", "top_logprobs", "logit_bias"),
    *("presence_penalty", "frequency_penalty", "max_tokens", "max_completion_tokens", "tools", "tool_choice"),
    *("parallel_tool_calls", "response_format", "messages"),
}
_BUSY = {408, 409, 425, 429, 498, 529}
"""408: it did not read the request in time. 498: Groq has no capacity. 529: Anthropic is overloaded."""
_INVALID = {400, 413, 422}


def unsupported(param: str) -> RequestInvalid:
    return RequestInvalid(
        f"Unsupported parameter: '{param}'. It is not supported with this model.",
        param=param,
        code="unsupported_parameter",
    )


def unsupported_value(param: str, reason: str) -> RequestInvalid:
    return RequestInvalid(f"Unsupported value: '{param}'. {reason}", param=param, code="unsupported_value")


def unavailable() -> BackendUnavailable:
    return BackendUnavailable(
        "The model is not available at the moment. Please try again.", retry_after_s=1.0
    )


def lost() -> BackendLost:
    return BackendLost("The model stopped in the middle of its answer.")


def late() -> DeadlineExceeded:
    return DeadlineExceeded("The model did not finish in the time allowed.")


def failure(*, after_output: bool) -> RaseedError:
    return lost() if after_output else unavailable()


def refusal_of(status: int, body: bytes, headers: Mapping[str, str]) -> TargetRefused | RaseedError:
    """Of an answer that is not 200, or of an error in place of the first token: nothing was generated."""
    said = _said(body)
    codes = {text(member(said, "code")).lower(), text(member(said, "type")).lower()}
    if status in {401, 402, 403, 404, 405} or 300 <= status < 400 or codes & _NO_MONEY:
        return TargetRefused(Refusal.MISCONFIGURED, f"it answered {status}{_known(codes & _NO_MONEY)}")
    if status in _BUSY or (status == 503 and "Retry-After" in headers):
        return TargetRefused(Refusal.BUSY, f"it answered {status}", _pause_s(headers))
    if status in _INVALID:
        if any(each in text(member(said, "message")).lower() for each in _OURS_TO_MEND):
            return TargetRefused(Refusal.MISCONFIGURED, f"it answered {status}, which is ours to mend")
        return _invalid(said, codes)
    return TargetRefused(Refusal.BROKEN, f"it answered {status}")


def _invalid(said: Any, codes: set[str]) -> RequestInvalid:
    words = text(member(said, "message")).lower()
    if codes & _TOO_LONG_CODES or any(each in words for each in _TOO_LONG_WORDS):
        return PromptTooLong("The messages do not fit this model's context.", param="messages")
    if codes & _FILTER_CODES:
        return RequestInvalid(
            "The content filter of the model's provider refused this request.",
            param="messages",
            code="content_filter",
        )
    param = text(member(said, "param")).partition(".")[0].partition("[")[0]
    if param in _PARAMS:
        return RequestInvalid(
            f"This model does not take '{param}' as it is given.", param=param, code="invalid_value"
        )
    return RequestInvalid("The model cannot serve this request as it is written.")


def _said(body: bytes) -> Any:
    """The error object: {"error": {…}}, a bare one, or the first of a list of them (Gemini)."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(parsed, list):
        parsed = parsed[0] if parsed else None
    error = member(parsed, "error")
    if isinstance(error, dict):
        return error
    return {"message": error} if isinstance(error, str) else parsed


def _known(codes: set[str]) -> str:
    return f" ({codes.pop()})" if codes else ""


def _pause_s(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms` is more exact where there is one."""
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.isascii() and milliseconds.isdigit():
        return min(float(milliseconds) / 1000, 86_400.0)
    return retry_after_s(headers.get("Retry-After", ""))

"""Errors on Anthropic's routes: status, headers and body, and the event that ends a broken stream.

Shape: `{"type": "error", "error": {"type", "message"}, "request_id"}`.
"""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.http_error import HttpError, error_headers
from raseed.core.errors import (
    INSUFFICIENT_CREDITS_MESSAGE,
    CreditExhausted,
    Overloaded,
    PromptTooLong,
    RaseedError,
    RequestInvalid,
)

OVERLOADED = 529
"""Anthropic's own status; 503 is for what is down."""
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}

UNSUPPORTED = "unsupported_parameter"
"""The code of errors of the core about what a model cannot do; they name fields as OpenAI does."""
THREAD_UNSUPPORTED = "thread_unsupported_request"
"""Anthropic's own code, in `details`. Clients whose runners of tools leave the conversation with the server send it
whole from then on.
"""
_FIELDS = {"response_format": "output_config.format"}

_encode = msgspec.json.Encoder().encode


class ErrorObject(msgspec.Struct, frozen=True, gc=False):
    type: str
    message: str
    details: dict[str, str | list[str]] | msgspec.UnsetType = msgspec.UNSET


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    error: ErrorObject
    request_id: str | None


def error_type(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def error_body(
    status: int, message: str, request_id: str | None, details: dict[str, str | list[str]] | None = None
) -> bytes:
    shown = ErrorObject(type=error_type(status), message=message, details=details or msgspec.UNSET)
    return _encode(ErrorBody(type="error", error=shown, request_id=request_id))


def encode_error(error: Exception, *, request_id: str) -> HttpError:
    """The answer for an error before the first byte. Of an exception that is not ours, nothing is shown."""
    status, message = _face(error, request_id)
    body = error_body(status, message, request_id, _details(error))
    return HttpError(status, error_headers(error, status), body)


def encode_stream_error(error: Exception, *, request_id: str) -> bytes:
    """The last event of a stream that fails after its first byte: no `message_stop`, which ends a whole answer."""
    status, message = _face(error, request_id)
    return b"event: error\ndata: " + error_body(status, message, request_id) + b"\n\n"


def _face(error: Exception, request_id: str) -> tuple[int, str]:
    if not isinstance(error, RaseedError):
        return 500, f"The server had an error while processing your request. Request id: {request_id}."
    status = OVERLOADED if isinstance(error, Overloaded) else error.http_status
    if isinstance(error, CreditExhausted):
        return status, INSUFFICIENT_CREDITS_MESSAGE
    if isinstance(error, PromptTooLong):
        return status, _too_long(error)
    if isinstance(error, RequestInvalid) and error.code == UNSUPPORTED and error.param is not None:
        return status, _unsupported(error.param, error.message)
    return status, error.message


def _details(error: Exception) -> dict[str, str | list[str]] | None:
    """What a client's program reads of an error, where Anthropic's clients look for it."""
    if isinstance(error, RequestInvalid) and error.code == THREAD_UNSUPPORTED:
        return {"error_code": THREAD_UNSUPPORTED, "unsupported": ["thread"]}
    return None


def _unsupported(param: str, message: str) -> str:
    """What a model cannot do, with our name of the field. An index would count the messages as the model reads them."""
    field = param.partition(".")[0]
    reason = message.removeprefix(f"Unsupported parameter: '{param}'. ")
    return f"{_FIELDS.get(field, field)}: {reason}"


def _too_long(error: PromptTooLong) -> str:
    """Agents look for these words, and for the two numbers, to know that they must shorten the conversation."""
    tokens, limit = error.metadata.get("prompt_tokens"), error.metadata.get("context_length")
    if tokens is None or limit is None:
        return f"prompt is too long: {error.message}"
    return f"prompt is too long: {tokens} tokens > {limit} maximum"

"""Errors on OpenAI's routes: status, headers and body, and the event that ends a broken stream.

Shape: `{"error": {"message", "type", "param", "code"}}`, all four keys always there. A refused field is also named in
`errors`, beside `error`: `{"errors": {"temperature": ["…"]}}`. A rate limit also says `retry_after` there, in seconds,
and a model that is not in the account's tier `available_models`.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from raseed.adapters.wire.http_error import HttpError, error_headers, retry_after_s
from raseed.core.errors import (
    INSUFFICIENT_CREDITS_MESSAGE,
    BillingError,
    CreditExhausted,
    ModelNotAllowed,
    RaseedError,
    RateLimited,
    RequestInvalid,
)

CreditShortage = Literal["payment_required", "insufficient_quota"]
"""How a lack of credit is told: 402, which no client retries, or OpenAI's own 429 `insufficient_quota`, for clients
that know only that (Codex)."""

_PAYMENT_REQUIRED = 402

_encode = msgspec.json.Encoder().encode


class ErrorObject(msgspec.Struct, frozen=True, gc=False):
    message: str
    type: str
    param: str | None
    code: str | int | None


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    error: ErrorObject
    errors: dict[str, tuple[str]] | msgspec.UnsetType = msgspec.UNSET
    retry_after: int | msgspec.UnsetType = msgspec.UNSET
    available_models: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


def encode_error(
    error: Exception, *, request_id: str, credit_shortage: CreditShortage = "payment_required"
) -> HttpError:
    """The answer for an error before the first byte. Of an exception that is not ours, nothing is shown."""
    status, shown = _face(error, request_id, credit_shortage)
    errors: dict[str, tuple[str]] | msgspec.UnsetType = msgspec.UNSET
    if isinstance(error, RequestInvalid) and error.param is not None:
        errors = {error.param: (error.message,)}
    body = ErrorBody(error=shown, errors=errors)
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        body = replace(body, retry_after=retry_after_s(error.retry_after_s))
    if isinstance(error, ModelNotAllowed):
        body = replace(body, available_models=error.available_models)
    return HttpError(status, error_headers(error, status), _encode(body))


def encode_stream_error(
    error: Exception, *, request_id: str, credit_shortage: CreditShortage = "payment_required"
) -> bytes:
    """The last event of a stream that fails after its first byte. Nothing may follow it.

    No finish chunk, no usage and no `[DONE]`: each of them is how a whole answer ends. Clients raise on the `error`
    key and need nothing after it.
    """
    _, shown = _face(error, request_id, credit_shortage)
    return b"data: " + _encode(ErrorBody(error=shown)) + b"\n\n"


def _face(error: Exception, request_id: str, credit_shortage: CreditShortage) -> tuple[int, ErrorObject]:
    if not isinstance(error, RaseedError):
        message = f"The server had an error while processing your request. Request id: {request_id}."
        return 500, ErrorObject(message=message, type="server_error", param=None, code=None)
    message = INSUFFICIENT_CREDITS_MESSAGE if isinstance(error, CreditExhausted) else error.message
    if _is_shortage(error) and credit_shortage == "insufficient_quota":
        quota = "insufficient_quota"
        return 429, ErrorObject(message=message, type=quota, param=None, code=quota)
    param = None if _is_shortage(error) else error.param
    return error.http_status, ErrorObject(
        message=message, type=error.openai_type, param=param, code=error.code
    )


def _is_shortage(error: RaseedError) -> bool:
    return isinstance(error, BillingError) and error.http_status == _PAYMENT_REQUIRED

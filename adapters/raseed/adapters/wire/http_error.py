"""What errors on all REST routes share: status, headers and body, and when a client may try again."""

from __future__ import annotations

import math
from typing import NamedTuple

from raseed.core.errors import BillingError, RaseedError, RateLimited
from raseed.core.money import credits_text

CONTENT_TYPE = "application/json"


class HttpError(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names; without content-type, which is `CONTENT_TYPE`."""
    body: bytes


def error_headers(error: Exception, status: int) -> tuple[tuple[str, str], ...]:
    return (*_retry_headers(error, status), *_credit_headers(error))


def _credit_headers(error: Exception) -> tuple[tuple[str, str], ...]:
    """How much was missing, where the refusal knows it: in credits."""
    if not isinstance(error, BillingError) or not error.metadata:
        return ()
    figures = {"required": "required_microcredits", "available": "available_microcredits"}
    return tuple(
        (f"x-credits-{name}", credits_text(int(error.metadata[key])))
        for name, key in figures.items()
        if key in error.metadata
    )


def retry_after_s(wait_s: float) -> int:
    """In whole seconds, at least one."""
    return max(1, math.ceil(wait_s))


def _retry_headers(error: Exception, status: int) -> tuple[tuple[str, str], ...]:
    is_transient = isinstance(error, RaseedError) and error.is_transient
    if not is_transient:
        # SDKs send these statuses again by themselves: a second charge, or a wait for nothing.
        return (("x-should-retry", "false"),) if status in {408, 409, 429} or status >= 500 else ()
    if isinstance(error, RaseedError) and error.retry_after_s is not None:
        after = ("retry-after", str(retry_after_s(error.retry_after_s)))
        if isinstance(error, RateLimited):
            # Read before the other by OpenAI's and Anthropic's SDKs: a second is long where a token takes five µs.
            return after, ("retry-after-ms", str(math.ceil(error.retry_after_s * 1000)))
        return (after,)
    return ()

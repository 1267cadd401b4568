"""Limits as headers, and the bodies of refusals."""

from __future__ import annotations

import msgspec
import pytest

from raseed.adapters.wire.anthropic import errors as anthropic
from raseed.adapters.wire.limits import anthropic_headers, openai_headers
from raseed.adapters.wire.openai.errors import encode_error
from raseed.core import errors
from raseed.core.clock import SECOND, Microseconds
from raseed.core.limits.model import NO_LIMITS, Standing, Window, duration_text

NOW = Microseconds(1_700_000_000 * SECOND + 1)
STANDING = Standing(
    requests=Window(limit=10, remaining=7, reset_us=18 * SECOND),
    tokens=Window(limit=2_000_000, remaining=1_999_000, reset_us=30_000),
)


def test_as_openai_writes_them_and_as_the_modelled_service_does():
    assert dict(openai_headers(STANDING, NOW)) == {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "7",
        "x-ratelimit-reset": "1700000019",
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "18s",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-tokens": "1999000",
        "x-ratelimit-reset-tokens": "30ms",
    }


def test_as_anthropic_writes_them():
    assert dict(anthropic_headers(STANDING, NOW)) == {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "7",
        "x-ratelimit-reset": "1700000019",
        "anthropic-ratelimit-requests-limit": "10",
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:39Z",
        "anthropic-ratelimit-tokens-limit": "2000000",
        "anthropic-ratelimit-tokens-remaining": "1999000",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:21Z",
    }


def test_a_limit_that_is_none_is_not_named():
    assert openai_headers(NO_LIMITS, NOW) == anthropic_headers(NO_LIMITS, NOW) == ()
    only_tokens = dict(openai_headers(Standing(tokens=STANDING.tokens), NOW))
    assert list(only_tokens) == [f"x-ratelimit-{what}-tokens" for what in ("limit", "remaining", "reset")]


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (11_001, "12ms"),
        (999_001, "1s"),
        (6 * SECOND, "6s"),
        (8_640_000, "8.64s"),
        (360 * SECOND, "6m0s"),
        (86_400 * SECOND, "24h0m0s"),
    ],
)
def test_durations_are_never_shorter_than_they_are(duration_us: int, text: str):
    assert duration_text(duration_us) == text


def test_a_refusal_by_a_limit(golden):
    error = errors.RateLimited("Rate limit reached. Please try again in 5.5s.", retry_after_s=5.4321)
    status, headers, body = encode_error(error, request_id="r")
    golden("error_429.json", body)
    assert (status, headers) == (429, (("retry-after", "6"), ("retry-after-ms", "5433")))
    status, headers, body = anthropic.encode_error(error, request_id="r")
    assert (status, headers) == (429, (("retry-after", "6"), ("retry-after-ms", "5433")))
    assert msgspec.json.decode(body)["error"]["type"] == "rate_limit_error"


def test_a_request_that_is_too_large_is_not_sent_again():
    status, headers, body = encode_error(errors.RequestAboveLimit("Too large."), request_id="r")
    assert (status, headers) == (429, (("x-should-retry", "false"),))
    assert "retry_after" not in msgspec.json.decode(body)


def test_a_model_of_another_tier(golden):
    error = errors.ModelNotAllowed("Model not accessible for your tier.", param="model")
    error.available_models = ("a", "b")
    status, _, body = encode_error(error, request_id="r")
    golden("error_403_tier.json", body)
    assert status == 403

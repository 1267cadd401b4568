"""Rate limits through Envoy, as clients meet them: the headers of every answer, and SDKs that wait and try again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI
from tests.support.redis import RedisServer, is_installed
from tests.support.stack import Stack

PROFILE = """\
profile = "small"
time_zone = "UTC"
default_tier = "free"

[billing]
basis = "total"

[grants.priority]
welcome = 10
subscription = 20
topup = 50
adjustment = 30
restore = 40

[tiers.enterprise]
rpm = 40                     # one in 1.5 s
tpm = 3_000
concurrency = 2
models = ["scripted"]
max_output_tokens = 50

[prices]
version = "1"

[model_tiers.standard]
label = "Standard"

[models]
scripted = { tier = "standard", multiplier = 1 }
other = { tier = "standard", multiplier = 1 }
"""
CONFIG = """\
[triton]
enabled = false
[scripted]
enabled = true
models = ["scripted", "other"]
any_model = false
[billing]
profile = "{profile}"
"""
TIMEOUT_S = 30.0
HELLO: list[Any] = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def limited(new_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with limits, counted in Redis where there is one, and a profile whose limits are soon reached."""
    server = RedisServer().start() if is_installed() else None
    profile = tmp_path_factory.mktemp("profile") / "small.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    stack = new_stack(
        "limited",
        CONFIG.format(profile=profile),
        environ={"RASEED_LIMITS_ENABLED": "true", "RASEED_LIMITS_REDIS_URL": server.url if server else ""},
    ).start()
    yield stack
    stack.stop()
    if server is not None:
        server.stop()


def test_every_answer_says_what_is_left(limited):
    customer = limited.customer()
    whole = customer.http.chat("hello")
    assert whole.status == 200
    assert whole.headers["x-ratelimit-limit-requests"] == "40"
    assert whole.headers["x-ratelimit-remaining-requests"] == "39"
    assert whole.headers["x-ratelimit-reset-requests"].endswith(("s", "ms"))
    assert int(whole.headers["x-ratelimit-remaining-tokens"]) < 3_000
    assert abs(int(whole.headers["x-ratelimit-reset"]) - time.time()) < 60, "a moment, and not a duration"
    bad = customer.http.send("POST", "/v1/chat/completions", b"{}")
    assert (bad.status, bad.headers["x-ratelimit-limit"]) == (400, "40")
    listed = customer.http.send("GET", "/api/v1/models")
    assert (listed.status, listed.headers["x-ratelimit-remaining"]) == (200, "39"), "counted apart"
    with customer.http.stream("hello") as stream:
        assert stream.headers["x-ratelimit-remaining-requests"] in {"38", "39"}
        assert list(stream.text())


def test_the_sdk_waits_as_it_is_told_and_is_answered(limited):
    """A burst uses the minute up; the official SDK reads Retry-After of the 429 and succeeds by itself."""
    customer = limited.customer()
    with OpenAI(
        base_url=f"{limited.url}/v1", api_key=customer.key, max_retries=0, timeout=TIMEOUT_S
    ) as client:
        ask = partial(client.chat.completions.create, model="scripted", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as caught:
            until_refused(ask)
        refused = caught.value
        assert (refused.type, refused.code) == ("requests", "rate_limit_exceeded")
        assert (
            "on requests per min (RPM): Limit 40, Used 40, Requested 1. Please try again in"
            in refused.message
        )
        assert refused.response.headers["retry-after"] in {"1", "2"}
        assert refused.response.json()["retry_after"] in {1, 2}
        patient = client.with_options(max_retries=3).chat.completions.with_raw_response
        assert patient.create(model="scripted", messages=HELLO).retries_taken >= 1


def test_anthropics_sdk_is_told_in_its_own_words(limited):
    customer = limited.customer()
    with Anthropic(base_url=limited.url, api_key=customer.key, max_retries=0, timeout=TIMEOUT_S) as client:
        ask = partial(client.messages.create, model="scripted", max_tokens=5, messages=HELLO)
        with pytest.raises(anthropic.RateLimitError) as caught:
            until_refused(ask)
    headers = caught.value.response.headers
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-tokens-limit"] == "3000"


def until_refused(ask: Callable[[], object]) -> None:
    for _ in range(45):
        ask()


def test_a_tier_may_use_some_models_only(limited):
    customer = limited.customer()
    assert [model["id"] for model in customer.http.send("GET", "/v1/models").json["data"]] == ["scripted"]
    refused = customer.http.chat("hello", model="other")
    assert refused.error(403)["message"] == "Model not accessible for your tier."
    assert refused.json["available_models"] == ["scripted"]
    assert customer.http.send("GET", "/v1/models/other").status == 403
    long = customer.http.chat("hello", max_tokens=51)
    assert long.error(400)["param"] == "max_tokens"


def test_the_owner_is_not_limited(limited):
    with OpenAI(base_url=f"{limited.url}/v1", api_key=limited.key, max_retries=0) as client:
        for _ in range(50):
            client.models.list()

"""`Idempotency-Key` through Envoy, with the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.support.customer import Customer
from tests.support.stack import Stack

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
OTHER: list[Any] = [{"role": "user", "content": "Other"}]
SLOW: list[Any] = [{"role": "user", "content": "#script tokens=20 pace_ms=20"}]
KEY = {"Idempotency-Key": "order 17/a"}
MODEL = "scripted"
TIMEOUT_S = 30.0


@pytest.fixture
def client(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with OpenAI(base_url=stack.url + "/v1", api_key=customer.key, max_retries=0, timeout=TIMEOUT_S) as client:
        yield client


def test_a_request_is_answered_and_charged_once(client, customer):
    """The second answer is the first one and says so; the same key with other content is 422."""
    raw = client.chat.completions.with_raw_response
    first = raw.create(model=MODEL, messages=HELLO, extra_headers=KEY)
    left = customer.left()
    again = raw.create(model=MODEL, messages=HELLO, extra_headers=KEY)
    assert again.content == first.content
    assert [answer.headers.get("idempotency-hit") for answer in (first, again)] == [None, "true"]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model=MODEL, messages=OTHER, extra_headers=KEY)
    assert caught.value.code == "idempotency_key_reused"
    assert customer.left() == left == 1_000 - first.parse().usage.total_tokens


def test_a_stream_is_charged_once_and_named(client, customer):
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, extra_headers=KEY)
    [name] = {chunk.id for chunk in stream}
    left = customer.left()
    with pytest.raises(openai.ConflictError, match=name) as caught:
        client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, extra_headers=KEY)
    assert caught.value.code == "already_answered"
    assert customer.left() == left


def test_the_sdk_waits_for_the_answer_by_itself(client, customer):
    """While the first one runs the others get 409 with Retry-After, which the SDK obeys."""
    patient = client.with_options(max_retries=3)

    def ask(_number: int) -> str:
        name: str = patient.chat.completions.create(model=MODEL, messages=SLOW, extra_headers=KEY).id
        return name

    with ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(ask, range(5)))) == 1
    usage = client.chat.completions.create(model=MODEL, messages=SLOW, extra_headers=KEY).usage
    assert customer.left() == 1_000 - usage.total_tokens


def test_a_key_that_is_none_is_refused(client):
    with pytest.raises(openai.BadRequestError, match="1 to 255 printable"):
        client.chat.completions.create(
            model=MODEL, messages=HELLO, extra_headers={"Idempotency-Key": "k" * 256}
        )

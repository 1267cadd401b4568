"""What the official Anthropic SDK makes of our errors, on the real thing."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic
from tests.e2e.test_anthropic_sdk import HELLO, SCRIPTED, TINY, asked, sdk
from tests.support.customer import Customer
from tests.support.stack import Stack


@pytest.fixture
def one_client(stack: Stack, customer: Customer) -> Iterator[Anthropic]:
    with sdk(stack, customer.key) as client:
        yield client


def test_no_credit(stack):
    """402 is a class of its own in the SDK; the type is Anthropic's."""
    poor = stack.customer(0)
    with sdk(stack, poor.key) as client, pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model=TINY, max_tokens=5, messages=HELLO)
    error = caught.value
    assert (error.status_code, error.type) == (402, "billing_error")
    assert error.api_message == "Insufficient credits. Please top up your balance to continue."
    assert error.response.json()["request_id"] == error.request_id


def test_wrong_key(stack):
    with sdk(stack, "sk-ant-1234") as client, pytest.raises(anthropic.AuthenticationError) as caught:
        client.messages.create(model=TINY, max_tokens=5, messages=HELLO)
    assert caught.value.type == "authentication_error"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"extra_body": {"temperature": 1.5}}, "temperature: Input should be less than or equal to 1"),
        ({"extra_body": {"top_k": 5_000}}, "top_k is at most 1024 with this model."),
        ({"extra_body": {"max_tokens": None}}, "max_tokens: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "thinking.type: This model does not support extended thinking",
        ),
    ],
)
def test_bad_request(one_client, customer, fields, message):
    """400 names the field at fault, and nothing is charged."""
    with pytest.raises(anthropic.BadRequestError) as caught:
        one_client.messages.create(**({"model": TINY, "max_tokens": 5, "messages": HELLO} | fields))
    assert caught.value.type == "invalid_request_error"
    assert caught.value.api_message == message
    assert customer.left() == 1_000


def test_prompt_too_long(one_client):
    """In the words, and with the two numbers, that agents look for. It can still be counted."""
    long = asked("one two three " * 600)
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 1024 maximum"):
        one_client.messages.create(model=TINY, max_tokens=5, messages=long)
    assert one_client.messages.count_tokens(model=TINY, messages=long).input_tokens > 1024


def test_unknown_model(one_client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        one_client.messages.create(model="claude-unknown", max_tokens=5, messages=HELLO)
    assert caught.value.type == "not_found_error"


@pytest.mark.parametrize("failing", ["fail_at=2", "tokens=4 fail_at=3"])
def test_broken_stream(one_client, failing):
    """An answer that breaks off raises in the client and has no end event."""
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        one_client.messages.stream(
            model=SCRIPTED, max_tokens=9, messages=asked(f"#script {failing}")
        ) as stream,
    ):
        list(stream)
    assert caught.value.type == "api_error"

"""What the official SDK can ask of an answer: tools, formats, several choices, log probabilities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel
from tests.e2e.test_openai_sdk import HELLO, TINY, balance, sdk
from tests.support.customer import Customer
from tests.support.stack import Stack

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
NAMED: Any = {"type": "function", "function": {"name": "weather"}}
MODELS = pytest.mark.parametrize("model", [TINY, "scripted"])


@pytest.fixture
def client(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with sdk(stack, customer.key) as client:
        yield client


class City(BaseModel):
    city: str
    days: int


@MODELS
def test_several_choices(client, customer, model):
    """Each has its index; usage and charge are of all of them, the prompt once."""
    before = balance(customer)
    answer = client.chat.completions.create(model=model, messages=HELLO, n=3, max_tokens=20)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.message.content and choice.finish_reason for choice in answer.choices)
    assert answer.usage.completion_tokens >= 3
    assert before - balance(customer) == answer.usage.total_tokens


@MODELS
def test_several_choices_streamed(client, customer, model):
    before = balance(customer)
    with client.chat.completions.stream(
        model=model, messages=HELLO, n=3, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert [choice.index for choice in final.choices] == [0, 1, 2]
    assert all(choice.message.content and choice.finish_reason for choice in final.choices)
    assert before - balance(customer) == final.usage.total_tokens


@MODELS
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_that_must_be_called(client, model, stream):
    """Unary and streamed: one call of the named function, arguments that fit its schema."""
    asked: Any = {
        "model": model,
        "messages": HELLO,
        "tools": [WEATHER],
        "tool_choice": NAMED,
        "parallel_tool_calls": False,
    }
    if stream:
        with client.chat.completions.stream(**asked) as reading:
            answer = reading.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    [choice] = answer.choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}
    again = [*HELLO, choice.message.model_dump(exclude_none=True), result]
    assert client.chat.completions.create(model=model, messages=again).choices[0].message.content


@MODELS
def test_a_parsed_answer(client, model):
    """The SDK's `parse` sends a JSON schema and reads the answer into the class."""
    answer = client.chat.completions.parse(
        model=model, messages=HELLO, response_format=City, max_tokens=300, temperature=0
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@MODELS
def test_log_probabilities(client, model):
    answer = client.chat.completions.create(
        model=model, messages=HELLO, logprobs=True, top_logprobs=2, temperature=0
    )
    [choice] = answer.choices
    tokens = choice.logprobs.content
    assert bytes(byte for token in tokens for byte in token.bytes).decode() == choice.message.content
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in tokens)
    chunks = list(
        client.chat.completions.create(
            model=model, messages=HELLO, logprobs=True, top_logprobs=2, temperature=0, stream=True
        )
    )
    streamed = [
        token
        for chunk in chunks
        for one in chunk.choices
        if one.logprobs is not None
        for token in one.logprobs.content
    ]
    assert streamed == tokens


def test_what_a_model_cannot_do_is_refused(client, customer):
    """400 with the field's name, before anything is charged; the catalogue says so beforehand."""
    image: Any = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x"}}]}
    ]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=TINY, messages=image)
    assert caught.value.param == "messages.[0].content"
    assert customer.left() == 1_000
    assert "images" not in client.models.retrieve(TINY).capabilities
    assert "images" in client.models.retrieve("scripted").capabilities
    assert client.chat.completions.create(model="scripted", messages=image).choices[0].finish_reason


def test_thoughts(client, customer):
    """Beside each answer under both names that readers look for, whole and streamed; never in its content."""
    asked: Any = {
        "model": "scripted",
        "messages": [{"role": "user", "content": "#script tokens=5 reason=3"}],
        "n": 2,
    }
    answer = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        streamed = stream.get_final_completion()
    for whole in (answer, streamed):
        for choice in whole.choices:
            assert choice.message.reasoning == choice.message.reasoning_content == "hm hm hm "
            assert choice.message.content == "delta alpha "
        assert len(whole.choices) == 2
        assert whole.usage.completion_tokens_details.reasoning_tokens == 6
    assert customer.left() == 1_000 - answer.usage.total_tokens - streamed.usage.total_tokens
    sent_back = [*asked["messages"], answer.choices[0].message, {"role": "user", "content": "go on"}]
    again = client.chat.completions.create(model="scripted", messages=sent_back)
    assert again.choices[0].message.content == "go on"
    assert not hasattr(again.choices[0].message, "reasoning")


@pytest.mark.parametrize("n", [0, 9])
def test_too_many_choices(client, customer, n):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=TINY, messages=HELLO, n=n)
    assert caught.value.param == "n"
    assert customer.left() == 1_000

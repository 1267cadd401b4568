"""The official Anthropic SDK against the real thing: Envoy, a core worker, Triton."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from tests.support.customer import Customer
from tests.support.stack import Stack

TINY = "raseed-tiny"
SCRIPTED = "scripted"
TIMEOUT_S = 30.0
WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
}

CITY: Any = {
    "name": "city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"enum": ["Kuwait", "Salmiya"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def asked(content: object) -> list[Any]:
    return [{"role": "user", "content": content}]


HELLO = asked("Hello")
COUNT = asked("Count from 1 to 20")


@pytest.fixture(params=["", "/api"])
def client(stack: Stack, customer: Customer, request: pytest.FixtureRequest) -> Iterator[Anthropic]:
    with sdk(stack, customer.key, request.param) as client:
        yield client


@pytest.fixture
def one_client(stack: Stack, customer: Customer) -> Iterator[Anthropic]:
    with sdk(stack, customer.key) as client:
        yield client


def sdk(stack: Stack, key: str, base: str = "") -> Anthropic:
    return Anthropic(base_url=stack.url + base, api_key=key, max_retries=0, timeout=TIMEOUT_S)


def test_unary(client, customer):
    """A whole answer has Anthropic's shape under both base URLs, and its usage is what was charged."""
    message = client.messages.create(model=TINY, max_tokens=50, messages=HELLO)
    assert message.id.startswith("msg_")
    assert (message.type, message.role, message.model) == ("message", "assistant", TINY)
    [block] = message.content
    assert block.type == "text"
    assert block.text
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    usage = message.usage
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)
    assert customer.left() == 1_000 - usage.input_tokens - usage.output_tokens
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_stream_helper(client, customer):
    """The accumulating helper reaches its end, and agrees with the whole answer in all but the id."""
    fields: dict[str, Any] = {
        "model": TINY,
        "max_tokens": 50,
        "messages": HELLO,
        "extra_body": {"temperature": 0},
    }
    with client.messages.stream(**fields) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    whole = client.messages.create(**fields)
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in whole.content]
    assert final.stop_reason == whole.stop_reason
    assert final.usage.to_dict() == whole.usage.to_dict()
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert customer.left() == 1_000 - 2 * (whole.usage.input_tokens + whole.usage.output_tokens)


def test_stream_events(one_client):
    """The raw events in their order; the first one already has the size of the prompt."""
    events = list(one_client.messages.create(model=TINY, max_tokens=3, messages=COUNT, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    start, end = events[0], events[-2]
    assert start.type == "message_start"
    assert end.type == "message_delta"
    counted = one_client.messages.count_tokens(model=TINY, messages=COUNT).input_tokens
    assert start.message.usage.input_tokens == end.usage.input_tokens == counted
    assert (end.delta.stop_reason, end.usage.output_tokens) == ("max_tokens", 3)


def test_system_prompt(one_client):
    """Text or blocks, it is a part of the prompt that is charged."""

    def tokens(**fields: Any) -> int:
        return int(one_client.messages.count_tokens(model=TINY, messages=HELLO, **fields).input_tokens)

    blocks = [
        {"type": "text", "text": "Be ", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "brief."},
    ]
    assert tokens(system="Be brief.") == tokens(system=blocks) > tokens()


def test_count_tokens_is_free_and_exact(client, customer):
    counted = client.messages.count_tokens(model=SCRIPTED, messages=COUNT, tools=[WEATHER])
    assert customer.left() == 1_000
    message = client.messages.create(model=SCRIPTED, max_tokens=1, messages=COUNT, tools=[WEATHER])
    assert message.usage.input_tokens == counted.input_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_tools(one_client, stream):
    """A call, its result, and the answer to it: the round that agents go."""
    fields: dict[str, Any] = {"model": SCRIPTED, "max_tokens": 50, "tools": [WEATHER]}
    question = asked("#script tool=weather tools=2 tokens=2")
    if stream:
        with one_client.messages.stream(messages=question, **fields) as reading:
            message = reading.get_final_message()
    else:
        message = one_client.messages.create(messages=question, **fields)
    assert message.stop_reason == "tool_use"
    calls = [(block.type, block.id, block.name, block.input) for block in message.content]
    assert calls == [("tool_use", f"call_{n}", "weather", {"n": 1}) for n in range(2)]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "sunny"}]}
        for block in message.content
    ]
    turns = [
        {"role": "assistant", "content": message.content},
        *asked([*results, {"type": "text", "text": "So?"}]),
    ]
    answer = one_client.messages.create(messages=question + turns, **fields)
    assert answer.content[0].text == "So?"


def test_a_demanded_tool(one_client):
    """The model is held to a call that its schema allows, whole and streamed."""
    fields: dict[str, Any] = {
        "model": TINY,
        "max_tokens": 200,
        "messages": HELLO,
        "tools": [CITY],
        "tool_choice": {"type": "tool", "name": "city", "disable_parallel_tool_use": True},
    }
    message = one_client.messages.create(**fields)
    [block] = message.content
    assert (block.type, block.name, message.stop_reason) == ("tool_use", "city", "tool_use")
    assert block.input["city"] in {"Kuwait", "Salmiya"}
    with one_client.messages.stream(**fields) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["tool_use"]
    assert (final.stop_reason, final.stop_sequence) == ("tool_use", None)


def test_a_format_of_the_answer(one_client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    message = one_client.messages.create(
        model=SCRIPTED,
        max_tokens=50,
        messages=HELLO,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert isinstance(json.loads(message.content[0].text)["n"], int)


def test_images(one_client):
    """Handed to a model that takes them, refused by one that does not."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    fields: dict[str, Any] = {
        "max_tokens": 5,
        "messages": asked([picture, {"type": "text", "text": "Hello"}]),
    }
    assert one_client.messages.create(model=SCRIPTED, **fields).content[0].text == "Hello"
    with pytest.raises(anthropic.BadRequestError, match="messages: This model does not take image parts"):
        one_client.messages.create(model=TINY, **fields)


def test_stop_sequence(one_client):
    """The answer ends before the sequence, and names it."""
    fields: dict[str, Any] = {
        "model": TINY,
        "max_tokens": 200,
        "messages": COUNT,
        "extra_body": {"temperature": 0},
    }
    whole = one_client.messages.create(**fields).content[0].text
    cut = one_client.messages.create(stop_sequences=["nowhere", ", 5"], **fields)
    assert (cut.stop_reason, cut.stop_sequence) == ("stop_sequence", ", 5")
    assert cut.content[0].text == whole.partition(", 5")[0]
    with one_client.messages.stream(stop_sequences=[", 5"], **fields) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", ", 5")


def test_top_k(one_client):
    """With one candidate the hottest answer is the likeliest one."""

    def ask(**fields: float) -> str:
        story = asked("Tell me a story")
        message = one_client.messages.create(model=TINY, max_tokens=40, messages=story, extra_body=fields)
        return str(message.content[0].text)

    assert ask(temperature=1, top_k=1) == ask(temperature=0)
    assert len({ask(temperature=1) for _ in range(4)}) > 1


def test_beta_client(one_client):
    """What tools built on the beta surface send: a query, a header of flags, and more fields."""
    message = one_client.beta.messages.create(
        model=TINY,
        max_tokens=5,
        messages=HELLO,
        betas=["context-1m-2025-08-07"],
        thinking={"type": "adaptive"},
    )
    assert message.usage.output_tokens > 0
    counted = one_client.beta.messages.count_tokens(model=TINY, messages=HELLO)
    assert counted.input_tokens == message.usage.input_tokens


def test_idempotency_key(one_client, customer):
    """The same request again gets the first answer, and is charged once."""
    raw = one_client.messages.with_raw_response
    key = {"Idempotency-Key": "order 17/a"}
    first = raw.create(model=SCRIPTED, max_tokens=5, messages=HELLO, extra_headers=key)
    left = customer.left()
    again = raw.create(model=SCRIPTED, max_tokens=5, messages=HELLO, extra_headers=key)
    assert again.read() == first.read()
    assert again.headers["idempotency-hit"] == "true"
    assert customer.left() == left < 1_000


def test_a_stream_under_a_key_is_named(one_client):
    """It cannot be sent again; who asks learns the id that its events had."""
    fields: dict[str, Any] = {"model": SCRIPTED, "max_tokens": 5, "messages": HELLO, "stream": True}
    key = {"Idempotency-Key": "order 18"}
    start = next(iter(list(one_client.messages.create(extra_headers=key, **fields))))
    with pytest.raises(anthropic.ConflictError, match=start.message.id):
        one_client.messages.create(extra_headers=key, **fields)


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


def test_either_credential(stack, customer):
    """Some tools send the key as a token."""
    with Anthropic(base_url=stack.url, auth_token=customer.key, max_retries=0) as client:
        assert client.messages.count_tokens(model=TINY, messages=HELLO).input_tokens > 0


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


def test_models(client):
    """The list is Anthropic's too, and so are the errors beside it."""
    assert next(iter(client.models.list())).id == TINY
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.models.retrieve("claude-unknown")
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

"""The official Anthropic SDK against the real thing: Envoy, a core worker, Triton."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, beta_tool
from tests.support.customer import Customer
from tests.support.http import Http
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


@pytest.mark.parametrize("stream", [False, True])
def test_the_runner_of_tools(one_client, stream):
    """It asks for a conversation that is kept at the server; told that there is none, it sends all turns itself."""
    given: list[int] = []

    @beta_tool
    def weather(n: int) -> str:
        """The weather of a city."""
        given.append(n)
        return "sunny and warm"

    question = asked("#script tool=weather tools=2 tokens=2")
    runner = one_client.beta.messages.tool_runner(
        model=SCRIPTED, max_tokens=50, tools=[weather], messages=question, stream=stream
    )
    assert runner.until_done().content[0].text == "sunny and warm"
    assert given == [1, 1]


def test_a_conversation_that_is_kept_is_refused(one_client):
    """Never answered as if the messages of one turn were all."""
    with pytest.raises(anthropic.BadRequestError) as caught:
        one_client.beta.messages.create(
            model=SCRIPTED, max_tokens=5, messages=HELLO, thread={"type": "create"}, betas=["any"]
        )
    body: Any = caught.value.body
    assert body["error"]["details"]["error_code"] == "thread_unsupported_request"


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


def test_thoughts(one_client, customer):
    """Shown to those who ask for thinking, as a block ahead of the answer that may be sent back."""
    asked_for = asked("#script tokens=5 reason=3")
    fields: dict[str, Any] = {"model": SCRIPTED, "max_tokens": 100, "messages": asked_for}
    message = one_client.messages.create(**fields, thinking={"type": "adaptive"})
    with one_client.messages.stream(**fields, thinking={"type": "adaptive"}) as stream:
        thoughts = [event.thinking for event in stream if event.type == "thinking"]
        streamed = stream.get_final_message()
    assert "".join(thoughts) == "hm hm hm "
    for whole in (message, streamed):
        thought, text = whole.content
        assert (thought.type, thought.thinking) == ("thinking", "hm hm hm ")
        assert (text.type, text.text) == ("text", "delta alpha ")
        assert (whole.usage.output_tokens, whole.usage.output_tokens_details.thinking_tokens) == (5, 3)
    plain = one_client.messages.create(**fields)
    assert [block.type for block in plain.content] == ["text"]
    assert plain.usage == message.usage, "they are generated, and charged, all the same"
    assert customer.left() == 1_000 - 3 * (plain.usage.input_tokens + 5)
    turns = [*asked_for, {"role": "assistant", "content": message.content}, *asked("go on")]
    again = one_client.messages.create(model=SCRIPTED, max_tokens=100, messages=turns)
    assert again.content[0].text == "go on"


def test_what_an_agent_sends(stack, customer):
    """Caches, flags, effort, edits of the context and fields that are newer than we: answered, byte for byte."""
    body = {
        "model": SCRIPTED,
        "max_tokens": 32_000,
        "stream": True,
        "temperature": 1,
        "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
        "messages": asked(
            [{"type": "text", "text": "Héllo", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
        ),
        "tools": [WEATHER | {"cache_control": {"type": "ephemeral"}, "eager_input_streaming": True}],
        "metadata": {"user_id": "user_1"},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    }
    headers = {
        "x-api-key": customer.key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
        "x-stainless-retry-count": "0",
    }
    with Http(stack.port).open("POST", "/v1/messages?beta=true", body, headers) as reading:
        sent = reading.read().decode()
    assert reading.status == 200
    assert reading.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reading.headers["request-id"] == reading.headers["x-request-id"]
    assert not [name for name in reading.headers if name.startswith(("grpc", "x-envoy", "server", "openai"))]
    message_id = json.loads(sent.split("data: ")[1].split("\n")[0])["message"]["id"]
    usage = '"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0'
    assert sent.replace(message_id, "ID").replace(usage, "USAGE") == (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"ID","type":"message",'
        '"role":"assistant","model":"scripted","content":[],"stop_reason":null,"stop_sequence":null,'
        '"usage":{USAGE,"output_tokens":0,"service_tier":"standard"}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"Héllo"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        '"stop_sequence":null},"usage":{USAGE,"output_tokens":1}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


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


def test_either_credential(stack, customer):
    """Some tools send the key as a token."""
    with Anthropic(base_url=stack.url, auth_token=customer.key, max_retries=0) as client:
        assert client.messages.count_tokens(model=TINY, messages=HELLO).input_tokens > 0


def test_models(client):
    """The list is Anthropic's too, and so are the errors beside it."""
    assert next(iter(client.models.list())).id == TINY
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.models.retrieve("claude-unknown")
    assert caught.value.type == "not_found_error"

"""The official SDK against the real thing: Envoy, a core worker, Triton."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import grpc
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from tests.support.customer import Customer
from tests.support.http import chat_body
from tests.support.stack import Stack
from tritonclient.grpc import service_pb2, service_pb2_grpc

TINY = "raseed-tiny"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
COUNT: list[Any] = [{"role": "user", "content": "Count from 1 to 20"}]
TIMEOUT_S = 30.0


@pytest.fixture(params=["/v1", "/api/v1"])
def client(stack: Stack, customer: Customer, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    with sdk(stack, customer.key, request.param) as client:
        yield client


@pytest.fixture
def one_client(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with sdk(stack, customer.key) as client:
        yield client


def sdk(stack: Stack, key: str, base: str = "/v1") -> OpenAI:
    return OpenAI(base_url=stack.url + base, api_key=key, max_retries=0, timeout=TIMEOUT_S)


def generations(stack: Stack) -> int:
    """How many requests Triton has given to the model, as it counts them."""
    with grpc.insecure_channel(f"127.0.0.1:{stack.run_file()['triton_port']}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        found = stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name=TINY), timeout=TIMEOUT_S)
        return int(found.model_stats[0].inference_stats.success.count)


def balance(customer: Customer) -> float:
    """As a client sees it."""
    body = customer.http.send("GET", "/api/billing/subscription").json
    assert isinstance(body["credits"]["balance"], int | float)
    return float(body["credits"]["balance"])


def test_unary(client, customer):
    """A whole answer has OpenAI's shape on both prefixes, and its usage times the multiplier is the charge, seen at once."""
    before = balance(customer)
    answer = client.chat.completions.create(model=TINY, messages=HELLO)
    after = balance(customer)
    assert answer.id.startswith("chatcmpl-")
    assert answer.object == "chat.completion"
    assert answer.model == TINY
    [choice] = answer.choices
    assert choice.index == 0
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert choice.message.content
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 0
    multiplier = client.models.retrieve(TINY).credit_multiplier
    assert before - after == usage.total_tokens * multiplier


def test_streaming(client):
    """Without being asked a stream has no usage: a role chunk, text, one finish chunk with an empty delta."""
    chunks = list(client.chat.completions.create(model=TINY, messages=HELLO, stream=True))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    first, *middle, last = (chunk.choices[0] for chunk in chunks)
    assert (first.delta.role, first.delta.content, first.finish_reason) == ("assistant", "", None)
    assert middle
    assert all(choice.delta.content and choice.finish_reason is None for choice in middle)
    assert all(choice.delta.role is None for choice in (*middle, last))
    assert (last.delta.content, last.finish_reason) == (None, "stop")
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_streaming_with_usage(client, customer):
    """Asked for usage, every chunk has the key, and one more chunk without choices has the value: what is charged."""
    before = balance(customer)
    stream = client.chat.completions.create(
        model=TINY, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks)
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens
    assert before - balance(customer) == last.usage.total_tokens


def test_stream_helper(one_client):
    """The SDK's accumulating helper reaches its end and agrees with the unary answer."""
    with one_client.chat.completions.stream(
        model=TINY, messages=HELLO, temperature=0, stream_options={"include_usage": True}
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    whole = one_client.chat.completions.create(model=TINY, messages=HELLO, temperature=0)
    assert {"chunk", "content.delta", "content.done"} <= set(kinds)
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.choices[0].finish_reason == "stop"
    assert final.usage == whole.usage


async def test_async_client(stack, customer):
    """Eight answers at a time, half of them streamed, are each complete, and all of them are charged."""

    async def unary(client: AsyncOpenAI) -> int:
        answer = await client.chat.completions.create(model=TINY, messages=HELLO)
        assert answer.choices[0].message.content
        assert answer.usage is not None
        return answer.usage.total_tokens

    async def streamed(client: AsyncOpenAI) -> int:
        stream = await client.chat.completions.create(
            model=TINY, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        async with stream:
            chunks = [chunk async for chunk in stream]
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        return chunks[-1].usage.total_tokens

    async with AsyncOpenAI(
        base_url=f"{stack.url}/v1", api_key=customer.key, max_retries=0, timeout=TIMEOUT_S
    ) as client:
        tokens = await asyncio.gather(*(ask(client) for ask in (unary, streamed) * 4))
    assert customer.left() == 1_000 - sum(tokens)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_limits(one_client, limit):
    """Either name of the limit is kept to the token, and the answer says that it was cut."""
    answer = one_client.chat.completions.create(model=TINY, messages=COUNT, temperature=0, **{limit: 3})
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].finish_reason == "length"


def test_stop(one_client):
    """The answer ends before the stop text, and is no longer than it shows."""
    whole = one_client.chat.completions.create(model=TINY, messages=COUNT, temperature=0)
    cut = one_client.chat.completions.create(model=TINY, messages=COUNT, temperature=0, stop=[", 5"])
    text = whole.choices[0].message.content
    assert ", 5" in text
    assert cut.choices[0].message.content == text.partition(", 5")[0]
    assert cut.choices[0].finish_reason == "stop"
    assert cut.usage.completion_tokens < whole.usage.completion_tokens


def test_temperature_and_seed(one_client):
    """Temperature 0 repeats itself, so does a seed, and without either answers differ."""

    def ask(**fields: object) -> str:
        story: list[Any] = [{"role": "user", "content": "Tell me a story"}]
        answer = one_client.chat.completions.create(model=TINY, messages=story, max_tokens=60, **fields)
        return str(answer.choices[0].message.content)

    assert ask(temperature=0) == ask(temperature=0)
    assert ask(temperature=1.5, seed=7) == ask(temperature=1.5, seed=7)
    assert len({ask(temperature=1.5, seed=seed) for seed in range(4)}) > 1


def test_unknown_fields_are_dropped(one_client):
    """What other servers know and we do not never fails a request."""
    extra = {"top_k": 5, "chat_template_kwargs": {"thinking": True}, "provider": ["a", {"b": None}]}
    answer = one_client.chat.completions.create(model="scripted", messages=HELLO, extra_body=extra)
    assert answer.choices[0].message.content == "Hello"


def test_wrong_type(one_client, customer):
    """400 names the field at fault, and nothing is charged."""
    with pytest.raises(openai.BadRequestError) as caught:
        one_client.chat.completions.create(model=TINY, messages=HELLO, extra_body={"temperature": "hot"})
    assert caught.value.param == "temperature"
    assert caught.value.type == "invalid_request_error"
    assert customer.left() == 1_000


def test_wrong_key(stack):
    """401 for a key that was never made, also one that looks right."""
    changed = stack.key[:-1] + ("0" if stack.key[-1] != "0" else "1")
    for key in ("sk-1234", changed):
        with sdk(stack, key) as client, pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=TINY, messages=HELLO)
        assert caught.value.code == "invalid_api_key"


def test_no_key(one_client):
    """401 for a request without a credential."""
    with pytest.raises(openai.AuthenticationError) as caught:
        one_client.chat.completions.create(
            model=TINY, messages=HELLO, extra_headers={"Authorization": openai.omit}
        )
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
def test_no_credit(stack, stream):
    """402 with the documented body, byte for byte; the model is never called and nothing is deducted."""
    poor = stack.customer(0)
    calls = generations(stack)
    with sdk(stack, poor.key) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=TINY, messages=HELLO, stream=stream)
    assert caught.value.status_code == 402
    assert caught.value.response.content == (
        b'{"error":{"message":"Insufficient credits. Please top up your balance to continue.",'
        b'"type":"insufficient_credits","param":null,"code":402}}'
    )
    assert poor.left() == 0
    assert generations(stack) == calls
    with sdk(stack, stack.key) as rich:
        rich.chat.completions.create(model=TINY, messages=HELLO, max_tokens=1)
    assert generations(stack) == calls + 1, "the counter counts"


def test_unknown_model(one_client, customer):
    """404 with OpenAI's code, and nothing is charged."""
    with pytest.raises(openai.NotFoundError) as caught:
        one_client.chat.completions.create(model="gpt-unknown", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("model_not_found", None)
    assert customer.left() == 1_000


def test_models(client):
    """The demo model is first, with its multiplier and context; ids with a slash are found, escaped or not."""
    listed = list(client.models.list())
    own = [model.id for model in listed if not model.id.startswith("cloud")]
    assert own == [TINY, "raseed-tiny-embed", "scripted", "acme/scripted-1"]
    first = listed[0]
    assert (first.credit_multiplier, first.tier, first.context_length) == (1, "standard", 1024)
    assert client.models.retrieve(TINY) == first
    assert client.models.retrieve("acme/scripted-1") == listed[-1]  # the SDK sends %2F
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("acme/other")


def test_model_path_with_a_plain_slash(customer):
    """A slash that was not escaped means the same model."""
    escaped = customer.http.send("GET", "/v1/models/acme%2Fscripted-1")
    plain = customer.http.send("GET", "/v1/models/acme/scripted-1")
    assert plain.status == 200
    assert plain.body == escaped.body


@pytest.mark.parametrize("with_usage", [False, True])
def test_stream_bytes(customer, with_usage):
    """Every byte of a stream: order of keys, blank lines, `[DONE]` with its own."""
    options = {"stream_options": {"include_usage": True}} if with_usage else {}
    with customer.http.stream("Héllo", **options) as reading:
        body = reading.read()
    assert reading.status == 200
    assert reading.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in reading.headers
    assert not [name for name in reading.headers if name.startswith(("grpc", "x-envoy", "server"))]
    head = json.loads(body.split(b"\n")[0].removeprefix(b"data: "))
    start = (
        f'data: {{"id":"{head["id"]}","object":"chat.completion.chunk","created":{head["created"]},'
        '"model":"scripted","service_tier":"default","system_fingerprint":null,"choices":['
    )
    end = '],"usage":null}\n\n' if with_usage else "]}\n\n"

    def chunk(delta: str, reason: str = "null") -> str:
        return f'{start}{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}{end}'

    expected = chunk('{"role":"assistant","content":"","refusal":null}')
    expected += chunk('{"content":"Héllo"}') + chunk("{}", '"stop"')
    if with_usage:
        # One message and six bytes of text are three tokens; one word is one.
        expected += start + (
            '],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,'
            '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
            '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
            '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}\n\n'
        )
    assert body.decode() == expected + "data: [DONE]\n\n"


def test_answer_bytes(customer):
    """A whole answer is one JSON object with every documented key, and ids that the logs know."""
    answer = customer.http.send("POST", "/v1/chat/completions", chat_body("Hello"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert list(answer.json) == [
        *("id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint")
    ]
    message = answer.json["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []}

"""Models of cloud providers, through Envoy: what is answered, what is charged, and who was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI
from tests.emulators.model_providers.anthropic import (
    STOP,
    TEXT,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
    text_delta,
)
from tests.emulators.model_providers.gemini import part, usage_of
from tests.emulators.model_providers.openai import DONE, chunk, stream_of, usage_chunk
from tests.emulators.model_providers.provider import Pause, Play, Reset
from tests.support.customer import Customer
from tests.support.http import chat_body
from tests.support.model_clouds import CLAUDE, GEMINI, ModelClouds
from tests.support.stack import RESTART_TIMEOUT_S, Stack
from tests.support.waiting import until

CREDIT = 1_000
TIMEOUT_S = 30.0
ONE_TWO: list[Any] = [{"role": "user", "content": "one two three"}]
BROKEN = Play(status=500, content_type="application/json", steps=[b'{"error":{"message":"secret detail"}}'])


@pytest.fixture
def quiet(clouds: ModelClouds) -> Iterator[ModelClouds]:
    clouds.forget()
    yield clouds
    clouds.forget()


@pytest.fixture
def sdk(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.url}/v1", api_key=customer.key, max_retries=0, timeout=TIMEOUT_S) as client:
        yield client


def stubs(stack: Stack) -> int:
    """Processes in which Triton runs models: one whose Triton was killed notices it by itself, after a while."""
    return sum("triton_python_backend_stub" in line for line in stack.described())


def test_whole_and_streamed(quiet: ModelClouds, sdk: OpenAI, customer: Customer, stack: Stack) -> None:
    """The name, the ids and the usage are ours to say; the charge is what the provider reported."""
    answer = sdk.chat.completions.create(model="cloud", messages=ONE_TWO)
    assert (answer.model, answer.choices[0].message.content) == ("cloud", "one two three ")
    assert answer.id != "chatcmpl-upstream"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)
    stream = sdk.chat.completions.create(
        model="cloud", messages=ONE_TWO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert {chunk.model for chunk in chunks} == {"cloud"}
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == (
        "one two three "
    )
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 6
    assert customer.left() == CREDIT - 12
    assert quiet.asked() == (2, 0)
    assert [body["model"] for body in quiet.first.bodies] == ["gpt-upstream"] * 2
    assert all(body["stream_options"] == {"include_usage": True} for body in quiet.first.bodies)
    assert stack.cli("ledger", "verify").returncode == 0


def test_chunks_go_through_as_they_came(quiet: ModelClouds, customer: Customer) -> None:
    """With what we know nothing of; id, model and time are ours, and a role, an error or an end comes once."""
    said = {"content": "one", "annotations": [{"from": "upstream"}]}
    steps = [
        chunk({"role": "assistant", "content": ""}),
        chunk(said),
        chunk({}, "stop"),
        usage_chunk(3, 1),
        DONE,
    ]
    quiet.first.plays.append(Play(steps=steps))
    body = {**chat_body("one two three", model="cloud"), "stream": True}
    with customer.http.open("POST", "/v1/chat/completions", body) as reading:
        chunks = [json.loads(data) for data in reading.data() if data != "[DONE]"]
    assert [each["choices"][0]["delta"] for each in chunks] == [
        {"role": "assistant", "content": "", "refusal": None},
        said,
        {},
    ]
    assert {each["model"] for each in chunks} == {"cloud"}
    assert len({(each["id"], each["created"]) for each in chunks}) == 1
    assert "upstream-" not in json.dumps([{**each, "choices": []} for each in chunks])
    assert customer.left() == CREDIT - 4


def test_listed(stack: Stack, customer: Customer) -> None:
    listed = [model["id"] for model in customer.http.send("GET", "/v1/models").json["data"]]
    assert listed[0] == "raseed-tiny"
    assert "cloud" in listed


def test_anthropic(quiet: ModelClouds, stack: Stack, sdk: OpenAI, customer: Customer) -> None:
    """A model behind Anthropic's wire, for clients of both: to those of its own its blocks go through as they came."""
    answer = sdk.chat.completions.create(model=CLAUDE, messages=ONE_TWO)
    assert answer.choices[0].message.content == "one two three "
    assert customer.left() == CREDIT - 6
    thought = {"type": "thinking_delta", "thinking": "hm"}
    signed = {"type": "signature_delta", "signature": "c2lnbmVk"}
    quiet.claude.plays.append(
        Play(
            steps=[
                message_start({"input_tokens": 2, "cache_read_input_tokens": 8, "output_tokens": 1}),
                block_start({"type": "thinking", "thinking": "", "signature": ""}),
                *map(block_delta, (thought, signed)),
                block_stop(),
                block_start(TEXT, 1),
                text_delta("one", 1),
                block_stop(1),
                message_delta("end_turn", {"output_tokens": 5}),
                STOP,
            ]
        )
    )
    with (
        Anthropic(base_url=stack.url, api_key=customer.key, max_retries=0, timeout=TIMEOUT_S) as own,
        own.messages.stream(model=CLAUDE, max_tokens=100, messages=ONE_TWO) as stream,
    ):
        whole = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert whole.content[0].signature == "c2lnbmVk"  # type: ignore[union-attr]
    assert (whole.model, whole.stop_reason) == (CLAUDE, "end_turn")
    assert (whole.usage.cache_read_input_tokens, whole.usage.output_tokens) == (8, 5)
    assert customer.left() == CREDIT - 6 - 15
    assert "anthropic-version" in quiet.claude.served.asked[0].headers


def test_gemini(quiet: ModelClouds, sdk: OpenAI, customer: Customer) -> None:
    """A model behind Google's wire: its thoughts are charged as lines of their own, its calls are calls."""
    steps = [
        part({"text": "hm", "thought": True}, None, usage_of(9, 0, 2)),
        part({"text": "one"}, "STOP", {**usage_of(9, 4, 3), "cachedContentTokenCount": 5}),
    ]
    quiet.gemini.plays.append(Play(steps=steps))
    answer = sdk.chat.completions.create(model=GEMINI, messages=ONE_TWO)
    assert answer.choices[0].message.content == "one"
    assert answer.choices[0].message.reasoning_content == "hm"  # type: ignore[attr-defined]
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (9, 5)
    assert (usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens) == (7, 3)
    assert customer.left() == CREDIT - 16
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    answer = sdk.chat.completions.create(model=GEMINI, messages=ONE_TWO, tools=[tool], tool_choice="required")
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("look", '{"n":1}')
    assert answer.choices[0].finish_reason == "tool_calls"


def test_fallback(quiet: ModelClouds, sdk: OpenAI, customer: Customer, stack: Stack) -> None:
    """One hold and one charge, whoever answers."""
    quiet.first.plays.append(BROKEN)
    answer = sdk.chat.completions.create(model="cloud-two", messages=ONE_TWO)
    assert answer.choices[0].message.content == "one two three "
    assert quiet.asked() == (1, 1)
    assert customer.left() == CREDIT - 6
    assert stack.cli("ledger", "verify").returncode == 0


def test_nothing_is_sent_twice(quiet: ModelClouds, customer: Customer) -> None:
    """A request that left and was not answered, and an answer that broke, end there."""
    body = chat_body("one two three", model="cloud-two")
    quiet.first.plays.append(Play(before=[Reset()]))
    assert customer.http.send("POST", "/v1/chat/completions", body).status == 503
    assert customer.left() == CREDIT
    quiet.first.plays.append(Play(steps=[*stream_of(["one ", "two "])[:-1], Pause(0.05), Reset()]))
    with customer.http.open("POST", "/v1/chat/completions", {**body, "stream": True}) as reading:
        said = [json.loads(data) for data in reading.data() if data != "[DONE]"]
    assert "error" in said[-1]
    assert quiet.asked() == (2, 0)
    assert customer.left() < CREDIT


def test_breaker(quiet: ModelClouds, customer: Customer, stack: Stack) -> None:
    """A provider that fails again and again is left alone, and nobody notices."""
    quiet.first.always = BROKEN
    body = chat_body("one two three", model="cloud-broken")
    for _ in range(8):
        assert customer.http.send("POST", "/v1/chat/completions", body).status == 200
    assert quiet.asked() == (5, 8)
    assert customer.left() == CREDIT - 8 * 6
    assert stack.cli("ledger", "verify").returncode == 0


def test_errors_say_nothing_of_the_provider(quiet: ModelClouds, customer: Customer, stack: Stack) -> None:
    body = chat_body("one two three", model="cloud")
    for play, status in ((BROKEN, 503), (Play(status=401, steps=[b"secret detail"]), 503)):
        quiet.first.always = quiet.second.always = play
        answer = customer.http.send("POST", "/v1/chat/completions", body)
        error = answer.error(status)
        assert "secret" not in error["message"]
    assert "secret detail" not in stack.logs()
    assert "emulated-provider-key" not in stack.logs()
    assert customer.left() == CREDIT


def test_a_reader_that_leaves(quiet: ModelClouds, customer: Customer) -> None:
    words = [f"w{number} " for number in range(100)]
    quiet.first.plays.append(Play(steps=[*stream_of(words)[:-1], Pause()]))
    body = {**chat_body("one two three", model="cloud"), "stream": True}
    with customer.http.open("POST", "/v1/chat/completions", body) as reading:
        texts = reading.text()
        assert next(texts)
        reading.leave()
    left = customer.left()
    assert CREDIT - 200 < left < CREDIT
    until(lambda: not quiet.first.served.open_now, TIMEOUT_S, "nothing is generated for nobody")


@pytest.fixture
def spilling(new_stack: Callable[..., Stack], clouds: ModelClouds) -> Stack:
    """Its own model goes on in a cloud when Triton cannot take it."""
    return new_stack("spilling", clouds.spill_config, environ=clouds.environ).start()


def test_spill(quiet: ModelClouds, spilling: Stack) -> None:
    """While the local model cannot, the name is answered from the cloud, at its own price."""
    customer = spilling.customer()
    body = chat_body("one two three", model="raseed-tiny", max_tokens=5)
    assert customer.http.send("POST", "/v1/chat/completions", body).status == 200
    assert quiet.asked() == (0, 0)
    before, processes = customer.left(), stubs(spilling)
    with spilling.without_triton():

        def is_answered() -> bool:
            return customer.http.send("POST", "/v1/chat/completions", body).status == 200

        until(is_answered, TIMEOUT_S, "the cloud answers")
        assert quiet.asked()[0] == 1
        assert customer.left() == before - 6
    spilling.wait_for_model()
    until(lambda: stubs(spilling) == processes, RESTART_TIMEOUT_S, "what was killed has no process left")
    assert spilling.cli("ledger", "verify").returncode == 0

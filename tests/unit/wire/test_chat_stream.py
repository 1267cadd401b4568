from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.chat_stream import (
    CONTENT_TYPE,
    DONE,
    KEEP_ALIVE,
    ChatStreamEncoder,
    StreamUsage,
)
from raseed.adapters.wire.openai.errors import encode_stream_error
from raseed.core.errors import BackendLost
from raseed.core.inference.model import Delta, FinishReason, Logprob, TokenLogprob, ToolCall, Usage

USAGE = Usage(prompt_tokens=5, completion_tokens=3, cached_tokens=2)
CALL = ToolCall(id="call_1", name="weather", arguments_json="")


def encoder(
    *, include_usage: bool = False, stream_usage: StreamUsage = "requested", n: int = 1
) -> ChatStreamEncoder:
    return ChatStreamEncoder(
        completion_id='chatcmpl-"01"',  # quotes: nothing may be pasted in without escaping
        created_s=1_760_000_000,
        model="org/model:é",
        include_usage=include_usage,
        stream_usage=stream_usage,
        n=n,
    )


def text_stream(sse: ChatStreamEncoder, pieces: list[str], charged: Charged | None = None) -> bytes:
    deltas = [sse.delta(Delta(completion_tokens=count, text=piece)) for count, piece in enumerate(pieces, 1)]
    return b"".join([sse.role(), *deltas, sse.finish(FinishReason.STOP), sse.usage(USAGE, charged), DONE])


def tool_stream(sse: ChatStreamEncoder) -> bytes:
    other = ToolCall(id="call_2", name="clock", arguments_json='{"zone"')
    deltas = [
        Delta(completion_tokens=1, text="Let me look."),
        Delta(completion_tokens=2, tool_call_index=0, tool_call=CALL),
        Delta(completion_tokens=3, tool_call_index=0, tool_arguments='{"city":'),
        Delta(completion_tokens=4, tool_call_index=0, tool_arguments='"الكويت"}'),
        Delta(completion_tokens=5, tool_call_index=1, tool_call=other, tool_arguments=":3}"),
        Delta(completion_tokens=6, tool_call_index=1),
    ]
    return b"".join(
        [sse.role(), *map(sse.delta, deltas), sse.finish(FinishReason.TOOL_CALLS), sse.usage(USAGE), DONE]
    )


def two_choices(sse: ChatStreamEncoder) -> bytes:
    """The second choice speaks first and ends first."""
    deltas = [
        Delta(completion_tokens=1, choice=1, text="b"),
        Delta(completion_tokens=2, choice=0, text="a"),
        Delta(completion_tokens=3, choice=1, tool_call_index=0, tool_call=CALL, tool_arguments="{}"),
        Delta(completion_tokens=4, choice=1, text="!", finish_reason=FinishReason.TOOL_CALLS),
        Delta(completion_tokens=5, choice=0, text="a"),
    ]
    return b"".join(
        [sse.role(), *map(sse.delta, deltas), sse.finish(FinishReason.STOP), sse.usage(USAGE), DONE]
    )


def reasoning_stream(sse: ChatStreamEncoder) -> bytes:
    """Each of two choices thinks; one piece has a thought and a text."""
    deltas = [
        Delta(completion_tokens=1, reasoning="Let me "),
        Delta(completion_tokens=2, choice=1, reasoning="2 and\n2"),
        Delta(completion_tokens=3, reasoning="see.", text="Hel"),
        Delta(completion_tokens=4, text="lo"),
        Delta(completion_tokens=5, choice=1, text="4"),
    ]
    return b"".join([sse.role(), *map(sse.delta, deltas), sse.finish(FinishReason.STOP), DONE])


def logprobs_stream(sse: ChatStreamEncoder) -> bytes:
    euro = TokenLogprob(Logprob(b"\xe2\x82", -0.25), (Logprob(b"\xe2\x82", -0.25), Logprob(b"a", -2.0)))
    deltas = [
        Delta(completion_tokens=1, logprobs=(euro,)),
        Delta(completion_tokens=2, text="€", logprobs=(TokenLogprob(Logprob(b"\xac", 0.0)),)),
    ]
    return b"".join([sse.role(), *map(sse.delta, deltas), sse.finish(FinishReason.STOP), DONE])


def events(stream: bytes) -> list[Any]:
    assert stream.endswith(b"\n\n")
    parts = stream.split(b"\n\n")[:-1]
    assert all(part.startswith(b"data: ") and b"\n" not in part for part in parts)
    return [msgspec.json.decode(part[6:]) for part in parts if part != b"data: [DONE]"]


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("stream.sse", text_stream(encoder(), ["Hel", "", "lo\n"])),
        ("stream_usage.sse", text_stream(encoder(include_usage=True), ["Hel", "lo"])),
        (
            "stream_charged.sse",
            text_stream(encoder(stream_usage="always"), ["a"], Charged(cost_microcredits=8_000_000)),
        ),
        ("stream_two_choices.sse", two_choices(encoder(include_usage=True, n=2))),
        ("stream_reasoning.sse", reasoning_stream(encoder(n=2))),
        ("stream_logprobs.sse", logprobs_stream(encoder())),
        ("stream_tool_calls.sse", tool_stream(encoder(include_usage=True))),
        (
            "stream_error.sse",
            encoder().role() + encode_stream_error(BackendLost("The model stopped."), request_id="r"),
        ),
    ],
)
def test_shape(golden, name: str, stream: bytes):
    golden(name, stream)


def test_usage_always_is_the_same_as_usage_requested():
    always = text_stream(encoder(stream_usage="always"), ["a"])
    assert always == text_stream(encoder(include_usage=True), ["a"])
    assert always != text_stream(encoder(), ["a"])


def test_the_usage_key_is_there_in_every_chunk_or_in_none():
    asked = events(text_stream(encoder(include_usage=True), ["a", "b"]))
    assert [chunk["usage"] for chunk in asked[:-1]] == [None] * (len(asked) - 1)
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"]["total_tokens"] == 8
    assert not any("usage" in chunk for chunk in events(text_stream(encoder(), ["a", "b"])))


def test_one_finish_with_an_empty_delta_and_one_head_for_all():
    chunks = events(tool_stream(encoder(include_usage=True)))
    finishes = [choice for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert [(choice["delta"], choice["finish_reason"]) for choice in finishes] == [({}, "tool_calls")]
    heads = {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}
    assert heads == {('chatcmpl-"01"', 1_760_000_000, "org/model:é", "chat.completion.chunk")}


@settings(max_examples=200)
@given(st.text(), st.booleans())
def test_the_prepared_bytes_equal_a_generic_encoding(text: str, include_usage: bool):
    def chunk(delta: dict[str, Any]) -> bytes:
        usage = {"usage": None} if include_usage else {}
        body = {
            "id": 'chatcmpl-"01"',
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": "org/model:é",
            "service_tier": "default",
            "system_fingerprint": None,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
        } | usage
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    sse = encoder(include_usage=include_usage)
    assert sse.content(text) == chunk({"content": text})
    assert sse.role() == chunk({"role": "assistant", "content": "", "refusal": None})
    assert sse.tool_arguments(3, text) == chunk(
        {"tool_calls": [{"index": 3, "function": {"arguments": text}}]}
    )
    opened = {"index": 1, "id": text, "type": "function", "function": {"name": text, "arguments": ""}}
    call = ToolCall(id=text, name=text, arguments_json="ignored here")
    assert sse.tool_call(1, call) == chunk({"tool_calls": [opened]})


class _Served:
    """The official client, with a stream of ours as its network."""

    def __init__(self) -> None:
        self.stream = b""
        transport = httpx2.MockTransport(self._answer)
        self.client = openai.OpenAI(
            api_key="k",
            base_url="http://raseed/v1",
            http_client=httpx2.Client(transport=transport),
            max_retries=0,
        )

    def _answer(self, _request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": CONTENT_TYPE}, content=self.stream)

    def read(self, stream: bytes) -> list[openai.types.chat.ChatCompletionChunk]:
        self.stream = stream
        messages: Any = [{"role": "user", "content": "hi"}]
        return list(self.client.chat.completions.create(model="m", messages=messages, stream=True))


@pytest.fixture(scope="module")
def served() -> Iterator[_Served]:
    fake = _Served()
    yield fake
    fake.client.close()


@settings(max_examples=60)
@given(pieces=st.lists(st.text(), max_size=5))
def test_the_official_client_reads_back_any_text(served: _Served, pieces: list[str]):
    chunks = served.read(KEEP_ALIVE + text_stream(encoder(include_usage=True), pieces))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "".join(pieces)
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1] if chunk.choices[0].finish_reason] == [
        "stop"
    ]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 8


@settings(max_examples=100)
@given(st.text(alphabet=st.characters() | st.characters(categories=["Cs"])))
def test_lone_surrogates_never_break_a_stream(text: str):
    shown = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    [said, thought] = events(encoder().content(text) + encoder().reasoning(text))
    assert said["choices"][0]["delta"] == {"content": shown}
    assert thought["choices"][0]["delta"] == {"reasoning": shown, "reasoning_content": shown}


def test_the_official_helper_collects_tool_calls(served: _Served):
    served.stream = tool_stream(encoder())
    messages: Any = [{"role": "user", "content": "hi"}]
    with served.client.chat.completions.stream(model="m", messages=messages) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls is not None
    functions = [(call.id, call.function.name, call.function.arguments) for call in calls]
    assert functions == [("call_1", "weather", '{"city":"الكويت"}'), ("call_2", "clock", '{"zone":3}')]


def test_the_official_helper_collects_choices(served: _Served):
    served.stream = two_choices(encoder(include_usage=True, n=2))
    messages: Any = [{"role": "user", "content": "hi"}]
    with served.client.chat.completions.stream(model="m", messages=messages, n=2) as stream:
        first, second = stream.get_final_completion().choices
    assert (first.index, first.message.content, first.finish_reason) == (0, "aa", "stop")
    assert (second.index, second.message.content, second.finish_reason) == (1, "b!", "tool_calls")


def test_the_official_helper_collects_thoughts(served: _Served):
    served.stream = reasoning_stream(encoder(n=2))
    messages: Any = [{"role": "user", "content": "hi"}]
    with served.client.chat.completions.stream(model="m", messages=messages, n=2) as stream:
        found = [choice.message for choice in stream.get_final_completion().choices]
    assert [message.content for message in found] == ["Hello", "4"]
    for name in ("reasoning", "reasoning_content"):
        assert [getattr(message, name) for message in found] == ["Let me see.", "2 and\n2"]


def test_the_official_helper_collects_logprobs(served: _Served):
    served.stream = logprobs_stream(encoder())
    messages: Any = [{"role": "user", "content": "hi"}]
    with served.client.chat.completions.stream(model="m", messages=messages) as stream:
        logprobs = stream.get_final_completion().choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [(one.bytes, one.logprob) for one in logprobs.content] == [([0xE2, 0x82], -0.25), ([0xAC], 0)]
    assert [other.token for other in logprobs.content[0].top_logprobs] == ["\ufffd", "a"]


def test_the_official_client_raises_on_an_error_in_the_stream(served: _Served):
    lost = encode_stream_error(BackendLost("The model stopped."), request_id="r")
    with pytest.raises(openai.APIError, match=r"The model stopped\."):
        served.read(encoder().role() + encoder().content("a") + lost)

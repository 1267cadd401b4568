"""AWS Bedrock's Converse: what is asked, and what is understood of the answers."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulators.model_providers.bedrock import (
    call_start,
    delta,
    event,
    exception,
    frame,
    message_stop,
    metadata,
    start,
    stop,
    text,
)

from raseed.adapters.providers.aws_event_stream import EventStreamParser
from raseed.adapters.providers.bedrock_converse import BedrockConverse, BedrockDecoder
from raseed.adapters.providers.sse import Event, EventTooLong
from raseed.adapters.providers.wire import ErrorInStream, NotUnderstood, Piece, Reported, Upstream
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import (
    ChatRequest,
    FinishReason,
    Media,
    MediaKind,
    Message,
    Role,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
)

UPSTREAM = Upstream(
    model="anthropic.x-v1:0",
    context_length=1_000,
    max_output_tokens=100,
    capabilities=frozenset(),
    extra_body={"additionalModelRequestFields": {"top_k": 5}},
)


def read(*frames: bytes) -> tuple[BedrockDecoder, list[Piece]]:
    decoder, parser = BedrockDecoder(), EventStreamParser()
    return decoder, [piece for each in frames for found in parser.feed(each) for piece in decoder.read(found)]


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="sold", messages=messages, **more)


def test_a_request() -> None:
    media = (
        Media(kind=MediaKind.IMAGE, text_before=4, url="data:image/png;base64,QQ=="),
        Media(
            kind=MediaKind.FILE, text_before=9, url="data:application/pdf;base64,QQ==", file_name="a_b.pdf"
        ),
    )
    long_id = "call_" + "x" * 80
    request = asked(
        Message(role=Role.SYSTEM, text="short"),
        Message(role=Role.USER, text="look here", media=media),
        Message(
            role=Role.ASSISTANT,
            text="so",
            tool_calls=(ToolCall(id=long_id, name="f", arguments_json='{"b":1,"a":2}'),),
        ),
        Message(role=Role.TOOL, text="42", tool_call_id=long_id),
        Message(role=Role.USER, text="and now"),
        sampling=Sampling(temperature=0.0, top_p=0.5, stop=("x",)),
        tools=(Tool(name="f", description="d", parameters_json='{"type":"object"}'),),
        tool_choice=ToolChoice.REQUIRED,
        required_tool="f",
    )
    BedrockConverse().check(request)
    sent = BedrockConverse().encode(request, UPSTREAM, 50)
    assert sent.path == "/model/anthropic.x-v1%3A0/converse-stream"
    assert json.loads(sent.body) == {
        "additionalModelRequestFields": {"top_k": 5},
        "system": [{"text": "short"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "look"},
                    {"image": {"format": "png", "source": {"bytes": "QQ=="}}},
                    {"text": " here"},
                    {"document": {"name": "a-b-pdf", "format": "pdf", "source": {"bytes": "QQ=="}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"text": "so"},
                    {"toolUse": {"toolUseId": "x" * 64, "name": "f", "input": {"b": 1, "a": 2}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "x" * 64, "content": [{"text": "42"}]}},
                    {"text": "and now"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.0, "topP": 0.5, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, "description": "d"}}
            ],
            "toolChoice": {"tool": {"name": "f"}},
        },
    }


HI = Message(role=Role.USER, text="x")


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asked(HI, sampling=Sampling(seed=1)), "seed"),
        (asked(HI, sampling=Sampling(top_k=1)), "top_k"),
        (asked(HI, sampling=Sampling(temperature=1.5)), "temperature"),
        (asked(HI, tools=(Tool(name="f"),), parallel_tool_calls=False), "parallel_tool_calls"),
        (
            asked(
                Message(
                    role=Role.USER,
                    text="",
                    media=(Media(kind=MediaKind.IMAGE, text_before=0, url="https://x/y.png"),),
                )
            ),
            "messages.[0].content",
        ),
    ],
)
def test_what_it_has_no_word_for(request_: ChatRequest, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        BedrockConverse().check(request_)
    assert refused.value.param == param


def test_an_answer() -> None:
    decoder, pieces = read(
        start(),
        delta({"reasoningContent": {"text": "hm"}}),
        delta({"reasoningContent": {"signature": "c2ln"}}),
        stop(),
        text("Hi"),
        stop(1),
        message_stop("max_tokens"),
        metadata(5, 7, cacheReadInputTokens=3, cacheWriteInputTokens=2),
    )
    assert [(piece.text, piece.reasoning) for piece in pieces] == [("", "hm"), ("Hi", "")]
    assert decoder.finish_reason is FinishReason.LENGTH
    assert decoder.usage == Reported(prompt_tokens=10, completion_tokens=7, cached_tokens=3)


def test_calls() -> None:
    decoder, pieces = read(
        call_start("a", "f", 1),
        delta({"toolUse": {"input": '{"x"'}}, 1),
        delta({"toolUse": {"input": ":1}"}}, 1),
        call_start("b", "g", 2),
        message_stop("tool_use"),
    )
    assert [piece.tool_call.name for piece in pieces if piece.tool_call] == ["f", "g"]
    assert [(piece.tool_call_index, piece.tool_arguments) for piece in pieces if piece.tool_arguments] == [
        (0, '{"x"'),
        (0, ":1}"),
    ]
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("kind", "status"),
    [("throttlingException", 429), ("validationException", 400), ("modelStreamErrorException", 500)],
)
def test_errors(kind: str, status: int) -> None:
    with pytest.raises(ErrorInStream) as told:
        read(exception(kind, "?"))
    assert told.value.status == status


def test_what_the_model_broke() -> None:
    with pytest.raises(ErrorInStream):
        read(message_stop("malformed_tool_use"))


@pytest.mark.parametrize(
    "wrong",
    [
        event("contentBlockDelta", delta={"text": "no index"}),
        event("contentBlockDelta", delta={"toolUse": {"input": "x"}}, contentBlockIndex=0),
        event("contentBlockStart", start={"toolUse": {}}, contentBlockIndex=0),
        frame({":event-type": "metadata"}, b"{"),
        text("x")[:-1] + b"x",
        b"\0" * 16,
    ],
)
def test_what_is_none_of_this_wire(wrong: bytes) -> None:
    with pytest.raises(NotUnderstood):
        read(wrong)


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(0, 10_000), max_size=20))
def test_cuts_change_nothing(payloads: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(frame({":event-type": "x", ":message-type": "event"}, payload) for payload in payloads)
    places = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    parser = EventStreamParser()
    found = [event for begin, end in pairwise(places) for event in parser.feed(whole[begin:end])]
    assert found == [Event("x", payload) for payload in payloads]
    assert parser.lines == len(payloads)


@settings(max_examples=100)
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_byte_that_changed_is_noticed(place: int, value: int) -> None:
    whole = bytearray(text("some words"))
    place %= len(whole)
    if whole[place] == value:
        return
    whole[place] = value
    parser = EventStreamParser()
    with suppress(NotUnderstood, EventTooLong):
        assert parser.feed(bytes(whole)) == []


def test_what_came_before_something_broken_is_read() -> None:
    parser = EventStreamParser()
    assert len(parser.feed(text("a") + b"x" * 20)) == 1
    with pytest.raises(NotUnderstood):
        parser.end()


def test_a_message_has_a_bound() -> None:
    with pytest.raises(EventTooLong):
        EventStreamParser(bytes_max=100).feed(frame({}, b"x" * 100))

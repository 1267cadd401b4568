"""Anthropic's messages: what is asked, and what is understood of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulators.model_providers.anthropic import (
    PING,
    STOP,
    TEXT,
    block_delta,
    block_start,
    block_stop,
    event,
    message_delta,
    message_start,
    text_delta,
)

from raseed.adapters.providers.anthropic_messages import AnthropicDecoder, AnthropicMessages
from raseed.adapters.providers.sse import SseParser
from raseed.adapters.providers.wire import ErrorInStream, NotUnderstood, Piece, Reported, Upstream
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import (
    ChatRequest,
    FinishReason,
    JsonFormat,
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
    model="upstream", context_length=1_000, max_output_tokens=100, capabilities=frozenset(), extra_body={}
)


def body(request: ChatRequest) -> Any:
    sent = AnthropicMessages().encode(request, UPSTREAM, 50)
    assert sent.path == "/v1/messages"
    return json.loads(sent.body)


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="sold", messages=messages, **more)


def said(role: Role, text: str, **more: Any) -> Message:
    return Message(role=role, text=text, **more)


def read(*events: bytes) -> tuple[AnthropicDecoder, list[Piece]]:
    decoder, parser = AnthropicDecoder(), SseParser()
    return decoder, [piece for each in events for found in parser.feed(each) for piece in decoder.read(found)]


def test_least() -> None:
    assert body(asked(said(Role.USER, "Hello"))) == {
        "model": "upstream",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stream": True,
    }


def test_turns() -> None:
    """One system, one turn for neighbours of a role, results of tools within the user's."""
    calls = (
        ToolCall(id="call.1", name="f", arguments_json='{"b":1,"a":2}'),
        ToolCall(id="call_2", name="g", arguments_json="not json"),
    )
    sent = body(
        asked(
            said(Role.SYSTEM, "first"),
            said(Role.USER, "look"),
            said(Role.ASSISTANT, "", tool_calls=calls),
            said(Role.TOOL, "one", tool_call_id="call.1"),
            said(Role.TOOL, "two", tool_call_id="call_2"),
            said(Role.SYSTEM, "second"),
            said(Role.USER, "and now"),
        )
    )
    assert sent["system"] == "first\n\nsecond"
    assert sent["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "look"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"b": 1, "a": 2}},
                {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "two"},
                {"type": "text", "text": "and now"},
            ],
        },
    ]


def test_media() -> None:
    media = (
        Media(kind=MediaKind.IMAGE, text_before=4, url="data:image/png;base64,QQ=="),
        Media(kind=MediaKind.IMAGE, text_before=4, url="https://x/y.png"),
        Media(kind=MediaKind.FILE, text_before=9, url="data:application/pdf;base64,QQ==", file_name="x.pdf"),
    )
    [turn] = body(asked(said(Role.USER, "look here", media=media)))["messages"]
    assert turn["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "text", "text": " here"},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
            "title": "x.pdf",
        },
    ]


@pytest.mark.parametrize(
    ("more", "choice"),
    [
        ({}, None),
        ({"tool_choice": ToolChoice.REQUIRED}, {"type": "any"}),
        ({"tool_choice": ToolChoice.REQUIRED, "required_tool": "f"}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tools(more: dict[str, Any], choice: Any) -> None:
    tools = (Tool(name="f", description="d", parameters_json='{"type":"object"}'), Tool(name="g"))
    sent = body(asked(said(Role.USER, "x"), tools=tools, **more))
    assert sent["tools"] == [
        {"name": "f", "input_schema": {"type": "object"}, "description": "d"},
        {"name": "g", "input_schema": {"type": "object"}},
    ]
    assert sent.get("tool_choice") == choice


def test_sampling_and_format() -> None:
    sampling = Sampling(temperature=0.0, top_p=0.5, top_k=3, stop=("x",))
    sent = body(asked(said(Role.USER, "x"), sampling=sampling, json_format=JsonFormat(schema_json="{}")))
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["stop_sequences"]) == (0.0, 0.5, 3, ["x"])
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": {}}}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asked(said(Role.USER, "x"), sampling=Sampling(seed=1)), "seed"),
        (asked(said(Role.USER, "x"), sampling=Sampling(temperature=1.5)), "temperature"),
        (
            asked(
                said(
                    Role.USER, "x", media=(Media(kind=MediaKind.FILE, text_before=0, url="https://x/y.pdf"),)
                )
            ),
            "messages.[0].content",
        ),
    ],
)
def test_what_it_has_no_word_for(request_: ChatRequest, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        AnthropicMessages().check(request_)
    assert refused.value.param == param


def test_an_answer() -> None:
    thinking = {"type": "thinking_delta", "thinking": "hm"}
    decoder, pieces = read(
        message_start(
            {
                "input_tokens": 5,
                "cache_creation_input_tokens": 2,
                "cache_read_input_tokens": 3,
                "output_tokens": 1,
            }
        ),
        PING,
        block_start({"type": "thinking", "thinking": ""}),
        block_delta(thinking),
        block_stop(),
        block_start(TEXT, 1),
        text_delta("Hi", 1),
        block_stop(1),
        message_delta("stop_sequence", {"output_tokens": 7}, "END"),
        STOP,
    )
    assert "".join(piece.text for piece in pieces) == "Hi"
    assert "".join(piece.reasoning for piece in pieces) == "hm"
    assert all(piece.relayed for piece in pieces)
    assert (decoder.finish_reason, decoder.stop_sequence) == (FinishReason.STOP, "END")
    assert decoder.has_ended
    assert decoder.usage == Reported(prompt_tokens=10, completion_tokens=7, cached_tokens=3)


def test_what_is_counted_at_the_start_is_no_count_of_the_answer() -> None:
    decoder, _ = read(message_start({"input_tokens": 5, "output_tokens": 1}))
    assert decoder.usage == Reported(prompt_tokens=5)


def test_calls() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    decoder, pieces = read(
        block_start(TEXT),
        text_delta("so"),
        block_stop(),
        block_start(use, 1),
        block_delta({"type": "input_json_delta", "partial_json": ""}, 1),
        block_delta({"type": "input_json_delta", "partial_json": '{"a":1}'}, 1),
        block_stop(1),
        message_delta("tool_use"),
    )
    opened = [piece.tool_call for piece in pieces if piece.tool_call]
    assert [(call.id, call.name) for call in opened] == [("toolu_1", "f")]
    assert [piece.tool_arguments for piece in pieces if piece.tool_arguments] == ['{"a":1}']
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("rate_limit_error", 429), ("invalid_request_error", 400), ("new", 500)],
)
def test_errors(kind: str, status: int) -> None:
    with pytest.raises(ErrorInStream) as told:
        read(event("error", error={"type": kind, "message": "?"}))
    assert told.value.status == status


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "[]",
        "{}",
        '{"type":"content_block_delta","delta":{}}',
        '{"type":"content_block_delta","index":0,"delta":{"partial_json":"x"}}',
        '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}',
    ],
)
def test_what_is_none_of_this_wire(data: str) -> None:
    with pytest.raises(NotUnderstood):
        read(f"data: {data}\n\n".encode())


def test_what_is_new_is_passed_over() -> None:
    assert read(event("something_new", x=1))[1] == []

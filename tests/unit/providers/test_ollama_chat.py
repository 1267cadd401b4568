"""Ollama's own chat: what is asked, and what is understood of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulators.model_providers.ollama import end, figures, line, text

from raseed.adapters.providers.json_lines import JsonLinesParser
from raseed.adapters.providers.ollama_chat import OllamaChat, OllamaDecoder
from raseed.adapters.providers.sse import Event, EventTooLong
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
)

UPSTREAM = Upstream(
    model="upstream",
    context_length=1_000,
    max_output_tokens=100,
    capabilities=frozenset(),
    extra_body={"keep_alive": "5m", "options": {"num_ctx": 8_192, "num_predict": 1}},
)


def read(*lines: bytes) -> tuple[OllamaDecoder, list[Piece]]:
    decoder, parser = OllamaDecoder(), JsonLinesParser()
    return decoder, [piece for each in lines for found in parser.feed(each) for piece in decoder.read(found)]


def test_a_request() -> None:
    image = Media(kind=MediaKind.IMAGE, text_before=0, url="data:image/png;base64,QQ==")
    request = ChatRequest(
        model="sold",
        messages=(
            Message(role=Role.SYSTEM, text="short"),
            Message(role=Role.USER, text="look", media=(image,)),
            Message(
                role=Role.ASSISTANT,
                text="",
                tool_calls=(ToolCall(id="a", name="f", arguments_json='{"x":1}'),),
            ),
            Message(role=Role.TOOL, text="42", tool_call_id="a"),
        ),
        sampling=Sampling(temperature=0.0, top_k=3, seed=7, stop=("x",)),
        tools=(Tool(name="f"),),
        json_format=JsonFormat(schema_json='{"type":"string"}'),
    )
    OllamaChat().check(request)
    sent = OllamaChat().encode(request, UPSTREAM, 50)
    assert sent.path == "/api/chat"
    function = {"name": "f", "description": "", "parameters": {"type": "object"}}
    assert json.loads(sent.body) == {
        "keep_alive": "5m",
        "model": "upstream",
        "messages": [
            {"role": "system", "content": "short"},
            {"role": "user", "content": "look", "images": ["QQ=="]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
            },
            {"role": "tool", "content": "42", "tool_name": "f"},
        ],
        "stream": True,
        "options": {
            "num_ctx": 8_192,
            "num_predict": 50,
            "temperature": 0.0,
            "top_k": 3,
            "seed": 7,
            "stop": ["x"],
        },
        "tools": [{"type": "function", "function": function}],
        "format": {"type": "string"},
    }


def test_what_it_has_no_word_for() -> None:
    far = Media(kind=MediaKind.IMAGE, text_before=0, url="https://x/y.png")
    for request in (
        ChatRequest(model="sold", messages=(Message(role=Role.USER, text="x", media=(far,)),)),
        ChatRequest(
            model="sold",
            messages=(Message(role=Role.USER, text="x"),),
            tools=(Tool(name="f"),),
            parallel_tool_calls=False,
        ),
    ):
        with pytest.raises(RequestInvalid):
            OllamaChat().check(request)


def test_an_answer() -> None:
    decoder, pieces = read(
        line({"content": "", "thinking": "hm"}), text("Hi"), end("length", **figures(5, 7))
    )
    assert [(piece.text, piece.reasoning) for piece in pieces] == [("", "hm"), ("Hi", "")]
    assert decoder.finish_reason is FinishReason.LENGTH
    assert decoder.usage == Reported(prompt_tokens=5, completion_tokens=7)


def test_calls() -> None:
    called = [{"function": {"name": "f", "arguments": {"x": 1}}}, {"id": "b", "function": {"name": "g"}}]
    decoder, pieces = read(line({"content": "", "tool_calls": called}), end())
    calls = [piece.tool_call for piece in pieces if piece.tool_call]
    assert [(call.name, call.arguments_json) for call in calls] == [("f", '{"x":1}'), ("g", "{}")]
    assert calls[1].id == "b"
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


def test_errors() -> None:
    with pytest.raises(ErrorInStream):
        read(b'{"error":"an error was encountered while running the model"}\n')


@pytest.mark.parametrize("data", ["{", "[]", '{"message":{"tool_calls":[{}]}}'])
def test_what_is_none_of_this_wire(data: str) -> None:
    with pytest.raises(NotUnderstood):
        read(data.encode() + b"\n")


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_lines(size: int) -> None:
    whole = b'{"a":1}\r\n\n{"b":2}\n{"c":3}'
    parser = JsonLinesParser()
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    found = [event for piece in pieces for event in parser.feed(piece)] + parser.end()
    assert [json.loads(event.data) for event in found] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert found[0] == Event("", b'{"a":1}\r')


@pytest.mark.parametrize("chunk", [b"x" * 101, b"{}\n" + b"x" * 101, b"x" * 101 + b"\n"])
def test_a_line_has_a_bound(chunk: bytes) -> None:
    with pytest.raises(EventTooLong):
        JsonLinesParser(bytes_max=100).feed(chunk)


def test_odd_figures() -> None:
    said: dict[str, Any] = {"prompt_eval_count": -1, "eval_count": "7"}
    assert read(line({"content": ""}, done=True, **said))[0].usage == Reported()

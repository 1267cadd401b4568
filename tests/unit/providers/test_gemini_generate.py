"""Google's generateContent: what is asked, and what is understood of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulators.model_providers.gemini import end, event, part, text, usage_of

from raseed.adapters.providers.gemini_generate import GeminiDecoder, GeminiGenerate
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
    model="gemini/x",
    context_length=1_000,
    max_output_tokens=100,
    capabilities=frozenset(),
    extra_body={"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 1}},
)
CONFIG = {"thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 50}


def body(request: ChatRequest) -> Any:
    sent = GeminiGenerate().encode(request, UPSTREAM, 50)
    assert sent.path == "/v1beta/models/gemini%2Fx:streamGenerateContent?alt=sse"
    return json.loads(sent.body)


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="sold", messages=messages, **more)


def said(role: Role, text: str, **more: Any) -> Message:
    return Message(role=role, text=text, **more)


def read(*events: bytes) -> tuple[GeminiDecoder, list[Piece]]:
    decoder, parser = GeminiDecoder(), SseParser()
    return decoder, [piece for each in events for found in parser.feed(each) for piece in decoder.read(found)]


def test_least() -> None:
    assert body(asked(said(Role.USER, "Hello"))) == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": CONFIG,
    }


def test_turns() -> None:
    calls = (
        ToolCall(id="a", name="f", arguments_json='{"b":1,"a":2}'),
        ToolCall(id="b", name="g", arguments_json=""),
    )
    sent = body(
        asked(
            said(Role.SYSTEM, "first"),
            said(Role.USER, "look"),
            said(Role.ASSISTANT, "so", tool_calls=calls),
            said(Role.TOOL, '{"x":1}', tool_call_id="a"),
            said(Role.TOOL, "plain", tool_call_id="b"),
            said(Role.SYSTEM, "second"),
            said(Role.USER, "and now"),
        )
    )
    assert sent["systemInstruction"] == {"parts": [{"text": "first\n\nsecond"}]}
    assert sent["contents"] == [
        {"role": "user", "parts": [{"text": "look"}]},
        {
            "role": "model",
            "parts": [
                {"text": "so"},
                {
                    "functionCall": {"name": "f", "args": {"b": 1, "a": 2}},
                    "thoughtSignature": "skip_thought_signature_validator",
                },
                {"functionCall": {"name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"x": 1}}},
                {"functionResponse": {"name": "g", "response": {"result": "plain"}}},
                {"text": "and now"},
            ],
        },
    ]


def test_the_rest() -> None:
    media = (
        Media(kind=MediaKind.IMAGE, text_before=4, url="data:image/png;base64,QQ=="),
        Media(kind=MediaKind.AUDIO, text_before=9, data_base64="QQ==", format="wav"),
    )
    request = asked(
        said(Role.USER, "look here", media=media),
        sampling=Sampling(temperature=0.0, top_p=0.5, top_k=3, seed=7, stop=("x",), presence_penalty=1.0),
        tools=(Tool(name="f", description="d", parameters_json='{"type":"object"}'), Tool(name="g")),
        tool_choice=ToolChoice.REQUIRED,
        required_tool="f",
        json_format=JsonFormat(schema_json='{"type":"string"}'),
    )
    sent = body(request)
    assert sent["contents"][0]["parts"] == [
        {"text": "look"},
        {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
        {"text": " here"},
        {"inlineData": {"mimeType": "audio/wav", "data": "QQ=="}},
    ]
    assert sent["generationConfig"] == CONFIG | {
        "temperature": 0.0,
        "topP": 0.5,
        "topK": 3,
        "seed": 7,
        "stopSequences": ["x"],
        "presencePenalty": 1.0,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "string"},
    }
    assert sent["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}},
                {"name": "g"},
            ]
        }
    ]
    assert sent["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (
            asked(
                said(
                    Role.USER, "x", media=(Media(kind=MediaKind.IMAGE, text_before=0, url="https://x/y.png"),)
                )
            ),
            "messages.[0].content",
        ),
        (
            asked(said(Role.USER, "x"), tools=(Tool(name="f"),), parallel_tool_calls=False),
            "parallel_tool_calls",
        ),
    ],
)
def test_what_it_has_no_word_for(request_: ChatRequest, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        GeminiGenerate().check(request_)
    assert refused.value.param == param


def test_an_answer() -> None:
    decoder, pieces = read(
        part({"text": "hm", "thought": True}, None, usage_of(9, 0, 2)),
        text("Hi"),
        part({"text": "!"}, "STOP", {**usage_of(9, 4, 3), "cachedContentTokenCount": 5}),
    )
    assert [(piece.text, piece.reasoning) for piece in pieces] == [("", "hm"), ("Hi", ""), ("!", "")]
    assert decoder.finish_reason is FinishReason.STOP
    assert not decoder.has_ended
    assert decoder.usage == Reported(
        prompt_tokens=9, completion_tokens=7, cached_tokens=5, reasoning_tokens=3
    )


def test_calls() -> None:
    decoder, pieces = read(
        part({"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}}),
        part({"functionCall": {"id": "theirs", "name": "g"}}, "STOP"),
    )
    calls = [piece.tool_call for piece in pieces if piece.tool_call]
    assert [(call.name, call.arguments_json) for call in calls] == [("f", '{"b":1,"a":2}'), ("g", "{}")]
    assert calls[0].id.startswith("call_")
    assert calls[1].id == "theirs"
    assert [piece.tool_call_index for piece in pieces] == [0, 1]
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("NEW", FinishReason.STOP),
    ],
)
def test_reasons(reason: str, ours: FinishReason | None) -> None:
    assert read(end(reason))[0].finish_reason is ours


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"error": {"code": 429, "message": "?"}}, 429),
        ({"error": {"message": "?"}}, 500),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, 400),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, 500),
    ],
)
def test_errors(data: dict[str, Any], status: int) -> None:
    with pytest.raises(ErrorInStream) as told:
        read(event(**data))
    assert told.value.status == status


@pytest.mark.parametrize(
    "data", ["{", "[]", "7", '{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}']
)
def test_what_is_none_of_this_wire(data: str) -> None:
    with pytest.raises(NotUnderstood):
        read(f"data: {data}\n\n".encode())

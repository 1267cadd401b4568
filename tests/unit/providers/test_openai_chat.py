"""OpenAI's chat completions: what is asked, and what is understood of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulators.model_providers.openai import calls_of, chunk, event, usage

from raseed.adapters.providers.openai_chat import OpenAIChat, OpenAIChatDecoder
from raseed.adapters.providers.openai_request import OPENAI, Dialect
from raseed.adapters.providers.registry import KINDS
from raseed.adapters.providers.sse import SseParser
from raseed.adapters.providers.wire import ErrorInStream, NotUnderstood, Piece, Reported, Upstream
from raseed.adapters.wire.openai.chat_stream import ChatStreamEncoder
from raseed.core.errors import RequestInvalid
from raseed.core.inference.mailbox import join
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    Delta,
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

HELLO = (Message(role=Role.USER, text="Hello"),)
UPSTREAM = Upstream(
    model="upstream",
    context_length=1_000,
    max_output_tokens=100,
    capabilities=frozenset(Capability),
    extra_body={"service_tier": "default", "model": "not this one"},
)


def body(request: ChatRequest, dialect: Dialect = OPENAI) -> Any:
    return json.loads(OpenAIChat(dialect).encode(request, UPSTREAM, 50).body)


def read(*chunks: Any) -> tuple[OpenAIChatDecoder, list[Piece]]:
    decoder, parser = OpenAIChatDecoder(), SseParser()
    return decoder, [piece for each in chunks for found in parser.feed(each) for piece in decoder.read(found)]


def test_least() -> None:
    """What was not asked for is not sent, and nothing of the operator's goes over what a request says."""
    assert body(ChatRequest(model="sold", messages=HELLO)) == {
        "service_tier": "default",
        "model": "upstream",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 50,
    }


def test_most() -> None:
    schema = '{"type":"object","properties":{"b":{},"a":{}}}'
    request = ChatRequest(
        model="sold",
        messages=(
            Message(role=Role.SYSTEM, text="Be short", name="boss"),
            Message(
                role=Role.USER,
                text="look here",
                media=(
                    Media(kind=MediaKind.IMAGE, text_before=4, url="https://x/y.png", detail="low"),
                    Media(kind=MediaKind.AUDIO, text_before=9, data_base64="QQ==", format="wav"),
                    Media(kind=MediaKind.FILE, text_before=9, url="data:,x", file_name="x.txt"),
                ),
            ),
            Message(
                role=Role.ASSISTANT, text="", tool_calls=(ToolCall(id="c", name="f", arguments_json=""),)
            ),
            Message(role=Role.TOOL, text="42", tool_call_id="c"),
        ),
        sampling=Sampling(
            temperature=0.0, top_p=0.5, seed=7, stop=("x",), top_logprobs=2, logit_bias=((5, -100.0),)
        ),
        tools=(Tool(name="f", description="d", parameters_json=schema),),
        tool_choice=ToolChoice.REQUIRED,
        required_tool="f",
        parallel_tool_calls=False,
        json_format=JsonFormat(schema_json=schema),
    )
    sent = body(request)
    assert sent["messages"] == [
        {"role": "system", "content": "Be short", "name": "boss"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "text", "text": " here"},
                {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:,x", "filename": "x.txt"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c"},
    ]
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["stop"]) == (0.0, 0.5, 7, ["x"])
    assert (sent["logprobs"], sent["top_logprobs"], sent["logit_bias"]) == (True, 2, {"5": -100.0})
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert sent["parallel_tool_calls"] is False
    assert list(sent["tools"][0]["function"]["parameters"]["properties"]) == ["b", "a"]
    assert sent["response_format"]["json_schema"]["schema"] == json.loads(schema)


def test_dialects() -> None:
    request = ChatRequest(
        model="sold",
        messages=HELLO,
        sampling=Sampling(seed=7),
        tools=(Tool(name="f"),),
        tool_choice=ToolChoice.REQUIRED,
    )
    wire = KINDS["mistral"].wire()
    sent = json.loads(wire.encode(request, UPSTREAM, 50).body)
    assert (sent["max_tokens"], sent["random_seed"], sent["tool_choice"]) == (50, 7, "any")
    assert not {"seed", "stream_options", "max_completion_tokens"} & set(sent)


def test_what_the_wire_cannot_say_is_refused() -> None:
    request = ChatRequest(model="sold", messages=HELLO, sampling=Sampling(top_k=5))
    with pytest.raises(RequestInvalid) as refused:
        KINDS["openai"].wire().check(request)
    assert refused.value.param == "top_k"
    KINDS["vllm"].wire().check(request)
    one_call = ChatRequest(model="sold", messages=HELLO, tools=(Tool(name="f"),), parallel_tool_calls=False)
    with pytest.raises(RequestInvalid) as refused:
        KINDS["deepseek"].wire().check(one_call)
    assert refused.value.param == "parallel_tool_calls"
    KINDS["openai"].wire().check(one_call)
    assert body(request, Dialect())["top_k"] == 5


def test_what_a_client_could_take_is_relayed_as_it_stands() -> None:
    """Also what we know nothing of; not a second role, an end, contents in parts, or calls that we number anew."""
    delta = {"content": "Hi", "annotations": [{"x": 1}]}
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    _, pieces = read(
        chunk(delta),
        chunk({"reasoning_content": "so"}),
        chunk({"tool_calls": [call]}),
        chunk({"role": "assistant", "content": "again"}),
        chunk({"content": "last"}, "stop"),
        chunk({"content": [{"type": "text", "text": "part"}]}),
        chunk({"tool_calls": [{**call, "id": "b"}]}),
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"two lines"}}]}\n\n',
    )
    relayed = [piece.relayed.parts if piece.relayed else None for piece in pieces]
    assert [json.loads(parts[0])["delta"] for parts in relayed[:3] if parts] == [
        delta,
        {"reasoning_content": "so", "reasoning": "so"},
        {"tool_calls": [call]},
    ]
    assert relayed[3:] == [None] * 5


def test_what_clients_would_append_twice_or_stumble_over_is_not_relayed() -> None:
    """Id and name of a call in each of its deltas, nulls for what is not said, no reason before the end."""
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    more = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "}"}}
    _, pieces = read(
        chunk({"tool_calls": [call]}),
        chunk({"tool_calls": [more]}),
        chunk({"content": "Hi", "tool_calls": None}),
        b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n',
    )
    assert [piece.relayed is not None for piece in pieces] == [True, False, False, False]
    assert (pieces[1].tool_call, pieces[1].tool_arguments) == (None, "}")


def test_relayed_pieces_in_our_envelope() -> None:
    """Joined or not, mixed with pieces of our own words or not: the same chunks, under our names."""
    _, found = read(
        chunk({"content": "a"}), chunk({"content": "b", "x": 1}), chunk({"role": "assistant", "content": "c"})
    )
    deltas = [
        Delta(completion_tokens=number, text=piece.text, relayed=piece.relayed)
        for number, piece in enumerate(found)
    ]
    streams = []
    for pieces in (deltas, join(deltas)):
        encoder = ChatStreamEncoder(
            completion_id="chatcmpl-ours", created_s=1, model="sold", include_usage=True
        )
        events = SseParser().feed(b"".join(map(encoder.delta, pieces)))
        streams.append([json.loads(each.data) for each in events])
    assert streams[0] == streams[1]
    assert {(each["id"], each["model"], each["created"], each["usage"]) for each in streams[0]} == {
        ("chatcmpl-ours", "sold", 1, None)
    }
    assert [each["choices"][0]["delta"] for each in streams[0]] == [
        {"content": "a"},
        {"content": "b", "x": 1},
        {"content": "c"},
    ]


def test_text_and_end() -> None:
    decoder, pieces = read(
        chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({}, "length")
    )
    assert [piece.text for piece in pieces] == ["Hi"]
    assert decoder.finish_reason is FinishReason.LENGTH
    assert not decoder.has_ended
    read_on = decoder.read(next(iter(SseParser().feed(b"data: [DONE]\n\n"))))
    assert list(read_on) == []
    assert decoder.has_ended


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        ("model_length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("a new one", FinishReason.STOP),
    ],
)
def test_reasons(reason: str, ours: FinishReason) -> None:
    assert read(chunk({}, reason))[0].finish_reason is ours


def test_calls() -> None:
    decoder, pieces = read(*calls_of([("a", "f", ['{"x"', ":1}"]), ("b", "g", ["{}"])]))
    assert [(piece.tool_call_index, piece.tool_arguments) for piece in pieces if not piece.tool_call] == [
        (0, '{"x"'),
        (0, ":1}"),
        (1, "{}"),
    ]
    assert [piece.tool_call.name for piece in pieces if piece.tool_call] == ["f", "g"]
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


def test_calls_of_those_who_number_none() -> None:
    """Whole calls without an index, or all with the same, that end with "stop"."""
    whole = [
        {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
        {"index": 0, "id": "b", "function": {"name": "f", "arguments": "{}"}},
        {"index": 0, "id": "c", "function": {"name": "g", "arguments": "{}"}},
    ]
    decoder, pieces = read(*(chunk({"tool_calls": [call]}) for call in whole), chunk({}, "stop"))
    calls = [piece.tool_call for piece in pieces if piece.tool_call]
    assert [(call.id, call.name, call.arguments_json) for call in calls] == [
        ("a", "f", '{"x":1}'),
        ("b", "f", "{}"),
        ("c", "g", "{}"),
    ]
    assert [piece.tool_call_index for piece in pieces] == [0, 1, 2]
    assert decoder.finish_reason is FinishReason.TOOL_CALLS


def test_thoughts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "third"}]}
    _, pieces = read(
        chunk({"reasoning_content": "first"}),
        chunk({"reasoning": "second"}),
        chunk({"content": [thinking, {"type": "text", "text": "said"}]}),
    )
    assert [piece.reasoning for piece in pieces] == ["first", "second", "third"]
    assert [piece.text for piece in pieces] == ["", "", "said"]


def test_usage_is_what_was_said_last_of_each_figure() -> None:
    decoder, _ = read(
        chunk({"content": "x"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
        event({"choices": [], "usage": usage(10, 7, cached=4, reasoning=3)}),
        event({"choices": [], "usage": None}),
        event({"choices": [], "usage": {"completion_tokens": 8}}),
    )
    assert decoder.usage == Reported(
        prompt_tokens=10, completion_tokens=8, cached_tokens=4, reasoning_tokens=3
    )


@pytest.mark.parametrize("wrong", [-1, True, "7", 1.5, None, 10**12, {}, []])
def test_figures_that_are_none_are_absent(wrong: Any) -> None:
    decoder, _ = read(event({"choices": [], "usage": {"prompt_tokens": wrong, "completion_tokens": 0}}))
    assert decoder.usage == Reported(completion_tokens=0)


def test_usage_of_others() -> None:
    """Thoughts that are counted beside the answer; DeepSeek's name of cached tokens; Groq's place."""
    beside = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 18,
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert read(event({"choices": [], "usage": beside}))[0].usage.completion_tokens == 8
    deepseek = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 6}
    assert read(event({"choices": [], "usage": deepseek}))[0].usage.cached_tokens == 6
    groq = event({"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}})
    assert read(groq)[0].usage == Reported(prompt_tokens=3, completion_tokens=2)


@pytest.mark.parametrize("data", ["[]", "7", '"text"', "{", "", '{"choices":[{"delta":{"tool_calls":[1]}}]}'])
def test_what_is_none_of_this_wire(data: str) -> None:
    with pytest.raises(NotUnderstood):
        read(f"data: {data}\n\n".encode())


@pytest.mark.parametrize("data", ["null", "{}", '{"choices":null}', '{"choices":[]}', '{"choices":[{}]}'])
def test_what_says_nothing(data: str) -> None:
    if data == "null":
        with pytest.raises(NotUnderstood):
            read(f"data: {data}\n\n".encode())
    else:
        assert read(f"data: {data}\n\n".encode())[1] == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "?", "code": 429}, 429),
        ({"message": "?", "code": "502"}, 502),
        ({"message": "?", "code": "rate_limit_exceeded"}, 429),
        ({"message": "?", "type": "server_error"}, 500),
        ("text", 500),
    ],
)
def test_errors(error: Any, status: int) -> None:
    with pytest.raises(ErrorInStream) as told:
        read(event({"error": error}))
    assert told.value.status == status

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.wire.body import BODY_BYTES_MAX, MEDIA_BODY_BYTES_MAX
from raseed.adapters.wire.openai.body import Decoded
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.strict_json import NODES_MAX
from raseed.core.errors import RequestInvalid, RequestTooLarge
from raseed.core.inference.model import (
    ChatRequest,
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

USER = {"role": "user", "content": "hi"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def decode(**fields: Any) -> Decoded:
    return decode_chat_request(body(**fields))


def test_the_smallest_request():
    assert decode() == Decoded(
        ChatRequest(model="m", messages=(Message(role=Role.USER, text="hi"),)),
        stream=False,
        include_usage=False,
    )


def test_everything_that_is_served():
    decoded = decode(
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "ب"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"b":1,"a":2}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
            {"role": "user", "name": "ali", "content": ""},
        ],
        max_tokens=5,
        max_completion_tokens=7,
        temperature=0,
        top_p=0.5,
        seed=-(2**63),
        stop=["x", "y"],
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}],
        tool_choice="auto",
        n=1,
        response_format={"type": "text"},
        logprobs=False,
        top_logprobs=0,
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        functions=[],
        modalities=["text"],
    )
    call = ToolCall(id="c1", name="f", arguments_json='{"b":1,"a":2}')
    assert decoded.stream
    assert decoded.include_usage
    assert decoded.request == ChatRequest(
        model="m",
        messages=(
            Message(role=Role.SYSTEM, text="be brief"),
            Message(role=Role.SYSTEM, text="be kind"),
            Message(role=Role.USER, text="aب"),
            Message(role=Role.ASSISTANT, text="", tool_calls=(call,)),
            Message(role=Role.TOOL, text="42", tool_call_id="c1"),
            Message(role=Role.USER, text="", name="ali"),
        ),
        sampling=Sampling(max_tokens=7, temperature=0.0, top_p=0.5, seed=-(2**63), stop=("x", "y")),
        tools=(Tool(name="f", description="d", parameters_json="{}"),),
    )


def test_null_is_absent_for_every_optional_field():
    optional = [
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "stream"),
        *("stream_options", "tools", "tool_choice", "n", "response_format", "logprobs", "top_logprobs"),
        *("frequency_penalty", "presence_penalty", "logit_bias", "functions", "modalities"),
        "web_search_options",
    ]
    assert decode(**dict.fromkeys(optional)) == decode()
    nulls = {"name": None, "tool_calls": None, "tool_call_id": None, "refusal": None, "audio": None}
    assert decode(messages=[USER | nulls]) == decode()


def test_a_schema_is_kept_as_it_was_written():
    schema = '{"z": 1.0, "a":[ 12345678901234567890 ], "é": "\\u00e9"}'
    function = f'{{"name":"f","parameters": {schema} }}'
    text = f'{{"model":"m","messages":[{json.dumps(USER)}],"tools":[{{"function":{function}}}]}}'
    assert decode_chat_request(text.encode()).request.tools == (Tool(name="f", parameters_json=schema),)


def test_a_schema_may_be_absent_or_null():
    tools = [{"function": {"name": "f"}}, {"function": {"name": "g", "parameters": None}}]
    assert [tool.parameters_json for tool in decode(tools=tools).request.tools] == [None, None]


def test_tool_choice_none_shows_the_model_no_tools():
    assert decode(tools=[{"function": {"name": "f"}}], tool_choice="none").request.tools == ()


def test_an_answer_of_ours_can_be_sent_back():
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": "hi",
        "refusal": None,
        "annotations": [],
        "tool_calls": None,
    }
    assert decode(messages=[USER, answer]).request.messages[1] == Message(role=Role.ASSISTANT, text="hi")


def test_limits_are_inclusive():
    decode(messages=[USER] * 10_000, stop=["é" * 128] * 4, max_tokens=2**31 - 1, temperature=2, top_p=1)
    decode(tools=[{"function": {"name": "n" * 64}}] * 512)


def test_names_of_fields_inside_values_are_no_repetition():
    function = {
        "name": "stop",
        "parameters": {"properties": {"n": {}, "model": {}, "stop": {}, "tools": "n"}},
    }
    text = json.dumps(
        {"model": "model", "messages": [USER], "n": 1, "tools": [{"function": function}]}, indent=1
    )
    assert decode_chat_request(text.encode()).request.model == "model"


def test_40_levels_are_allowed_and_32_of_a_schema():
    decode_chat_request(body()[:-1] + b',"x":' + b"[" * 39 + b"]" * 39 + b"}")
    schema: dict[str, Any] = {}
    for _ in range(31):
        schema = {"items": schema}
    decode(tools=[{"function": {"name": "f", "parameters": schema}}])
    decode(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})


def test_what_an_answer_is_held_to():
    tools = [{"function": {"name": name}} for name in ("f", "g", "h")]
    f, g, h = (Tool(name=name) for name in ("f", "g", "h"))

    def use(choice: object) -> tuple[object, ...]:
        request = decode(tools=tools, tool_choice=choice).request
        return request.tools, request.tool_choice, request.required_tool

    named = {"type": "function", "function": {"name": "g"}}
    assert use("auto") == ((f, g, h), ToolChoice.AUTO, None)
    assert use("required") == ((f, g, h), ToolChoice.REQUIRED, None)
    assert use(named) == ((f, g, h), ToolChoice.REQUIRED, "g")
    allowed = {"mode": "required", "tools": [named]}
    assert use({"type": "allowed_tools", "allowed_tools": allowed}) == ((g,), ToolChoice.REQUIRED, None)
    assert use("none") == ((), ToolChoice.AUTO, None)
    assert decode(tools=tools, parallel_tool_calls=False).request.parallel_tool_calls is False
    assert decode(response_format={"type": "json_object"}).request.json_format == JsonFormat()
    described = {"name": "x", "strict": True, "schema": {"b": 1, "a": 2}}
    schema = decode(response_format={"type": "json_schema", "json_schema": described}).request.json_format
    assert schema == JsonFormat(schema_json='{"b": 1, "a": 2}')


def test_how_tokens_are_chosen():
    sampling = decode(
        logprobs=True,
        top_logprobs=20,
        logit_bias={"7": -100, "3": 0.5},
        presence_penalty=2,
        frequency_penalty=-2,
    ).request.sampling
    assert sampling == Sampling(
        top_logprobs=20, logit_bias=((3, 0.5), (7, -100)), presence_penalty=2, frequency_penalty=-2
    )
    assert decode(logprobs=True).request.sampling.top_logprobs == 0
    assert decode(n=8).request.n == 8


def test_parts_that_are_not_text_keep_their_place():
    parts = [
        {"type": "text", "text": "see "},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "text", "text": "and hear"},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"}},
        {"type": "image_url", "image_url": "data:image/png;base64,eA=="},
    ]
    [message] = decode(messages=[{"role": "user", "content": parts}]).request.messages
    assert message.text == "see and hear"
    assert message.media == (
        Media(kind=MediaKind.IMAGE, text_before=4, url="https://example.com/a.png", detail="low"),
        Media(kind=MediaKind.AUDIO, text_before=12, data_base64="eA==", format="wav"),
        Media(
            kind=MediaKind.FILE,
            text_before=12,
            url="data:application/pdf;base64,eA==",
            file_name="a.pdf",
        ),
        Media(kind=MediaKind.IMAGE, text_before=12, url="data:image/png;base64,eA=="),
    )


def test_a_refusal_is_what_the_assistant_said():
    part = {"type": "refusal", "refusal": "no"}
    for said in ({"refusal": "no"}, {"content": [part]}, {"content": None, "refusal": "no"}):
        [_, message] = decode(messages=[USER, {"role": "assistant", **said}]).request.messages
        assert message == Message(role=Role.ASSISTANT, text="no")


def test_an_image_may_be_larger_than_a_text():
    def asked(image_bytes: int, text_bytes: int) -> bytes:
        url = "data:image/png;base64," + "A" * image_bytes
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "x" * text_bytes}]
        return body(messages=[{"role": "user", "content": parts}])

    large = MEDIA_BODY_BYTES_MAX - 10_000
    [message] = decode_chat_request(asked(large, 10)).request.messages
    assert len(message.media[0].url or "") > large
    with pytest.raises(RequestTooLarge, match="Beside images"):
        decode_chat_request(asked(10, BODY_BYTES_MAX))
    with pytest.raises(RequestTooLarge, match="The request body"):
        decode_chat_request(asked(MEDIA_BODY_BYTES_MAX, 10))


def test_more_objects_than_any_conversation_has_are_refused():
    fields = b"[" + b"{}," * NODES_MAX + b"{}]"
    with pytest.raises(RequestInvalid, match="objects, arrays and texts"):
        decode_chat_request(body()[:-1] + b',"functions":' + fields + b"}")
    numbers = b"[" + b"1," * NODES_MAX + b"1]"
    decode_chat_request(body()[:-1] + b',"x":' + numbers + b"}")


def test_a_body_may_be_as_large_as_the_limit():
    text = body()[:-1] + b',"x":"' + b"x" * BODY_BYTES_MAX
    text = text[: BODY_BYTES_MAX - 2] + b'"}'
    assert decode_chat_request(text).request.model == "m"
    with pytest.raises(RequestTooLarge):
        decode_chat_request(text + b" ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
unknown_fields = st.dictionaries(st.text(max_size=8).map(lambda name: f"x_{name}"), json_values, max_size=3)


@settings(max_examples=40)
@given(st.lists(unknown_fields, min_size=9, max_size=9), st.booleans())
def test_unknown_fields_at_every_level_change_nothing(extra: list[dict[str, Any]], ascii_only: bool):
    def request(extra: list[dict[str, Any]]) -> Decoded:
        call = extra[3] | {"id": "c", "function": extra[4] | {"name": "f", "arguments": "{}"}}
        part = extra[1] | {"type": "text", "text": "hi"}
        fields = extra[0] | {
            "model": "m",
            "messages": [
                extra[2] | {"role": "user", "content": [part]},
                extra[2] | {"role": "assistant", "tool_calls": [call]},
            ],
            "tools": [extra[5] | {"function": extra[6] | {"name": "f"}}],
            "stream": True,
            "stream_options": extra[7] | {"include_usage": True},
            "response_format": extra[8] | {"type": "text"},
        }
        return decode_chat_request(json.dumps(fields, ensure_ascii=ascii_only).encode())

    assert request(extra) == request([{}] * 9)


@settings(max_examples=100)
@given(
    json_values | st.dictionaries(st.sampled_from(["model", "messages", "n", "stop", "tools"]), json_values)
)
def test_no_json_breaks_the_decoder(value: Any):
    with contextlib.suppress(RequestInvalid):
        decode_chat_request(json.dumps(value).encode())

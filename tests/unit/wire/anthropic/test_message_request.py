from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.wire.anthropic.message_request import (
    DecodedMessage,
    decode_count_request,
    decode_message_request,
)
from raseed.adapters.wire.body import MEDIA_BODY_BYTES_MAX
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
    return json.dumps({"model": "m", "max_tokens": 5, "messages": [USER], **fields}).encode()


def decode(**fields: Any) -> DecodedMessage:
    return decode_message_request(body(**fields))


def messages_of(*turns: tuple[str, object], system: object = None) -> tuple[Message, ...]:
    messages = [{"role": role, "content": content} for role, content in turns]
    return decode(messages=messages, system=system).request.messages


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def test_the_smallest_request():
    request = ChatRequest(
        model="m", messages=(Message(role=Role.USER, text="hi"),), sampling=Sampling(max_tokens=5)
    )
    assert decode() == DecodedMessage(request, stream=False, shows_thinking=False)


def test_everything_that_is_served():
    decoded = decode(
        system=[text("be "), {**text("brief"), "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [text("a"), text("ب")]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    text("Let me look."),
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": 2}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("4"), text("2")]},
                    text("and?"),
                ],
            },
            {"role": "system", "content": "be kind"},
            USER,
        ],
        temperature=0,
        top_p=0.5,
        top_k=7,
        stop_sequences=["x", "y"],
        stream=True,
        tools=[{"name": "f", "type": "custom", "description": "d", "input_schema": {"type": "object"}}],
        tool_choice={"type": "auto"},
        thinking={"type": "disabled"},
        metadata={"user_id": "u"},
        service_tier="auto",
    )
    call = ToolCall(id="toolu_1", name="f", arguments_json='{"b": 1, "a": 2}')
    request = ChatRequest(
        model="m",
        messages=(
            Message(role=Role.SYSTEM, text="be brief"),
            Message(role=Role.USER, text="aب"),
            Message(role=Role.ASSISTANT, text="Let me look.", tool_calls=(call,)),
            Message(role=Role.TOOL, text="42", tool_call_id="toolu_1"),
            Message(role=Role.USER, text="and?"),
            Message(role=Role.SYSTEM, text="be kind"),
            Message(role=Role.USER, text="hi"),
        ),
        sampling=Sampling(max_tokens=5, temperature=0, top_p=0.5, top_k=7, stop=("x", "y")),
        tools=(Tool(name="f", description="d", parameters_json='{"type": "object"}'),),
    )
    assert decoded == DecodedMessage(request, stream=True, shows_thinking=False)


@pytest.mark.parametrize(
    ("thinking", "is_shown"),
    [
        ({"type": "adaptive"}, True),
        ({"type": "adaptive", "display": None}, True),
        ({"type": "adaptive", "display": "summarized"}, True),
        ({"type": "adaptive", "display": "omitted"}, False),
        ({"type": "disabled"}, False),
        (None, False),
    ],
)
def test_thoughts_are_shown_to_those_who_ask_for_them(thinking: object, is_shown: bool):
    assert decode(thinking=thinking).shows_thinking is is_shown


def test_null_is_the_same_as_absent():
    nulls = ("system", "stop_sequences", "temperature", "top_p", "top_k", "stream", "tools", "tool_choice")
    more = ("thinking", "output_config", "container", "mcp_servers", "thread", "metadata")
    assert decode(**dict.fromkeys((*nulls, *more))) == decode()


def test_neighbouring_turns_of_one_role_are_one():
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a"}
    found = messages_of(
        ("user", "one"),
        ("user", [text("two")]),
        ("assistant", [call]),
        ("assistant", "then"),
        ("user", [result]),
        ("user", [result, text("three")]),
        ("user", "four"),
    )
    assert found == (
        Message(role=Role.USER, text="one\ntwo"),
        Message(
            role=Role.ASSISTANT, text="then", tool_calls=(ToolCall(id="a", name="f", arguments_json="{}"),)
        ),
        Message(role=Role.TOOL, text="", tool_call_id="a"),
        Message(role=Role.TOOL, text="", tool_call_id="a"),
        Message(role=Role.USER, text="three\nfour"),
    )


def test_results_and_texts_keep_their_order():
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "r", "is_error": True}
    found = messages_of(
        ("user", "q"), ("assistant", [call]), ("user", [text("before"), result, text("after")])
    )
    assert [(message.role, message.text) for message in found[2:]] == [
        (Role.USER, "before"),
        (Role.TOOL, "r"),
        (Role.USER, "after"),
    ]


def test_an_empty_system_prompt_is_none():
    for system in ("", [], [text("")]):
        assert messages_of(("user", "hi"), system=system) == messages_of(("user", "hi"))


def image(url: str, at: int) -> Media:
    return Media(kind=MediaKind.IMAGE, text_before=at, url=url)


def test_images_stand_where_they_stood():
    sent = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    [found] = messages_of(
        ("user", [linked]),
        ("user", [text("one"), sent, text("two")]),
        ("user", ""),
        ("user", [text("3"), linked]),
    )
    assert found.text == "onetwo\n3"
    assert found.media == (
        image("https://example.com/a.png", 0),
        image("data:image/png;base64,AA==", 3),
        image("https://example.com/a.png", 8),
    )


TOOLS = [{"name": "f", "input_schema": {}}, {"name": "g", "input_schema": {}}]


@pytest.mark.parametrize(
    ("choice", "names", "mode", "required", "parallel"),
    [
        ({"type": "none", "disable_parallel_tool_use": True}, "", ToolChoice.AUTO, None, True),
        ({"type": "auto"}, "fg", ToolChoice.AUTO, None, True),
        ({"type": "auto", "disable_parallel_tool_use": True}, "fg", ToolChoice.AUTO, None, False),
        ({"type": "any"}, "fg", ToolChoice.REQUIRED, None, True),
        (
            {"type": "tool", "name": "g", "disable_parallel_tool_use": True},
            "fg",
            ToolChoice.REQUIRED,
            "g",
            False,
        ),
    ],
)
def test_tool_choice(choice, names, mode, required, parallel):
    request = decode(tools=TOOLS, tool_choice=choice).request
    assert "".join(tool.name for tool in request.tools) == names
    assert (request.tool_choice, request.required_tool) == (mode, required)
    assert request.parallel_tool_calls is parallel


def test_the_format_of_the_answer():
    schema = {"type": "object", "properties": {"z": {}, "a": {}}}
    config = {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert decode(output_config=config).request.json_format == JsonFormat(schema_json=json.dumps(schema))
    assert decode(output_config={"effort": "high"}) == decode()


def test_many_turns_are_read_in_linear_time():
    """10,000 turns of one role are joined once, not each to all before it."""
    turns = [("user", "x" * 300)] * 10_000
    began = time.process_time()
    [found] = messages_of(*turns)
    assert len(found.text) == 10_000 * 301 - 1
    assert time.process_time() - began < 2


def test_a_count_needs_no_max_tokens():
    counted = decode_count_request(json.dumps({"model": "m", "messages": [USER]}).encode())
    assert counted.sampling.max_tokens is None
    assert counted.messages == decode().request.messages


def test_integers_and_key_order_of_json_are_kept():
    raw = b'{"z":12345678901234567890,"a":1.0}'
    sent = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":'
        b'[{"type":"tool_use","id":"a","name":"f","input":%b}]},{"role":"user","content":"r"}],'
        b'"tools":[{"name":"f","input_schema":%b}]}' % (raw, raw)
    )
    request = decode_message_request(sent).request
    assert request.messages[1].tool_calls[0].arguments_json == raw.decode()
    assert request.tools[0].parameters_json == raw.decode()


def test_too_large():
    with pytest.raises(RequestTooLarge):
        decode_message_request(b" " * (MEDIA_BODY_BYTES_MAX + 1))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    [
        *("model", "messages", "max_tokens", "system", "stop_sequences", "temperature", "top_p", "top_k"),
        *(
            "stream",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "container",
            "mcp_servers",
            "thread",
        ),
    ]
)
_BLOCKS = st.dictionaries(
    st.sampled_from(["type", "text", "id", "name", "input", "tool_use_id", "content"]),
    st.sampled_from(["text", "tool_use", "tool_result", "thinking"]) | _JSON,
)


@settings(max_examples=60)
@given(
    _FIELDS, _JSON | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.lists(_BLOCKS)}))
)
def test_no_value_of_a_field_breaks_the_decoder(field: str, value: object):
    """It is read, or refused with the path of a field."""
    refusal = None
    try:
        decode(**{field: value})
    except RequestInvalid as error:
        refusal = error
    if refusal is not None:
        assert refusal.message.startswith(f"{refusal.param}: " if refusal.param else "The request body")
        assert refusal.param is None or refusal.param.split(".")[0] == field


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_decoder(sent: bytes):
    with contextlib.suppress(RequestInvalid):
        decode_message_request(sent)


@settings(max_examples=100)
@given(st.dictionaries(st.text(min_size=1, max_size=12).map("x-{}".format), _JSON, max_size=4))
def test_unknown_fields_change_nothing(extra: dict[str, Any]):
    extended = {"role": "user", "content": [{**text("hi"), **extra}], **extra}
    assert decode(messages=[extended], **extra) == decode()

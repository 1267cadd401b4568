from __future__ import annotations

import json
from typing import Any

import pytest

from raseed.adapters.wire.openai.response_request import decode_response_request
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import MediaKind
from raseed.core.responses.model import ItemKind, ResponseRequest

F = {"type": "function", "name": "f"}
USER = {"role": "user", "content": "hi"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **fields}).encode()


def decoded(**fields: Any) -> ResponseRequest:
    return decode_response_request(body(**fields)).request


def test_a_text_is_a_message_of_the_user():
    [item] = decoded(input="hi").input
    assert (item.kind, item.role, item.text) == (ItemKind.MESSAGE, "user", "hi")


def test_items_of_every_kind():
    """As clients send them back: with keys of other servers, with and without `type`."""
    items = decoded(
        input=[
            {"role": "developer", "content": "be kind", "cache_control": {"type": "ephemeral"}},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "at "},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                    {"type": "input_text", "text": "it"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "status": None},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "I ", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}', "id": "fc_1"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "42"}]},
            {"type": "item_reference", "id": "msg_9"},
            {"id": "msg_8"},
        ]
    ).input  # fmt: skip
    assert [item.kind.value for item in items] == [
        *("message", "message", "reasoning", "message", "function_call", "function_call_output"),
        *("item_reference", "item_reference"),
    ]
    assert items[0].role == "developer"
    [image] = items[1].media
    assert (items[1].text, image.kind, image.text_before) == ("at it", MediaKind.IMAGE, 3)
    assert items[2].summaries == ("hm",)
    assert (items[3].id, items[3].text) == ("msg_1", "I no")
    assert items[4].call is not None
    assert items[4].call.arguments_json == '{"a": 1}'
    assert (items[5].call_id, items[5].text) == ("c", "42")


def test_tools_that_a_server_would_run_are_left_out():
    """A coding agent sends all that it has; functions in a namespace are functions."""
    terms = decoded(
        tools=[
            F | {"parameters": {"b": 1, "a": 2}, "strict": False},
            {"type": "web_search"},
            {"type": "custom", "name": "patch", "format": {"type": "grammar"}},
            {"type": "namespace", "name": "git", "description": "d", "tools": [F | {"name": "log"}]},
        ]
    ).terms
    assert [(tool.tool.name, tool.strict, tool.namespace) for tool in terms.tools] == [
        ("f", False, None),
        ("log", True, "git"),
    ]
    assert terms.tools[0].tool.parameters_json == '{"b": 1, "a": 2}'


def test_what_is_known_and_changes_nothing_is_accepted():
    terms = decoded(
        include=["reasoning.encrypted_content", "file_search_call.results"],
        service_tier="auto",
        prompt_cache_key="k",
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        stream=True,
        stream_options={"include_obfuscation": False},
        client_metadata={"a": 1},
    ).terms
    assert (terms.reasoning_effort, terms.verbosity, terms.sampling.top_logprobs) == ("low", "low", None)


def test_log_probabilities_are_asked_for_in_two_ways():
    assert decoded(top_logprobs=2).terms.sampling.top_logprobs == 2
    assert decoded(include=["message.output_text.logprobs"]).terms.sampling.top_logprobs == 0


def test_what_follows_a_response_needs_no_input():
    assert decoded(input=None, previous_response_id="resp_1").input == ()


# Every way to get a body wrong: (fields, code, param).
BAD_FIELDS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"model": None}, "missing_required_parameter", "model"),
    ({"model": "m" * 257}, "string_above_max_length", "model"),
    ({"input": None}, "missing_required_parameter", "input"),
    ({"input": 5}, "invalid_type", "input"),
    ({"input": [USER] * 10_001}, "array_above_max_length", "input"),
    ({"input": [{"content": "x"}]}, "missing_required_parameter", "input[0].role"),
    ({"input": [{"role": "tool", "content": "x"}]}, "invalid_value", "input[0].role"),
    ({"input": [USER, {"role": "user"}]}, "missing_required_parameter", "input[1].content"),
    ({"input": [{"type": "web_search_call", "id": "x"}]}, "invalid_value", "input[0].type"),
    ({"input": [{"type": "item_reference"}]}, "missing_required_parameter", "input[0].id"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "missing_required_parameter", "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c"}]}, "missing_required_parameter", "input[0].name"),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "missing_required_parameter", "input[0].output"),
    *[
        ({"input": [{"role": role, "content": [part]}]}, code, f"input[0].content[0].{field}")
        for role, part, code, field in (
            ("user", {"type": "input_text"}, "missing_required_parameter", "text"),
            ("user", {"type": "input_audio"}, "unsupported_value", "type"),
            ("user", {"type": "input_image", "image_url": "file:///etc/passwd"}, "unsupported_value", "image_url"),
            ("user", {"type": "input_image", "file_id": "f"}, "unsupported_parameter", "file_id"),
            ("user", {"type": "input_image"}, "missing_required_parameter", "image_url"),
            ("user", {"type": "input_file"}, "missing_required_parameter", "file_data"),
            ("system", {"type": "input_image", "image_url": "https://x/a"}, "unsupported_value", "type"),
        )
    ],
    ({"max_output_tokens": 15}, "integer_below_min_value", "max_output_tokens"),
    ({"temperature": 2.5}, "decimal_above_max_value", "temperature"),
    ({"top_p": 0.0}, "decimal_below_min_value", "top_p"),
    ({"top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
    ({"tools": [F | {"name": "a b"}]}, "invalid_value", "tools[0].name"),
    ({"tools": [F, F]}, "unsupported_value", "tools"),
    ({"tools": [F | {"name": f"f{i}"} for i in range(513)]}, "array_above_max_length", "tools"),
    ({"tools": [F | {"parameters": []}]}, "invalid_type", "tools[0].parameters"),
    ({"tool_choice": "required"}, None, "tool_choice"),
    ({"tool_choice": "any", "tools": [F]}, "invalid_value", "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "g"}, "tools": [F]}, "unsupported_value", "tool_choice.name"),
    ({"tool_choice": {"type": "web_search"}, "tools": [F]}, "unsupported_value", "tool_choice.type"),
    ({"tool_choice": {"type": "allowed_tools", "mode": {}, "tools": []}}, "invalid_value", "tool_choice.mode"),
    ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "empty_array", "tool_choice.tools"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
    ({"text": {"format": {"type": "json_schema"}}}, "missing_required_parameter", "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "missing_required_parameter", "text.format.schema"),
    ({"text": {"verbosity": "loud"}}, "invalid_value", "text.verbosity"),
    ({"reasoning": {"effort": "some"}}, "invalid_value", "reasoning.effort"),
    ({"truncation": "middle"}, "invalid_value", "truncation"),
    ({"metadata": {str(i): "" for i in range(17)}}, "array_above_max_length", "metadata"),
    ({"metadata": {"k": "v" * 513}}, "string_above_max_length", "metadata.k"),
    ({"metadata": {"k": 1}}, "invalid_type", "metadata[...]"),
    ({"user": "u" * 513}, "string_above_max_length", "user"),
    ({"previous_response_id": ""}, "empty_string", "previous_response_id"),
    ({"previous_response_id": "r" * 65}, "string_above_max_length", "previous_response_id"),
    ({"previous_response_id": "resp\n"}, "invalid_value", "previous_response_id"),
    ({"stream_options": {}}, None, "stream_options"),
    ({"background": True, "store": False}, "unsupported_value", "store"),
    ({"conversation": "conv_1"}, "unsupported_parameter", "conversation"),
    ({"prompt": {"id": "p"}}, "unsupported_parameter", "prompt"),
    ({"context_management": [{"type": "compaction"}]}, "unsupported_parameter", "context_management"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "param"), BAD_FIELDS)
def test_refused(fields, code, param):
    with pytest.raises(RequestInvalid) as caught:
        decoded(**fields)
    assert (caught.value.code, caught.value.param) == (code, param)

from __future__ import annotations

import json
from typing import Any

import pytest

USER = {"role": "user", "content": "hi"}


CALLED = [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]
ANSWERED = {"role": "tool", "tool_call_id": "c", "content": "x"}
F = {"tools": [{"function": {"name": "f"}}]}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


# Every way to get a body wrong: (fields, code, param).
BAD_FIELDS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"model": None}, "missing_required_parameter", "model"),
    ({"model": ""}, "missing_required_parameter", "model"),
    ({"model": 5}, "invalid_type", "model"),
    ({"model": "m" * 257}, "string_above_max_length", "model"),
    ({"messages": None}, "missing_required_parameter", "messages"),
    ({"messages": "hi"}, "invalid_type", "messages"),
    ({"messages": {}}, "invalid_type", "messages"),
    ({"messages": []}, "empty_array", "messages"),
    ({"messages": [USER] * 10_001}, "array_above_max_length", "messages"),
    ({"messages": [None]}, "invalid_type", "messages.[0]"),
    ({"messages": [USER, "x"]}, "invalid_type", "messages.[1]"),
    ({"messages": [{"content": "x"}]}, "missing_required_parameter", "messages.[0].role"),
    ({"messages": [{"role": None, "content": "x"}]}, "missing_required_parameter", "messages.[0].role"),
    ({"messages": [{"role": "function", "content": "x"}]}, "invalid_value", "messages.[0].role"),
    ({"messages": [{"role": 1, "content": "x"}]}, "invalid_type", "messages.[0].role"),
    ({"messages": [{"role": "user"}]}, "invalid_type", "messages.[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "invalid_type", "messages.[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "invalid_type", "messages.[0].content"),
    ({"messages": [{"role": "user", "content": {}}]}, "invalid_type", "messages.[0].content"),
    ({"messages": [{"role": "user", "content": []}]}, "empty_array", "messages.[0].content"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "invalid_type", "messages.[0].content.[0]"),
    *[
        ({"messages": [USER, {"role": role, "content": [part]}]}, code, f"messages.[1].content.[0].{field}")
        for role, part, code, field in (
            ("user", {"type": "image_url", "image_url": {"url": "x"}}, "unsupported_value", "image_url.url"),
            (
                "user",
                {"type": "image_url", "image_url": "file:///etc/passwd"},
                "unsupported_value",
                "image_url.url",
            ),
            ("user", {"type": "image_url"}, "missing_required_parameter", "image_url.url"),
            (
                "user",
                {"type": "image_url", "image_url": {"url": "https://a/b", "detail": "most"}},
                "invalid_value",
                "image_url.detail",
            ),
            ("user", {"type": "input_audio"}, "missing_required_parameter", "input_audio"),
            (
                "user",
                {"type": "input_audio", "input_audio": {"data": "eA==", "format": "ogg"}},
                "invalid_value",
                "input_audio.format",
            ),
            (
                "user",
                {"type": "file", "file": {"file_id": "file-1"}},
                "unsupported_parameter",
                "file.file_id",
            ),
            ("user", {"type": "file", "file": {}}, "missing_required_parameter", "file.file_data"),
            ("user", {"type": "video_url"}, "unsupported_value", "type"),
            ("user", {"type": "refusal", "refusal": "no"}, "unsupported_value", "type"),
            (
                "system",
                {"type": "image_url", "image_url": {"url": "https://a/b"}},
                "unsupported_value",
                "type",
            ),
            ("assistant", {"type": "refusal"}, "missing_required_parameter", "refusal"),
        )
    ],
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 1001}]},
        "array_above_max_length",
        "messages.[0].content",
    ),
    ({"messages": [USER | {"name": "a b"}]}, "invalid_value", "messages.[0].name"),
    ({"messages": [USER | {"name": "n" * 65}]}, "string_above_max_length", "messages.[0].name"),
    (
        {"messages": [USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
        "invalid_value",
        "messages.[1].tool_call_id",
    ),
    (
        {"messages": [*CALLED, {"role": "tool", "tool_call_id": "other", "content": "x"}]},
        "invalid_value",
        "messages.[1].tool_call_id",
    ),
    (
        {"messages": [*CALLED, {"role": "assistant", "content": "x"}, ANSWERED]},
        "invalid_value",
        "messages.[2].tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "missing_required_parameter",
        "messages.[0].content.[0].text",
    ),
    (
        {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
        "missing_required_parameter",
        "messages.[0].content.[0].type",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        "invalid_type",
        "messages.[0].content.[0].text",
    ),
    ({"messages": [{"role": "assistant", "content": None}]}, "invalid_type", "messages.[0].content"),
    (
        {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
        "invalid_type",
        "messages.[0].content",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
        "unsupported_value",
        "messages.[0].tool_calls.[0].type",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
        "missing_required_parameter",
        "messages.[0].tool_calls.[0].function",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
        "missing_required_parameter",
        "messages.[0].tool_calls.[0].id",
    ),
    (
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]}
            ]
        },
        "invalid_type",
        "messages.[0].tool_calls.[0].function.arguments",
    ),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        "missing_required_parameter",
        "messages.[0].tool_call_id",
    ),
    *[
        ({name: value}, code, name)
        for name in ("max_tokens", "max_completion_tokens")
        for value, code in (
            (0, "integer_below_min_value"),
            (-1, "integer_below_min_value"),
            (2**31, "integer_above_max_value"),
            (10**100, "integer_above_max_value"),
            (1.0, "invalid_type"),
            ("5", "invalid_type"),
            (True, "invalid_type"),
            ([], "invalid_type"),
        )
    ],
    ({"temperature": -0.1}, "decimal_below_min_value", "temperature"),
    ({"temperature": 2.1}, "decimal_above_max_value", "temperature"),
    ({"temperature": 3}, "decimal_above_max_value", "temperature"),
    ({"temperature": "1"}, "invalid_type", "temperature"),
    ({"temperature": True}, "invalid_type", "temperature"),
    ({"top_p": 0}, "decimal_below_min_value", "top_p"),
    ({"top_p": 1.01}, "decimal_above_max_value", "top_p"),
    ({"seed": 2**63}, "integer_above_max_value", "seed"),
    ({"seed": -(2**63) - 1}, "integer_below_min_value", "seed"),
    ({"seed": 1.5}, "invalid_type", "seed"),
    ({"stop": ["a"] * 5}, "array_above_max_length", "stop"),
    ({"stop": ""}, "empty_string", "stop"),
    ({"stop": ["a", ""]}, "empty_string", "stop.[1]"),
    ({"stop": "x" * 257}, "string_above_max_length", "stop"),
    ({"stop": ["a", "é" * 129]}, "string_above_max_length", "stop.[1]"),
    ({"stop": 5}, "invalid_type", "stop"),
    ({"stop": [5]}, "invalid_type", "stop.[0]"),
    ({"stream": "true"}, "invalid_type", "stream"),
    ({"stream": 1}, "invalid_type", "stream"),
    ({"stream_options": {"include_usage": True}}, None, "stream_options"),
    ({"stream": False, "stream_options": {}}, None, "stream_options"),
    ({"stream": True, "stream_options": []}, "invalid_type", "stream_options"),
    (
        {"stream": True, "stream_options": {"include_usage": 1}},
        "invalid_type",
        "stream_options.include_usage",
    ),
    ({"n": 0}, "integer_below_min_value", "n"),
    ({"n": 9}, "integer_above_max_value", "n"),
    ({"n": True}, "invalid_type", "n"),
    ({"tools": {}}, "invalid_type", "tools"),
    ({"tools": [{"function": {"name": "f"}}] * 513}, "array_above_max_length", "tools"),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "unsupported_value", "tools.[0].type"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools.[0].function"),
    ({"tools": [{"function": {}}]}, "missing_required_parameter", "tools.[0].function.name"),
    ({"tools": [{"function": {"name": ""}}]}, "empty_string", "tools.[0].function.name"),
    ({"tools": [{"function": {"name": "n" * 65}}]}, "string_above_max_length", "tools.[0].function.name"),
    *[
        ({"tools": [{"function": {"name": "f", "parameters": value}}]}, code, "tools.[0].function.parameters")
        for value, code in (
            ("{}", "invalid_type"),
            ([], "invalid_type"),
            (False, "invalid_type"),
            ({"description": "x" * 32 * 1024}, "string_above_max_length"),
            ({"items": {"$ref": "https://example.com/schema"}}, "unsupported_value"),
            (nested(33), "invalid_value"),
        )
    ],
    ({"tools": [{"function": {"name": "a.b"}}]}, "invalid_value", "tools.[0].function.name"),
    ({"tool_choice": "required"}, None, "tool_choice"),
    (F | {"tool_choice": "sometimes"}, "invalid_value", "tool_choice"),
    (F | {"tool_choice": {"type": "custom"}}, "unsupported_value", "tool_choice.type"),
    (F | {"tool_choice": {"type": "function"}}, "missing_required_parameter", "tool_choice.function.name"),
    (
        F | {"tool_choice": {"type": "function", "function": {"name": "g"}}},
        "unsupported_value",
        "tool_choice.function.name",
    ),
    (
        F | {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}},
        "missing_required_parameter",
        "tool_choice.allowed_tools.tools",
    ),
    (
        F | {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": []}}},
        "invalid_value",
        "tool_choice.allowed_tools.mode",
    ),
    ({"tool_choice": 1}, "invalid_type", "tool_choice"),
    ({"parallel_tool_calls": "no"}, "invalid_type", "parallel_tool_calls"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
    (
        {"response_format": {"type": "json_schema"}},
        "missing_required_parameter",
        "response_format.json_schema",
    ),
    *[
        (
            {"response_format": {"type": "json_schema", "json_schema": described}},
            code,
            f"response_format.{field}",
        )
        for described, code, field in (
            ({"schema": {}}, "missing_required_parameter", "json_schema.name"),
            ({"name": "x y", "schema": {}}, "invalid_value", "json_schema.name"),
            ({"name": "x"}, "missing_required_parameter", "json_schema.schema"),
            ({"name": "x", "schema": []}, "invalid_type", "json_schema.schema"),
            ({"name": "x", "schema": nested(33)}, "invalid_value", "json_schema.schema"),
        )
    ],
    ({"response_format": {}}, "missing_required_parameter", "response_format.type"),
    ({"response_format": "text"}, "invalid_type", "response_format"),
    ({"logprobs": 1}, "invalid_type", "logprobs"),
    ({"top_logprobs": 3}, None, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
    ({"logprobs": True, "top_logprobs": -1}, "integer_below_min_value", "top_logprobs"),
    ({"logit_bias": {"5": 101}}, "decimal_above_max_value", "logit_bias.5"),
    ({"logit_bias": {"five": 1}}, "unsupported_value", "logit_bias"),
    ({"logit_bias": {"-5": 1}}, "unsupported_value", "logit_bias"),
    ({"logit_bias": {str(token): 1 for token in range(301)}}, "array_above_max_length", "logit_bias"),
    ({"frequency_penalty": 2.5}, "decimal_above_max_value", "frequency_penalty"),
    ({"presence_penalty": -3}, "decimal_below_min_value", "presence_penalty"),
    ({"functions": [{"name": "f"}]}, "unsupported_parameter", "functions"),
    ({"modalities": ["text", "audio"]}, "unsupported_value", "modalities"),
    ({"web_search_options": {}}, "unsupported_parameter", "web_search_options"),
]


@pytest.mark.parametrize(("fields", "code", "param"), BAD_FIELDS)
def test_a_bad_field_is_named(refused, fields: dict[str, Any], code: str | None, param: str):
    error = refused(body(**fields))
    assert (error["code"], error["param"]) == (code, param)
    assert len(error["message"]) < 300


BAD_JSON = {
    "empty": b"",
    "space": b"  ",
    "cut": b'{"model":"m","messages":[{"role":"us',
    "array": b"[]",
    "text": b'"x"',
    "null": b"null",
    "trailing": body() + b"x",
    "two values": body() + body(),
    "trailing comma": body()[:-1] + b",}",
    "single quotes": b"{'model':'m'}",
    "comment": body()[:-1] + b"/**/}",
    "bom": b"\xef\xbb\xbf" + body(),
    "utf-16": body().decode().encode("utf-16"),
    "nan": body()[:-1] + b',"temperature":NaN}',
    "infinity": body()[:-1] + b',"temperature":-Infinity}',
    "nan in an unknown field": body()[:-1] + b',"x":NaN}',
    "leading zero": body()[:-1] + b',"max_tokens":01}',
    "lone high surrogate": body()[:-1] + b',"stop":"\\ud800"}',
    "lone low surrogate": body()[:-1] + b',"stop":"\\udc00"}',
    "surrogate in utf-8": body()[:-1] + b',"stop":"\xed\xa0\x80"}',
    "surrogate in an unknown field": body()[:-1] + b',"x":"\\ud800"}',
    "bad utf-8 in an unknown field": body()[:-1] + b',"x":"\xff"}',
    "bad utf-8 in a key": body()[:-1] + b',"\xff":1}',
    "nul": body()[:-1] + b',"stop":"\x00"}',
    "deep unknown field": body()[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}",
    "very deep": body()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "never closed": body()[:-1] + b',"x":' + b"[" * 100_000,
    "mixed and never closed": body()[:-1] + b',"x":' + b'{"a":[' * 50_000,
    "model twice": body()[:-1] + b',"model":"dear"}',
    "messages twice": body()[:-1] + b', "messages": []}',
    "max_tokens twice": body()[:-1] + b',"max_tokens":1,"max_tokens":null}',
}


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON)
def test_what_is_not_json_is_refused(refused, text: bytes):
    error = refused(text)
    assert (error["code"], error["param"]) == (None, None)
    assert error["message"].startswith("We could not parse the JSON body of your request: ")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000])
@pytest.mark.parametrize("field", ["temperature", "max_tokens", "seed"])
def test_a_number_that_no_type_holds_is_refused(refused, field: str, number: str):
    error = refused(body()[:-1] + f',"{field}":{number}}}'.encode())
    assert error["param"] == field
    assert len(error["message"]) < 200


def test_a_message_repeats_little_of_the_input(refused):
    error = refused(body(messages=[{"role": "evil\n\x1b" * 100, "content": "x"}]))
    assert error["message"].isprintable()
    assert len(error["message"]) < 400

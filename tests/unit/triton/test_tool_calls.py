"""Calls in the text of an answer: found however it is cut, and anything else stays text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.adapters.triton.tool_calls import CALL_CHARS_MAX, ToolCallReader, demanded_call
from raseed.core.inference.model import ChatRequest, Tool, ToolCall, ToolChoice

CALL = '<tool_call>{"name": "f", "arguments": {"z": 1, "a": [12345678901234567890]}}</tool_call>'
ARGUMENTS = '{"z": 1, "a": [12345678901234567890]}'


def read(*pieces: str) -> list[Any]:
    """Text joined, calls as (name, arguments)."""
    reader = ToolCallReader()
    found: list[Any] = []
    for part in [one for piece in pieces for one in reader.push(piece)] + reader.finish():
        if isinstance(part, ToolCall):
            found.append((part.name, part.arguments_json))
        elif found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    assert reader.has_calls == any(isinstance(part, tuple) for part in found)
    return found


@given(st.lists(st.integers(1, 5), min_size=100, max_size=100))
def test_calls_are_found_however_the_answer_is_cut(lengths: list[int]):
    answer = f"Let me <see>.{CALL}\n{CALL} and <tool_cal"
    pieces = []
    for length in lengths:
        pieces.append(answer[:length])
        answer = answer[length:]
    assert read(*pieces, answer) == [*("Let me <see>.", ("f", ARGUMENTS), ("f", ARGUMENTS), "and <tool_cal")]


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>no json</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": "f"',
        "<tool_call>",
        "a < b",
        "<tool_call>" + "x" * CALL_CHARS_MAX + "x",
        "",
    ],
)
def test_what_is_no_call_stays_text(text: str):
    assert "".join(read(text)) == text


def test_a_call_may_lack_its_end_and_its_arguments():
    assert read('<tool_call>{"name": "f"}') == [("f", "{}")]


def test_ids_differ():
    reader = ToolCallReader()
    first, second = reader.push(CALL + CALL)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id


def test_a_demanded_call_is_one_of_the_tools():
    tools = (
        Tool(name='f"', parameters_json='{"minItems":1}'),
        Tool(name="g", parameters_json='{"$ref":"#/x"}'),
    )
    request = ChatRequest(model="m", messages=(), tools=tools)
    assert demanded_call(request) is None
    any_of_them = demanded_call(
        ChatRequest(model="m", messages=(), tools=tools, tool_choice=ToolChoice.REQUIRED)
    )
    assert any_of_them is not None
    schema = json.loads(any_of_them.partition("%json ")[2])
    names = [one["properties"]["name"]["const"] for one in schema["anyOf"]]
    assert names == ['f"', "g"]
    assert [one["properties"]["arguments"] for one in schema["anyOf"]] == [
        {"minItems": 1},
        {"type": "object"},
    ]
    named = ChatRequest(
        model="m", messages=(), tools=tools, tool_choice=ToolChoice.REQUIRED, required_tool="g"
    )
    assert '"f' not in (demanded_call(named) or "")


def test_arguments_that_cannot_be_held_to_are_any_object():
    hard = '{"type":"object","properties":{"a":{"type":"string","pattern":"a*"}}}'
    long = json.dumps({"type": "object", "properties": {"x" * 30_000: {}}})
    for parameters, count in ((hard, 1), (long, 5)):
        tools = tuple(Tool(name=f"f{number}", parameters_json=parameters) for number in range(count))
        request = ChatRequest(model="m", messages=(), tools=tools, tool_choice=ToolChoice.REQUIRED)
        [schema] = json.loads((demanded_call(request) or "").partition("%json ")[2])["anyOf"]
        assert schema["properties"]["arguments"] == {"type": "object"}
        names = schema["properties"]["name"]
        assert names.get("enum", [names.get("const")]) == [tool.name for tool in tools]

"""What the scripted backend answers when a request holds it to something."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.desk import chat

from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings, prompt_tokens_of
from raseed.adapters.scripted.json_instance import json_instance
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import (
    ChatRequest,
    Delta,
    FinishReason,
    JsonFormat,
    Media,
    MediaKind,
    Sampling,
    Tool,
    ToolChoice,
)

BACKEND = ScriptedModelBackend(ScriptedSettings())


async def pieces_of(request: ChatRequest) -> list[Delta]:
    prepared = await BACKEND.prepare(request)
    generation = await BACKEND.start(prepared, run_id="r", max_tokens=prepared.max_tokens, timeout_s=1)
    pieces = []
    while isinstance(event := await generation.next(), Delta):
        pieces.append(event)
    return pieces


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, None),
        (True, None),
        ({"type": "object"}, {}),
        ({"type": ["integer", "null"], "minimum": 3}, 3),
        ({"type": "number"}, 1),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        (
            {"properties": {"a": {"$ref": "#/$defs/x~1y"}, "b": {}}, "$defs": {"x/y": {"const": 7}}},
            {"a": 7, "b": None},
        ),
    ],
)
def test_the_smallest_value(schema: Any, value: Any):
    assert json_instance(schema) == value


FAN = {f"d{n}": {"type": "array", "minItems": 9, "items": {"$ref": f"#/d{n + 1}"}} for n in range(20)}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
        {"$ref": "#/d0", **FAN, "d20": {}},
        {"$ref": "#"},
        {"$ref": "#/none"},
        {"$ref": 5},
        {"anyOf": {"a": 1}},
        {"enum": {"a": 1}},
        {"type": "object", "properties": [1], "required": ["a"]},
        {"type": "object", "required": [[]]},
        {"type": "string", "minLength": "x"},
    ],
)
async def test_what_describes_nothing_small_is_refused(schema: Any):
    with pytest.raises(ValueError, match=r"^(it|its) "):
        json_instance(schema)
    with pytest.raises(RequestInvalid) as caught:
        await BACKEND.prepare(replace(chat("x"), json_format=JsonFormat(schema_json=json.dumps(schema))))
    assert caught.value.param == "response_format"


async def test_an_answer_is_the_value_piece_by_piece():
    schema = '{"properties":{"city":{"enum":["Kuwait"]}}}'
    pieces = await pieces_of(replace(chat("x"), json_format=JsonFormat(schema_json=schema)))
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces) == '{"city":"Kuwait"}'


async def test_a_demanded_call_has_arguments_that_fit():
    tools = (Tool(name="f"), Tool(name="g", parameters_json='{"properties":{"n":{"type":"integer"}}}'))
    request = replace(chat("x"), tools=tools, tool_choice=ToolChoice.REQUIRED, required_tool="g")
    [piece] = await pieces_of(request)
    assert piece.tool_call is not None
    assert (piece.tool_call.name, piece.tool_call.arguments_json) == ("g", '{"n":1}')
    [piece] = await pieces_of(replace(request, required_tool=None))
    assert piece.tool_call is not None
    assert (piece.tool_call.name, piece.tool_call.arguments_json) == ("f", "{}")


async def test_one_call_where_one_is_allowed():
    request = chat("#script tools=3 tool=f", max_tokens=9)
    assert len([piece for piece in await pieces_of(request) if piece.tool_call]) == 3
    alone = await pieces_of(replace(request, parallel_tool_calls=False))
    assert len([piece for piece in alone if piece.tool_call]) == 1


def test_a_part_that_is_not_text_costs_ten_tokens():
    plain = chat("abcd")
    image = Media(kind=MediaKind.IMAGE, text_before=0, url="https://a/b")
    [message] = plain.messages
    assert prompt_tokens_of(plain) == 2
    assert prompt_tokens_of(replace(plain, messages=(replace(message, media=(image,)),))) == 12


@pytest.mark.parametrize(
    ("text", "stop", "shown", "tokens", "by"),
    [
        ("one two three", ("two",), "one ", 2, "two"),
        ("one two three", ("e t",), "on", 2, "e t"),
        ("one two three", ("three", "two"), "one ", 2, "two"),
        ("one two three", ("threes",), "one two three", 3, None),
        ("#script tokens=6 batch=4", ("gamma",), "alpha beta ", 3, "gamma"),
        ("#script tokens=6 batch=4", ("delta beta",), "alpha beta gamma delta alpha beta ", 6, None),
    ],
)
async def test_a_stop_sequence_ends_the_answer(text, stop, shown, tokens, by):
    """The text ends before it, what was generated until then counts, and it is named."""
    request = replace(chat(text), sampling=Sampling(stop=stop))
    prepared = await BACKEND.prepare(request)
    generation = await BACKEND.start(prepared, run_id="r", max_tokens=prepared.max_tokens, timeout_s=1)
    said = ""
    while isinstance(event := await generation.next(), Delta):
        said += event.text
    assert (said, event.usage.completion_tokens, event.stop_sequence) == (shown, tokens, by)
    assert event.finish_reason is FinishReason.STOP

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from raseed.adapters.wire.anthropic.message_response import encode_count, encode_message
from raseed.adapters.wire.charged import Charged
from raseed.core.ids import RunId
from raseed.core.inference.model import FinishReason, ToolCall, Usage

CALLS = (
    ToolCall(id="call_1", name="weather", arguments_json='{"city":"الكويت","days":12345678901234567890}'),
    ToolCall(id="call_2", name="clock", arguments_json=""),
    ToolCall(id="call_3", name="cut", arguments_json='{"zone":"Asia'),
)
USAGE = Usage(prompt_tokens=45, completion_tokens=128, cached_tokens=16)
THOUGHT = replace(USAGE, reasoning_tokens=3)


def message(
    text="Hello",
    finish_reason=FinishReason.STOP,
    tool_calls=(),
    stop_sequence=None,
    charged=None,
    thinking="",
    usage=USAGE,
) -> bytes:
    return encode_message(
        run_id=RunId("run_01j9z3"),
        model="raseed-tiny",
        text=text,
        thinking=thinking,
        tool_calls=tool_calls,
        finish_reason=finish_reason,
        stop_sequence=stop_sequence,
        usage=usage,
        charged=charged,
    )


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("message.json", message()),
        ("message_empty.json", message("", FinishReason.LENGTH)),
        ("message_stop_sequence.json", message(stop_sequence="\n\nEnd")),
        ("message_tool_use.json", message("Let me look.", FinishReason.TOOL_CALLS, CALLS)),
        ("message_thinking.json", message(thinking="Let me\nsee.", usage=THOUGHT)),
        (
            "message_charged.json",
            message(charged=Charged(cost_microcredits=8_500_000, remaining_microcredits=10**9)),
        ),
        ("count.json", encode_count(1_234)),
    ],
)
def test_shape(golden, name: str, body: bytes):
    golden(name, body)


@pytest.mark.parametrize("tool_calls", [(), CALLS])
@pytest.mark.parametrize("thinking", ["", "hm"])
def test_the_official_types_hold_it(tool_calls, thinking):
    """Strictly: every key of ours that their model does not know would be found."""
    body = message(tool_calls=tool_calls, thinking=thinking, usage=THOUGHT if thinking else USAGE)
    parsed = Message.model_validate_json(body, strict=True)
    assert parsed.to_dict(mode="json") == msgspec.json.decode(body)
    kinds = [block.type for block in parsed.content]
    assert kinds == [*(["thinking"] if thinking else []), "text", *(["tool_use"] * len(tool_calls))]


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.TOOL_CALLS])
def test_a_sequence_is_named_only_where_it_ended_the_answer(reason: FinishReason):
    body = msgspec.json.decode(message(finish_reason=reason, stop_sequence="x"))
    assert body["stop_sequence"] is None
    assert body["stop_reason"] != "stop_sequence"


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_arguments_are_always_an_object(arguments: str):
    call = ToolCall(id="c", name="f", arguments_json=arguments)
    body: Any = msgspec.json.decode(message(tool_calls=(call,)))
    assert isinstance(body["content"][1]["input"], dict)

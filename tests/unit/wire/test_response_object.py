from __future__ import annotations

from dataclasses import replace

import msgspec
from tests.unit.wire.response_values import CALLS, TEXT, over, response

from raseed.adapters.wire.openai.response_object import encode_input_items, encode_response
from raseed.core.inference.model import FinishReason, JsonFormat, Media, MediaKind, ToolCall
from raseed.core.responses.model import Choosing, Item, ItemKind, TextFormat

STRICT_KEYS = (
    *(
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "top_logprobs",
        "tools",
        "tool_choice",
    ),
    *("truncation", "parallel_tool_calls", "text", "store", "background", "service_tier", "metadata"),
)
"""Which the strictest readers want there and not null."""
NULLABLE_KEYS = (
    *(
        "completed_at",
        "incomplete_details",
        "previous_response_id",
        "instructions",
        "error",
        "reasoning",
        "usage",
    ),
    *("user", "max_output_tokens", "max_tool_calls", "safety_identifier", "prompt_cache_key"),
)


def test_text(golden):
    golden("response.json", encode_response(over(TEXT)))


def test_calls(golden):
    golden("response_tools.json", encode_response(over(CALLS, FinishReason.TOOL_CALLS)))


def test_every_key_is_there():
    for one in (response(), over(TEXT), over([], FinishReason.LENGTH)):
        shown = msgspec.json.decode(encode_response(one))
        assert all(shown[key] is not None for key in STRICT_KEYS)
        assert all(key in shown for key in NULLABLE_KEYS)


def test_a_schema_is_repeated_as_it_was_written():
    terms = replace(
        response().terms,
        text=TextFormat(json=JsonFormat(schema_json='{"b":1e400,"a":{}}'), name="n", strict=True),
        choosing=Choosing(mode="required", allowed=("weather",)),
    )
    shown = encode_response(response(terms=terms))
    assert b'"schema":{"b":1e400,"a":{}}' in shown
    assert b'"parameters":{"type":"object","b":1,"a":12345678901234567890}' in shown


def test_input_items(golden):
    image = Media(kind=MediaKind.IMAGE, text_before=3, url="https://x.example/a.png", detail="low")
    items = [
        Item(kind=ItemKind.MESSAGE, id="msg_1", role="user", text="at it", media=(image,)),
        Item(kind=ItemKind.REASONING, id="rs_1", summaries=("thinking",), encrypted="xyz"),
        Item(kind=ItemKind.MESSAGE, id="msg_2", role="assistant", text="I see"),
        Item(kind=ItemKind.CALL, id="fc_1", call=ToolCall(id="call_1", name="f", arguments_json="{}")),
        Item(kind=ItemKind.CALL_OUTPUT, id="fco_1", call_id="call_1", text="42"),
    ]
    golden("input_items.json", encode_input_items(items, has_more=True))

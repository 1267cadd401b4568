from __future__ import annotations

import msgspec
import pytest
from openai.types.chat import ChatCompletion

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.chat_response import encode_completion
from raseed.core.inference.answer import WholeChoice
from raseed.core.inference.model import FinishReason, Logprob, TokenLogprob, ToolCall, Usage
from raseed.core.texts import whole_text

CALLS = (
    ToolCall(id="call_1", name="weather", arguments_json='{"city":"الكويت","days":12345678901234567890}'),
    ToolCall(id="call_2", name="clock", arguments_json=""),
)
LOGPROBS = (
    TokenLogprob(Logprob(b"\xe2\x82", -0.25), (Logprob(b"\xe2\x82", -0.25), Logprob(b"a", -9999.0))),
    TokenLogprob(Logprob(b"\xac", 0.0)),
)
USAGE = Usage(prompt_tokens=45, completion_tokens=128, cached_tokens=16, reasoning_tokens=3)


def choice(
    text="Hello", finish_reason=FinishReason.STOP, tool_calls=(), logprobs=(), reasoning=""
) -> WholeChoice:
    return WholeChoice(
        text=text,
        reasoning=reasoning,
        tool_calls=tool_calls,
        logprobs=logprobs,
        finish_reason=finish_reason,
    )


def completion(*choices: WholeChoice, charged=None, usage=USAGE) -> bytes:
    return encode_completion(
        completion_id="chatcmpl-01j9z3",
        created_s=1_760_000_000,
        model="raseed-tiny",
        choices=choices or [choice()],
        usage=usage,
        charged=charged,
    )


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("completion.json", completion()),
        (
            "completion_empty.json",
            completion(choice("", FinishReason.LENGTH), usage=Usage(prompt_tokens=1, completion_tokens=0)),
        ),
        ("completion_tool_calls.json", completion(choice("", FinishReason.TOOL_CALLS, CALLS))),
        (
            "completion_text_and_tool_calls.json",
            completion(choice("Let me look.", FinishReason.TOOL_CALLS, CALLS[:1])),
        ),
        (
            "completion_charged.json",
            completion(charged=Charged(cost_microcredits=432_500_001, remaining_microcredits=732_000_000)),
        ),
        ("completion_two_choices.json", completion(choice(), choice("Hi", FinishReason.LENGTH))),
        ("completion_reasoning.json", completion(choice(), choice("4", reasoning="2 and\n2"))),
        ("completion_logprobs.json", completion(choice("€", logprobs=LOGPROBS))),
        ("completion_cost_only.json", completion(charged=Charged(cost_microcredits=1))),
    ],
)
def test_shape(golden, name: str, body: bytes):
    golden(name, body)
    parsed = ChatCompletion.model_validate_json(body)
    assert parsed.choices[0].message.role == "assistant"
    assert parsed.usage is not None
    assert parsed.usage.total_tokens == parsed.usage.prompt_tokens + parsed.usage.completion_tokens


def test_lone_surrogates_become_replacement_characters():
    assert whole_text("a\ud800b") == "a\ufffdb"
    assert whole_text("\ud83d\ude00") == "😀"
    broken = completion(choice("x\udc00", reasoning="y\udc00"))
    message = msgspec.json.decode(broken)["choices"][0]["message"]
    assert message["content"] == "x\ufffd"
    assert message["reasoning"] == message["reasoning_content"] == "y\ufffd"


def test_a_thought_has_both_names_and_is_no_content():
    """Of which each reader knows one; a choice without a thought has neither."""
    [without, thought] = msgspec.json.decode(completion(choice(), choice("", reasoning="hm")))["choices"]
    assert without["message"].keys() & {"reasoning", "reasoning_content"} == set()
    message = thought["message"]
    assert (message["reasoning"], message["reasoning_content"], message["content"]) == ("hm", "hm", "")

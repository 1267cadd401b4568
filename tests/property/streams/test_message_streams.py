"""Streams of Anthropic's messages."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import example, given
from pydantic import TypeAdapter
from tests.property.streams.often import often
from tests.property.streams.plans import Answer, Manner, Plan, Say
from tests.property.streams.player import MESSAGE, PROMPT_TOKENS, play
from tests.property.streams.sse import Event, events

from raseed.core.inference.model import FinishReason

STOP_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
}


BLOCKS = ({"type": "text", "text": ""}, {"type": "thinking", "thinking": "", "signature": ""})
DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}


def read(plan: Plan, *, with_pings: bool = False) -> list[Event]:
    """All events; none if the request was refused."""
    played = play(plan, MESSAGE)
    if played.is_refused or not played.stream:
        return []
    return [event for event in events(played.stream) if with_pings or event.name != "ping"]


@often
@given(MESSAGE.plans())
def test_every_event_is_named_and_its_data_has_the_same_type(plan: Plan):
    """The official reader looks at the name, others at the type."""
    for event in read(plan, with_pings=True):
        assert event.name == event.json["type"]


CUT_IN_A_BLOCK = Plan(
    answers=(Answer(steps=(Say("one"), Say("two"))),),
    with_usage=False,
    with_logprobs=False,
    is_read_slowly=False,
    manner=Manner(is_anthropic=True),
    credit=2,
)


@often
@example(CUT_IN_A_BLOCK)
@given(MESSAGE.plans())
def test_blocks_follow_one_another_and_are_numbered_from_zero(plan: Plan):
    """At most one is open, what is said belongs to it, and none is opened again."""
    is_open, last = False, -1
    for event in read(plan):
        match event.name:
            case "content_block_start":
                assert not is_open
                assert event.json["index"] == last + 1
                is_open, last = True, last + 1
            case "content_block_delta":
                assert is_open
                assert event.json["index"] == last
            case "content_block_stop":
                assert is_open
                assert event.json["index"] == last
                is_open = False
            case "message_delta" | "message_stop":
                assert not is_open
            case _:
                assert event.name in {"message_start", "error"}


@often
@given(MESSAGE.plans())
def test_the_message_starts_first_and_ends_once(plan: Plan):
    names = [event.name for event in read(plan)]
    assert names[:1] in ([], ["message_start"])
    for once in ("message_start", "message_delta", "message_stop", "error"):
        assert names.count(once) <= 1
    if plan.is_whole:
        assert names[-2:] == ["message_delta", "message_stop"]
        assert "error" not in names
    for before, _ in pairwise(names):
        assert before not in {"message_stop", "error"}


@often
@given(MESSAGE.plans())
def test_usage_is_there_from_the_first_event_and_whole_in_the_last(plan: Plan):
    """Null or missing, it makes the official reader throw; some readers look at the first alone."""
    found = read(plan)
    for event in found:
        if event.name == "message_start":
            usage = event.json["message"]["usage"]
            assert (usage["input_tokens"], usage["output_tokens"]) == (PROMPT_TOKENS, 0)
        if event.name == "message_delta":
            usage = event.json["usage"]
            assert usage["input_tokens"] + usage["cache_read_input_tokens"] == PROMPT_TOKENS
            if plan.is_whole:
                assert usage["output_tokens"] == plan.answers[0].tokens


@often
@given(MESSAGE.plans())
def test_arguments_are_told_in_pieces_of_a_call_that_began_empty(plan: Plan):
    kinds: list[str] = []
    for event in read(plan):
        if event.name == "content_block_start":
            block = event.json["content_block"]
            kinds.append(block["type"])
            assert block in BLOCKS or block["input"] == {}
        if event.name == "content_block_delta" and event.json["delta"]["type"] != "signature_delta":
            delta = event.json["delta"]
            assert delta["type"] == DELTAS[kinds[-1]]
            told = delta.get("text") or delta.get("partial_json") or delta.get("thinking")
            assert told, "never an empty piece"


@often
@given(MESSAGE.plans())
def test_a_thought_is_signed_once_before_it_ends(plan: Plan):
    """Some readers take it as whole only then."""
    signatures: int | None = None
    for event in read(plan):
        match event.name:
            case "content_block_start":
                signatures = 0 if event.json["content_block"]["type"] == "thinking" else None
            case "content_block_delta" if event.json["delta"]["type"] == "signature_delta":
                assert signatures == 0
                signatures = 1
            case "content_block_delta":
                assert signatures in {None, 0}
            case "content_block_stop" if plan.is_whole:
                assert signatures in {None, 1}


def of_json(plan: Plan) -> bool:
    """The official reader parses arguments, and throws for what is no object."""
    try:
        return all(isinstance(json.loads(arguments or "{}"), dict) for _, arguments in plan.answers[0].calls)
    except ValueError:
        return False


@often
@given(MESSAGE.plans(is_whole=True).filter(of_json))
def test_the_official_reader_has_the_whole_answer(plan: Plan):
    [answer] = plan.answers
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    message: Any = None
    pieces: dict[int, bytes] = {}
    for event in read(plan):
        parsed = adapter.validate_python(event.json)
        message = accumulate_event(event=parsed, current_snapshot=message, json_bufs=pieces)
    assert "".join(block.text for block in message.content if block.type == "text") == answer.text
    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert calls == [(name, json.loads(arguments or "{}")) for name, arguments in answer.calls]
    thought = "".join(block.thinking for block in message.content if block.type == "thinking")
    is_relayed = plan.manner is not None and plan.manner.is_anthropic
    assert thought == (answer.reasoning if plan.with_thinking or is_relayed else "")
    assert message.stop_reason == STOP_REASONS[answer.finish_reason]
    assert message.usage.output_tokens == answer.tokens
    assert any(isinstance(step, Say) and step.text for step in answer.steps) == any(
        block.type == "text" for block in message.content
    )

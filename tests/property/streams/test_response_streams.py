"""Streams of OpenAI's responses."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.property.streams.often import often
from tests.property.streams.plans import Answer, Plan, Say, Think
from tests.property.streams.player import PROMPT_TOKENS, RESPONSE, play
from tests.property.streams.sse import Event, events

TERMINAL = {"response.completed", "response.incomplete", "response.failed"}
REQUIRED = {
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
}
NULLABLE = {
    *(
        "completed_at",
        "incomplete_details",
        "previous_response_id",
        "instructions",
        "error",
        "reasoning",
        "user",
    ),
    *("usage", "max_output_tokens", "max_tool_calls", "safety_identifier", "prompt_cache_key"),
}


def read(plan: Plan) -> list[Event]:
    """All events; none if the request was refused."""
    played = play(plan, RESPONSE)
    if played.is_refused or not played.stream:
        return []
    return events(played.stream)


@often
@given(RESPONSE.plans())
def test_events_are_named_and_counted_from_zero_without_a_gap(plan: Plan):
    for number, event in enumerate(read(plan)):
        assert event.name == event.json["type"]
        assert event.json["sequence_number"] == number


@often
@given(RESPONSE.plans())
def test_it_is_created_first_and_ends_with_exactly_one_last_event(plan: Plan):
    """Some readers throw without the first; who waits for the last waits for ever without it. There is no `[DONE]`."""
    names = [event.name for event in read(plan)]
    assert names[:2] == ["response.created", "response.in_progress"][: len(names)]
    ends = [name for name in names if name in TERMINAL]
    assert len(ends) <= 1
    if ends:
        assert names[-1] in TERMINAL
    if plan.is_whole:
        assert ends == ["response.incomplete" if plan.answers[0].is_cut else "response.completed"]
    elif plan.breaks:
        assert ends in ([], ["response.failed"])


TWO_HALVES = Plan(
    answers=(Answer(steps=(Say("\ud83d"), Say("\ude00"), Think("\ud83d"), Think("\ude00"))),),
    with_usage=False,
    with_logprobs=False,
    is_read_slowly=False,
)
"""Which would be one character if they were put together before they are shown."""


@often
@example(TWO_HALVES)
@given(RESPONSE.plans())
def test_an_item_and_its_part_are_added_before_their_deltas_and_done_after_them(plan: Plan):
    """Readers keep a list of items and index it; what is not there is an IndexError."""
    open_item: Any = None
    said = ""
    items = 0
    for event in read(plan):
        body = event.json
        kind = (event.name or "").removeprefix("response.")
        match kind:
            case "output_item.added":
                assert open_item is None
                assert body["output_index"] == items
                open_item, said, items = body["item"], "", items + 1
                is_thought = open_item["type"] == "reasoning"
                assert open_item.get("status") == (None if is_thought else "in_progress")
            case "content_part.added":
                assert (body["item_id"], body["part"]["text"]) == (open_item["id"], "")
            case "output_text.delta" | "reasoning_text.delta" | "function_call_arguments.delta":
                assert (body["item_id"], body["output_index"]) == (open_item["id"], items - 1)
                said += body["delta"]
            case "output_text.done" | "reasoning_text.done":
                assert (body["item_id"], body["text"]) == (open_item["id"], said)
            case "function_call_arguments.done":
                assert (body["item_id"], body["arguments"]) == (open_item["id"], said)
                assert body["name"] == open_item["name"]
            case "content_part.done":
                assert body["part"]["text"] == said
            case "output_item.done":
                done = body["item"]
                assert done["id"] == open_item["id"]
                assert done.get("call_id") == open_item.get("call_id")
                assert said == (
                    done["arguments"] if done["type"] == "function_call" else done["content"][0]["text"]
                )
                open_item = None
            case _:
                assert event.name in {"response.created", "response.in_progress"} | TERMINAL
    if plan.is_whole:
        assert open_item is None


@often
@given(RESPONSE.plans())
def test_the_last_event_has_the_items_that_were_streamed_with_the_same_ids(plan: Plan):
    """Agents pair calls with results by these ids."""
    found = read(plan)
    if not found or found[-1].name not in TERMINAL:
        return
    output = found[-1].json["response"]["output"]
    added = [event.json["item"] for event in found if event.name == "response.output_item.added"]
    assert [(item["id"], item.get("call_id")) for item in output] == [
        (item["id"], item.get("call_id")) for item in added
    ]
    done = [event.json["item"] for event in found if event.name == "response.output_item.done"]
    if plan.is_whole:
        assert output == done


@often
@given(RESPONSE.plans())
def test_a_response_has_every_key_wherever_it_stands(plan: Plan):
    """Strict readers want them all, and null only where that is said."""
    for event in read(plan):
        response = event.json.get("response")
        if response is not None:
            assert response.keys() >= REQUIRED | NULLABLE
            assert [key for key in REQUIRED if response[key] is None] == []


@often
@given(RESPONSE.plans(is_whole=True))
def test_the_official_reader_has_the_whole_answer(plan: Plan):
    [answer] = plan.answers
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    last: Any = None
    for event in read(plan):
        for emitted in state.handle_event(adapter.validate_python(event.json)):
            last = emitted
    whole = last.response
    assert whole.output_text == answer.text
    thoughts = [item.content[0].text for item in whole.output if item.type == "reasoning"]
    assert "".join(thoughts) == answer.reasoning
    calls = [(item.name, item.arguments) for item in whole.output if item.type == "function_call"]
    assert calls == list(answer.calls)
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (PROMPT_TOKENS, answer.tokens)

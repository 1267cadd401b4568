"""Streams of chat completions, and what of it holds for completions: each fact is one that some reader relies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.property.streams.often import often
from tests.property.streams.plans import Plan
from tests.property.streams.player import CHAT, COMPLETION, PROMPT_TOKENS, Wire, play
from tests.property.streams.sse import DONE, chunks, events

both = pytest.mark.parametrize("wire", [CHAT, COMPLETION], ids=lambda wire: wire.name)


def read(plan: Plan, wire: Wire = CHAT) -> list[Any]:
    """All chunks but errors; none if the request was refused."""
    played = play(plan, wire)
    if played.is_refused or not played.stream:
        return []
    return [chunk for chunk in chunks(played.stream) if "error" not in chunk]


def choices(found: list[Any], index: int | None = None) -> Iterator[Any]:
    for chunk in found:
        for choice in chunk["choices"]:
            if index is None or choice["index"] == index:
                yield choice


def tool_deltas(found: list[Any]) -> list[tuple[int, Any]]:
    return [
        (choice["index"], delta)
        for choice in choices(found)
        for delta in choice["delta"].get("tool_calls", ())
    ]


@both
@often
@given(st.data())
def test_every_choice_ends_once_with_an_empty_delta_and_nothing_after(wire: Wire, data: Any):
    """Without a reason some readers throw; with two, or with text beside it, they lose something."""
    plan = data.draw(wire.plans(is_whole=True))
    found = read(plan, wire)
    for index, answer in enumerate(plan.answers):
        *before, last = choices(found, index)
        assert all(choice["finish_reason"] is None for choice in before)
        assert last["finish_reason"] == answer.finish_reason
        assert last["delta"] == {} if wire is CHAT else last["text"] == ""


@both
@often
@given(st.data())
def test_a_stream_that_breaks_ends_no_choice_that_was_open(wire: Wire, data: Any):
    plan = data.draw(wire.plans())
    ended = [choice["index"] for choice in choices(read(plan, wire)) if choice["finish_reason"]]
    assert len(set(ended)) == len(ended)
    assert all(not plan.answers[index].breaks for index in ended)


@often
@given(CHAT.plans())
def test_the_first_chunk_of_each_choice_has_the_role_and_they_come_in_order(plan: Plan):
    """One reader numbers choices by what it sees first, another wants the role before anything else."""
    first: dict[int, Any] = {}
    for choice in choices(read(plan)):
        if choice["index"] in first:
            assert "role" not in choice["delta"]
        else:
            assert choice["delta"] == {"role": "assistant", "content": "", "refusal": None}
            first[choice["index"]] = choice
    assert list(first) == list(range(len(first)))


@both
@often
@given(st.data())
def test_choices_is_always_an_array(wire: Wire, data: Any):
    """Null, or no key in the usage chunk, is an error to typed readers."""
    for chunk in read(data.draw(wire.plans()), wire):
        assert isinstance(chunk["choices"], list)
        assert all(type(choice["index"]) is int for choice in chunk["choices"])


@both
@often
@given(st.data())
def test_usage_is_the_last_chunk_if_asked_for_and_nowhere_else(wire: Wire, data: Any):
    """A chunk behind it makes some readers forget it; without being asked for there is no key."""
    plan = data.draw(wire.plans(is_whole=True))
    found = read(plan, wire)
    if not plan.with_usage:
        assert all("usage" not in chunk for chunk in found)
        return
    *before, last = found
    assert all(chunk["usage"] is None for chunk in before)
    assert last["choices"] == []
    tokens = sum(answer.tokens for answer in plan.answers)
    usage = last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (PROMPT_TOKENS, tokens)
    assert usage["total_tokens"] == PROMPT_TOKENS + tokens
    assert all(type(count) is int for count in usage["completion_tokens_details"].values()), (
        "zeros, not nulls"
    )


@both
@often
@given(st.data())
def test_done_is_the_last_event_of_a_whole_stream_and_of_no_other(wire: Wire, data: Any):
    plan = data.draw(wire.plans())
    played = play(plan, wire)
    if played.is_refused or played.is_left or not played.stream:
        return
    found = [event.data == DONE for event in events(played.stream)]
    assert found == [False] * (len(found) - 1) + [not plan.breaks]


@often
@given(CHAT.plans())
def test_id_name_and_type_of_a_call_are_in_its_first_delta_alone(plan: Plan):
    """Readers append what they see: `call_1call_1`."""
    opened = set()
    for choice, delta in tool_deltas(read(plan)):
        at = (choice, delta["index"])
        if at in opened:
            assert delta == {
                "index": delta["index"],
                "function": {"arguments": delta["function"]["arguments"]},
            }
        else:
            assert set(delta) == {"index", "id", "type", "function"}
            assert delta["type"] == "function"
            assert delta["id"]
            assert set(delta["function"]) == {"name", "arguments"}
            assert isinstance(delta["function"]["arguments"], str)
            opened.add(at)


@often
@given(CHAT.plans())
def test_calls_are_numbered_from_zero_without_a_gap_in_every_delta(plan: Plan):
    """Without `index` a reader throws or drops calls; with a gap it shows what is not there."""
    seen: dict[int, list[int]] = {}
    for choice, delta in tool_deltas(read(plan)):
        assert type(delta["index"]) is int
        numbers = seen.setdefault(choice, [])
        if delta["index"] not in numbers:
            numbers.append(delta["index"])
    assert all(numbers == list(range(len(numbers))) for numbers in seen.values())


@often
@given(CHAT.plans())
def test_a_delta_holds_no_null_and_nothing_empty(plan: Plan):
    """Beside the first chunk of a choice, and text that is behind its log probabilities: a null there takes the place of
    what was read before."""
    for choice in choices(read(plan)):
        delta = choice["delta"]
        if "role" not in delta and not choice["logprobs"]:
            assert all(value not in (None, "", []) for value in delta.values())


@both
@often
@given(st.data())
def test_all_chunks_have_one_head(wire: Wire, data: Any):
    found = read(data.draw(wire.plans()), wire)
    heads = [{key: chunk.get(key) for key in ("id", "object", "created", "model")} for chunk in found]
    assert all(head == heads[0] for head in heads)
    if heads:
        assert heads[0]["object"] == ("chat.completion.chunk" if wire is CHAT else "text_completion")


@often
@given(CHAT.plans())
def test_a_thought_has_both_names_in_every_delta(plan: Plan):
    """One reader knows this one, another that one; and no part of it is content."""
    for choice in choices(read(plan)):
        delta = choice["delta"]
        assert delta.get("reasoning") == delta.get("reasoning_content")
        assert not ("reasoning" in delta and "content" in delta and plan.manner is None)


@often
@given(COMPLETION.plans(is_whole=True))
def test_completions_say_what_was_generated(plan: Plan):
    found = read(plan, COMPLETION)
    for index, answer in enumerate(plan.answers):
        assert "".join(choice["text"] for choice in choices(found, index)) == answer.text


@often
@given(CHAT.plans(is_whole=True))
def test_the_official_reader_has_the_whole_answer(plan: Plan):
    """Every choice with its text, its calls and its reason, and the usage, as OpenAI's own helper puts them together."""
    state = ChatCompletionStreamState()
    for chunk in read(plan):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    whole = state.current_completion_snapshot  # of an answer that was cut the final one is an exception
    assert len(whole.choices) == len(plan.answers)
    for choice, answer in zip(whole.choices, plan.answers, strict=True):
        assert (choice.message.content or "") == answer.text
        for name in ("reasoning", "reasoning_content"):
            assert (getattr(choice.message, name, None) or "") == answer.reasoning
        made = choice.message.tool_calls or []
        assert [(call.function.name, call.function.arguments) for call in made] == list(answer.calls)
        assert len({call.id for call in made}) == len(made)
        assert choice.finish_reason == answer.finish_reason
    assert (whole.usage is not None) == plan.with_usage

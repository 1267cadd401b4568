"""OpenAI's Responses API by the official SDK: Envoy, a core worker, the scripted model and the local one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel
from tests.support.customer import Customer
from tests.support.stack import Stack
from tests.support.waiting import until

TINY = "raseed-tiny"
SCRIPTED = "scripted"
TIMEOUT_S = 60.0
LOOK: Any = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    "strict": True,
}


@pytest.fixture(params=["/v1", "/api/v1"])
def client(stack: Stack, customer: Customer, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    with sdk(stack, customer.key, request.param) as client:
        yield client


@pytest.fixture
def one(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with sdk(stack, customer.key) as client:
        yield client


def sdk(stack: Stack, key: str, base: str = "/v1") -> OpenAI:
    return OpenAI(base_url=stack.url + base, api_key=key, max_retries=0, timeout=TIMEOUT_S)


def test_create(client, customer):
    """A whole response of the local model; its usage is what is charged."""
    before = customer.left()
    answer = client.responses.create(model=TINY, input="Hello", instructions="Be kind.", metadata={"k": "v"})
    assert answer.id.startswith("resp_")
    assert (answer.object, answer.status, answer.model) == ("response", "completed", TINY)
    assert answer.output_text
    assert (answer.instructions, answer.metadata, answer.store) == ("Be kind.", {"k": "v"}, True)
    [message] = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert before - customer.left() == answer.usage.total_tokens


def test_stream(client):
    """Events in their order, numbered without a gap; what was streamed is what is stored."""
    events = list(client.responses.create(model=TINY, input="Hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events if event.type != "response.output_text.delta"]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    whole = events[-1].response
    assert whole.output_text == "".join(
        event.delta for event in events if event.type == "response.output_text.delta"
    )
    assert client.responses.retrieve(whole.id) == whole


def test_stream_helper(one):
    with one.responses.stream(model=TINY, input="Hello", temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.output_text.delta" in kinds
    assert final.output_text == one.responses.create(model=TINY, input="Hello", temperature=0).output_text


class Answer(BaseModel):
    city: str
    degrees: int


def test_parse(one):
    parsed = one.responses.parse(model=SCRIPTED, input="How warm is it?", text_format=Answer)
    assert isinstance(parsed.output_parsed, Answer)
    assert parsed.text.format.type == "json_schema"
    text = one.responses.create(model=SCRIPTED, input="json", text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(text.output_text), dict)


def test_what_was_said_is_continued(one):
    """By id alone: the model sees the whole conversation, and its tokens are paid for."""
    first = one.responses.create(model=SCRIPTED, input="one two three", instructions="four")
    second = one.responses.create(model=SCRIPTED, input="five", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert second.instructions is None
    items = one.responses.input_items.list(second.id, order="asc").data
    assert [(item.role, item.content[0].text) for item in items] == [
        ("user", "one two three"),
        ("assistant", "one two three"),
        ("user", "five"),
    ]
    assert second.usage.input_tokens == 5 + 5 + 2
    # Other clients name the items instead, and resend what is theirs.
    again = one.responses.create(
        model=SCRIPTED,
        input=[
            {"role": "user", "content": "one two three"},
            {"type": "item_reference", "id": first.output[0].id},
            {"role": "user", "content": "five"},
        ],
    )
    assert again.usage.input_tokens == second.usage.input_tokens


def test_a_loop_of_tools(one):
    first = one.responses.create(
        model=SCRIPTED, input="look", tools=[LOOK], tool_choice="required", parallel_tool_calls=False
    )
    [call] = first.output
    assert (call.type, call.name, call.status) == ("function_call", "look", "completed")
    assert json.loads(call.arguments).keys() == {"at"}
    second = one.responses.create(
        model=SCRIPTED,
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "a cat"}],
        tools=[LOOK],
    )
    assert second.output_text == "a cat"
    # And without the store, as agents do it.
    third = one.responses.create(
        model=SCRIPTED,
        store=False,
        input=[
            {"role": "user", "content": "look"},
            call.model_dump(),
            {"type": "function_call_output", "call_id": call.call_id, "output": "a cat"},
        ],
    )
    assert third.usage.input_tokens == second.usage.input_tokens
    with pytest.raises(openai.NotFoundError):
        one.responses.retrieve(third.id)


def test_parallel_calls_are_streamed_one_after_the_other(one):
    with one.responses.stream(
        model=SCRIPTED, input="#script tokens=2 tools=2 tool=look", tools=[LOOK]
    ) as stream:
        kinds = [event.type for event in stream if ".delta" not in event.type]
        final = stream.get_final_response()
    assert [item.call_id for item in final.output] == ["call_0", "call_1"]
    call = [
        "response.output_item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert kinds == ["response.created", "response.in_progress", *call, *call, "response.completed"]


def test_reasoning_comes_first(one):
    """As an item of its own, which may be sent back."""
    with one.responses.stream(model=SCRIPTED, input="#script tokens=5 reason=3") as stream:
        kinds = [event.type for event in stream if ".delta" not in event.type]
        final = stream.get_final_response()
    assert kinds[2:5] == [
        "response.output_item.added",
        "response.reasoning_text.done",
        "response.output_item.done",
    ]
    thought, message = final.output
    assert (thought.type, thought.content[0].text) == ("reasoning", "hm hm hm ")
    assert final.output_text == message.content[0].text == "delta alpha "
    assert final.usage.output_tokens_details.reasoning_tokens == 3
    sent_back = [{"role": "user", "content": "hi"}, *(item.model_dump() for item in final.output)]
    again = one.responses.create(model=SCRIPTED, input=[*sent_back, {"role": "user", "content": "go on"}])
    assert again.output_text == "go on"


def test_cut_at_its_limit(one):
    answer = one.responses.create(model=SCRIPTED, input="#script tokens=50", max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage.output_tokens == 16
    *_, last = one.responses.create(
        model=SCRIPTED, input="#script tokens=50", max_output_tokens=16, stream=True
    )
    assert last.type == "response.incomplete"
    assert last.response.output[0].status == "incomplete"


def test_a_failure_after_output_is_the_last_event_and_is_stored(one, customer):
    before = customer.left()
    events = list(one.responses.create(model=SCRIPTED, input="#script tokens=9 fail_at=3", stream=True))
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.error.message
    stored = one.responses.retrieve(last.response.id)
    assert (stored.status, stored.output_text) == ("failed", "alpha beta gamma ")
    assert before - customer.left() == 1 + 7 + 3
    with pytest.raises(openai.InternalServerError):
        one.responses.create(model=SCRIPTED, input="#script tokens=9 fail_at=0", stream=True)


def test_items_come_in_pages(one):
    turns: Any = [{"role": "user", "content": str(number)} for number in range(5)]
    answer = one.responses.create(model=SCRIPTED, input=turns)
    page = one.responses.input_items.list(answer.id, limit=2)
    assert [item.content[0].text for item in page.data] == ["4", "3"]
    assert page.has_more
    assert [item.content[0].text for item in page] == ["4", "3", "2", "1", "0"]
    rising = one.responses.input_items.list(answer.id, limit=2, order="asc", after=page.data[1].id)
    assert [item.content[0].text for item in rising.data] == ["4"]


def test_count(one):
    counted = one.responses.input_tokens.count(model=TINY, input="Hello", instructions="Be kind.")
    answer = one.responses.create(model=TINY, input="Hello", instructions="Be kind.")
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", answer.usage.input_tokens)


def test_in_the_background(one):
    """Asked for, looked at until it is over, and read again as a stream from any event on."""
    begun = one.responses.create(model=SCRIPTED, input="#script tokens=40 pace_ms=20", background=True)
    assert begun.status in {"queued", "in_progress"}
    until(lambda: one.responses.retrieve(begun.id).status == "completed", TIMEOUT_S, "the response is over")
    whole = one.responses.retrieve(begun.id)
    assert (whole.background, whole.usage.output_tokens) == (True, 40)
    events = list(one.responses.retrieve(begun.id, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response == whole
    rest = list(one.responses.retrieve(begun.id, stream=True, starting_after=9))
    assert rest == events[10:]


def test_a_stream_in_the_background_is_resumed(one):
    """After the first reader has gone, from the event that he saw last."""
    seen = []
    with one.responses.create(
        model=SCRIPTED, input="#script tokens=200 pace_ms=10", background=True, stream=True
    ) as stream:
        for event in stream:
            seen.append(event)
            if len(seen) == 15:
                break
    rest = list(
        one.responses.retrieve(seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number)
    )
    assert [event.sequence_number for event in seen + rest] == list(range(len(seen + rest)))
    assert rest[-1].type == "response.completed"


def test_cancel(one, customer):
    begun = one.responses.create(model=SCRIPTED, input="#script tokens=9000 pace_ms=20", background=True)
    until(lambda: customer.funds().held, TIMEOUT_S, "credit is held for it")
    stopped = one.responses.cancel(begun.id)
    assert stopped.status == "cancelled"
    assert one.responses.retrieve(begun.id) == stopped == one.responses.cancel(begun.id)
    assert 0 < customer.left() < 1_000
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        one.responses.cancel(one.responses.create(model=SCRIPTED, input="hi").id)


def test_delete(one, stack):
    answer = one.responses.create(model=SCRIPTED, input="hi")
    with sdk(stack, stack.customer().key) as other, pytest.raises(openai.NotFoundError):
        other.responses.retrieve(answer.id)  # somebody else's
    one.responses.delete(answer.id)
    for gone in (one.responses.retrieve, one.responses.delete):
        with pytest.raises(openai.NotFoundError):
            gone(answer.id)
    with pytest.raises(openai.NotFoundError) as refused:
        one.responses.create(model=SCRIPTED, input="hi", previous_response_id=answer.id)
    assert refused.value.param == "previous_response_id"


def test_refusals_name_the_field(one):
    def refusal(**fields: Any) -> tuple[str | None, str | None]:
        with pytest.raises(openai.BadRequestError) as refused:
            one.responses.create(**{"model": SCRIPTED, "input": "hi"} | fields)
        return refused.value.param, refused.value.code

    assert refusal(conversation="conv_1") == ("conversation", "unsupported_parameter")
    assert refusal(max_output_tokens=1) == ("max_output_tokens", "integer_below_min_value")
    assert refusal(model=TINY, text={"format": {"type": "text"}}, input="word " * 3_000) == (
        "input",
        "context_length_exceeded",
    )
    orphan: Any = [{"type": "function_call_output", "call_id": "c", "output": "x"}]
    assert refusal(input=orphan) == ("input", None)


def test_the_oldest_turns_are_left_out_when_asked_to(one):
    turns: Any = [{"role": "developer", "content": "be kind"}]
    for number in range(4):
        turns += [
            {"role": "user", "content": f"turn {number} " + "word " * 300},
            {"role": "assistant", "content": "yes"},
        ]
    turns.append({"role": "user", "content": "last"})
    answer = one.responses.create(model=TINY, input=turns, truncation="auto")
    assert answer.truncation == "auto"
    first, second, *_ = one.responses.input_items.list(answer.id, order="asc").data
    assert first.content[0].text == "be kind"
    assert not second.content[0].text.startswith("turn 0")


def test_a_key_answers_once(customer):
    body = {"model": SCRIPTED, "input": "hi"}
    headers = {"idempotency-key": "k"}
    first = customer.http.send("POST", "/v1/responses", body, headers)
    left = customer.left()
    again = customer.http.send("POST", "/v1/responses", body, headers)
    assert (first.status, again.body) == (200, first.body)
    assert customer.left() == left
    assert Response.model_validate_json(
        customer.http.send("GET", f"/v1/responses/{first.json['id']}").body
    ) == Response.model_validate_json(first.body)

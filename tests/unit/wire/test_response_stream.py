"""The events of a response: their order, their numbers, and that a stream that is read again is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.response_values import CALLS, TEXT, over, response

from raseed.adapters.content.response_record import decode_record, encode_record
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.response_object import encode_response
from raseed.adapters.wire.openai.response_stream import ResponseStreamEncoder
from raseed.core.errors import BackendLost
from raseed.core.inference.model import Delta, FinishReason, Logprob, TokenLogprob, ToolCall
from raseed.core.responses.model import Response, Status
from raseed.core.responses.outcome import failed


def stream(whole: Response, after: int = -1, charged: Charged | None = None) -> bytes:
    """What is sent of a response that is over, piece by piece."""
    encoder = ResponseStreamEncoder(whole, after=after)
    return b"".join([encoder.start(), *map(encoder.delta, whole.pieces), encoder.finish(whole, charged)])


def events(sent: bytes) -> list[dict[str, Any]]:
    """Each event, whose two lines name the same type."""
    found = []
    assert sent.endswith(b"\n\n")
    for block in sent[:-2].split(b"\n\n"):
        name, data = block.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        found.append(event)
    return found


def test_text(golden):
    golden("response_stream.sse", stream(over(TEXT)))


def test_reasoning(golden):
    thoughts = [Delta(completion_tokens=1, reasoning="Let me "), Delta(completion_tokens=2, reasoning="see.")]
    golden("response_stream_reasoning.sse", stream(over([*thoughts, *TEXT])))


def test_calls(golden):
    golden("response_stream_tools.sse", stream(over(CALLS, FinishReason.TOOL_CALLS)))


def test_cut_at_the_limit(golden):
    golden("response_stream_incomplete.sse", stream(over(TEXT[:1], FinishReason.LENGTH)))


def test_failed(golden):
    broken = failed(response(), TEXT[:1], BackendLost("The model stopped unexpectedly."))
    golden("response_stream_failed.sse", stream(replace(broken, completed_at_s=1_760_000_002)))


def test_charged(golden):
    charged = Charged(cost_microcredits=2_500_000, remaining_microcredits=1)
    golden("response_stream_charged.sse", stream(over(TEXT[:1]), charged=charged))


def test_in_the_background(golden):
    whole = over(TEXT[:1])
    golden(
        "response_stream_background.sse", stream(replace(whole, terms=replace(whole.terms, background=True)))
    )


def test_an_answer_without_a_word():
    kinds = [event["type"] for event in events(stream(over([])))]
    assert kinds == ["response.created", "response.in_progress", "response.completed"]


PIECES = st.lists(
    st.one_of(
        st.text(max_size=4).map(lambda text: ("text", text)),
        st.text(max_size=4).map(lambda text: ("thought", text)),
        st.just(("call", "")),
        st.text(max_size=4).map(lambda text: ("arguments", text)),
    ),
    max_size=12,
)


def pieces_of(shape: list[tuple[str, str]]) -> list[Delta]:
    """Pieces as an engine may send them: arguments only behind the call that they are of."""
    pieces: list[Delta] = []
    calls, is_open = 0, False
    for kind, text in shape:
        count = len(pieces) + 1
        if kind == "call":
            call = ToolCall(id=f"call_{calls}", name="f", arguments_json="")
            pieces.append(Delta(completion_tokens=count, tool_call_index=calls, tool_call=call))
            calls, is_open = calls + 1, True
        elif kind == "thought":
            pieces.append(Delta(completion_tokens=count, reasoning=text))
            is_open = is_open and not text
        elif kind == "text":
            pieces.append(Delta(completion_tokens=count, text=text))
            is_open = is_open and not text
        elif is_open:
            pieces.append(Delta(completion_tokens=count, tool_call_index=calls - 1, tool_arguments=text))
    return pieces


@settings(max_examples=60)
@given(PIECES, st.sampled_from([FinishReason.STOP, FinishReason.LENGTH]))
def test_events_add_up_to_the_object(shape, reason):
    """Numbers have no gap; an item opens, grows and closes in its place; the deltas add up to what the last event, and
    the answer that is not streamed, say.
    """
    whole = over(pieces_of(shape), reason)
    sent = events(stream(whole))
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))
    output = sent[-1]["response"]["output"]
    assert output == msgspec.json.decode(encode_response(whole))["output"]
    added = [event for event in sent if event["type"] == "response.output_item.added"]
    done = [event for event in sent if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in added] == list(range(len(output)))
    assert [event["item"] for event in done] == output
    assert [event["item"]["id"] for event in added] == [item["id"] for item in output]
    opened = -1
    for event in sent:
        if event["type"] == "response.output_item.added":
            opened += 1
        elif "output_index" in event:
            assert event["output_index"] == opened
            assert event.get("item_id", output[opened]["id"]) == output[opened]["id"]
    for index, item in enumerate(output):
        said = "".join(
            event["delta"] for event in sent if "delta" in event and event["output_index"] == index
        )
        assert said == (item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"])


@settings(max_examples=60)
@given(PIECES, st.integers(-1, 40))
def test_a_stream_read_again_is_the_same_from_any_event_on(shape, after):
    """Also of a response that was stored meanwhile."""
    whole = over(pieces_of(shape))
    stored = decode_record(encode_record(whole))
    assert stored == replace(
        whole, pieces=tuple(replace(piece, completion_tokens=0) for piece in whole.pieces)
    )
    everything = events(stream(whole))
    rest = stream(stored, after)
    assert (events(rest) if rest else []) == everything[after + 1 :]


def test_a_call_that_goes_on_after_it_was_whole():
    """An engine that does that is broken: nothing of it is passed on as an answer."""
    encoder = ResponseStreamEncoder(response())
    for piece in CALLS:
        encoder.delta(piece)
    with pytest.raises(BackendLost):
        encoder.delta(Delta(completion_tokens=9, tool_call_index=0, tool_arguments="x"))


def test_broken_text():
    """A lone surrogate, which UTF-8 cannot hold, breaks neither the stream nor the record."""
    whole = over([Delta(completion_tokens=1, text="a\ud800")])
    assert events(stream(whole))[-1]["response"]["output"][0]["content"][0]["text"] == "a\ufffd"
    assert decode_record(encode_record(whole)).pieces[0].text == "a\ufffd"


def test_logprobs():
    euro = TokenLogprob(Logprob(b"\xe2\x82", -0.25), (Logprob(b"\xe2\x82", -0.25), Logprob(b"a", -2.0)))
    whole = over([Delta(completion_tokens=1, logprobs=(euro,)), Delta(completion_tokens=2, text="€")])
    [item] = events(stream(whole))[-1]["response"]["output"]
    [shown] = item["content"][0]["logprobs"]
    assert shown["bytes"] == [0xE2, 0x82]
    assert decode_record(encode_record(whole)).pieces[0].logprobs == (euro,)


class Served(httpx2.BaseTransport):
    """An HTTP server whose every answer is one stream."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self._body)


@pytest.fixture
def read_by_the_sdk() -> Iterator[Any]:
    clients: list[openai.OpenAI] = []

    def read(body: bytes) -> openai.OpenAI:
        http = httpx2.Client(transport=Served(body))
        clients.append(openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=http, max_retries=0))
        return clients[-1]

    yield read
    for client in clients:
        client.close()


def test_the_sdk_reads_what_a_failure_says(read_by_the_sdk):
    """Raw reading ends with the event, as it does with OpenAI: nothing is raised, nothing is lost."""
    broken = failed(response(), TEXT[:1], BackendLost("The model stopped unexpectedly."))
    client = read_by_the_sdk(stream(broken))
    *_, last = client.responses.create(model="m", input="hi", stream=True)
    assert last.type == "response.failed"
    assert last.response.status == Status.FAILED.value
    assert last.response.error.message == "The model stopped unexpectedly."

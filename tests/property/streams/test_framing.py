"""What every server-sent stream keeps to, on each wire: readers differ in what they forgive."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.property.streams.often import often
from tests.property.streams.player import CHAT, COMPLETION, MESSAGE, RESPONSE, WIRES, Played, Wire, play
from tests.property.streams.sse import DONE, blocks, events, is_comment

from raseed.adapters.rpc.keep_alive import SILENCE_S

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)


def streamed(data: Any, wire: Wire) -> Played:
    """Any stream of which something was written."""
    played = play(data.draw(wire.plans()), wire)
    assume(played.writes and not played.is_refused)
    return played


COUNTED = re.compile(r"created(_at)?|completed_at|index|\w+_index|\w*_tokens|sequence_number|top_logprobs")


@every_wire
@often
@given(st.data())
def test_an_event_has_data_and_perhaps_a_name_but_never_an_id_or_a_time(wire: Wire, data: Any):
    """`id:` and `retry:` make some readers hand on an event without data, which then is no JSON."""
    for block in blocks(streamed(data, wire).stream):
        fields = [line.partition(":")[0] for line in block]
        assert is_comment(block) or fields in (["data"], ["event", "data"]), block


@every_wire
@often
@given(st.data())
def test_data_is_never_empty_and_is_one_json_object_on_one_line(wire: Wire, data: Any):
    """Whatever ends a line in the model's text (CR, LF, U+0085, U+2028, NUL) ends none in the stream; half of a pair of
    surrogates is still UTF-8."""
    for event in events(streamed(data, wire).stream):
        assert event.data
        assert "\r" not in event.data
        assert event.data == DONE or isinstance(event.json, dict)


@every_wire
@often
@given(st.data())
def test_every_write_is_whole_events_and_the_last_too_ends_with_a_blank_line(wire: Wire, data: Any):
    """Who reads the last event only at a blank line would lose it."""
    for write in streamed(data, wire).writes:
        assert write.endswith(b"\n\n")
        assert not write.startswith(b"\n")


@every_wire
@often
@given(st.data())
def test_the_content_type_is_that_of_events(wire: Wire, data: Any):
    """Some readers take anything else for a whole answer, also of a stream whose first event is its error."""
    assert streamed(data, wire).content_types[0] == "text/event-stream; charset=utf-8"


@every_wire
@often
@given(st.data())
def test_a_stream_is_never_silent_for_longer_than_readers_and_proxies_wait(wire: Wire, data: Any):
    """What fills a silence is a comment, or a ping where the API has one: nothing that a reader counts as an answer."""
    times_s = play(data.draw(wire.plans()), wire).times_s
    gaps = [after - before for before, after in pairwise(times_s)]
    assert all(gap <= SILENCE_S + 0.1 for gap in gaps), gaps


@every_wire
@often
@given(st.data())
def test_numbers_are_numbers(wire: Wire, data: Any):
    """Typed readers refuse `"created": "1"`, and null where they count."""

    def check(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                check(member, name)
        elif isinstance(value, list):
            for member in value:
                check(member)
        elif COUNTED.fullmatch(key) and value is not None:
            assert type(value) is int, (key, value)

    for event in events(streamed(data, wire).stream):
        if event.data != DONE:
            check(event.json)


@pytest.mark.parametrize("wire", [CHAT, COMPLETION, MESSAGE], ids=lambda wire: wire.name)
@often
@given(st.data())
def test_only_an_error_has_the_key_error(wire: Wire, data: Any):
    """`"error": null` in a chunk is an error to some readers. A response has the key by its own contract."""
    found = events(streamed(data, wire).stream)
    with_error = [event.json for event in found if event.data != DONE and "error" in event.json]
    assert len(with_error) <= 1
    assert all(chunk["error"]["message"] for chunk in with_error)


@every_wire
@often
@given(st.data())
def test_no_end_is_made_up(wire: Wire, data: Any):
    """A stream that broke off has no last event of a whole answer; it ends with an error, and has a status of its own if
    there was nothing of it yet."""
    played = play(data.draw(wire.plans(breaks=True)), wire)
    assert not played.is_left
    if played.is_refused:
        return
    *before, last = events(played.stream)
    ends = {"message_stop", "response.completed", "response.incomplete"}
    assert not any(event.data == DONE or event.name in ends for event in (*before, last))
    error = last.json["response"]["error"] if wire is RESPONSE else last.json["error"]
    assert error["message"]
    assert last.name == {MESSAGE: "error", RESPONSE: "response.failed"}.get(wire)

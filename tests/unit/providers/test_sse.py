"""Events are the same however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.providers.sse import Event, EventTooLong, SseParser

DATA = st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1, max_size=3)
EVENTS = st.lists(st.tuples(st.sampled_from(["", "message_start", "x"]), DATA), max_size=5)
NEWLINES = st.sampled_from(["\n", "\r\n", "\r"])


def written(events: list[tuple[str, list[str]]], newline: str) -> bytes:
    text = "".join(
        (f"event: {name}{newline}" if name else "")
        + f": a comment{newline}"
        + "".join(f"data: {line}{newline}" for line in lines)
        + newline
        for name, lines in events
    )
    return text.encode()


def parsed(whole: bytes, cuts: list[int]) -> list[Event]:
    parser = SseParser()
    places = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


@settings(max_examples=60)
@given(EVENTS, NEWLINES, st.lists(st.integers(0, 10_000), max_size=20))
def test_cuts_change_nothing(events: list[tuple[str, list[str]]], newline: str, cuts: list[int]) -> None:
    expected = [Event(name, "\n".join(lines).encode()) for name, lines in events]
    assert parsed(written(events, newline), cuts) == expected


@settings(max_examples=60)
@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=8),
    st.lists(st.integers(0, 10_000), max_size=3),
)
def test_plain_events_are_the_same_cut_or_not(lines: list[str], cuts: list[int]) -> None:
    whole = b": hello\n\n" + b"".join(f"data: {line}\n\n".encode() for line in lines)
    assert (
        parsed(whole, cuts)
        == parsed(whole, [*range(len(whole))])
        == [Event("", line.encode()) for line in lines]
    )


def test_what_servers_write() -> None:
    parser = SseParser()
    assert parser.feed(b"\xef\xbb\xbfdata:no space\nid: 1\nretry: 5\nunknown\n\n") == [Event("", b"no space")]
    assert parser.feed(b"event: ping\n\n: only a comment\n\n") == []
    assert parser.feed(b"data: last") == []
    assert parser.end() == [Event("", b"last")]


@pytest.mark.parametrize("chunk", [b"x" * 101, b"data: " + b"x" * 95, b"data: 0123456789012345678\n" * 6])
def test_bounds(chunk: bytes) -> None:
    """Of a line, and of an event of several."""
    parser = SseParser(bytes_max=100)
    with pytest.raises(EventTooLong):
        parser.feed(chunk)


def test_bounds_of_what_comes_whole() -> None:
    parser = SseParser(bytes_max=100)
    assert len(parser.feed(b": hello\n\n") + parser.feed(b"data: x\n\ndata: y\n\n")) == 2
    assert parser.lines == 6
    with pytest.raises(EventTooLong):
        parser.feed(b"data: x\n\ndata: " + b"x" * 100 + b"\n\n")


def test_a_line_that_never_ends_is_no_sign_of_life() -> None:
    parser = SseParser()
    for _ in range(100):
        parser.feed(b"x")
    assert parser.lines == 0

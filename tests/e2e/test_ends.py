"""A client that goes away: the model stops, the hold goes, and exactly what was generated is charged."""

from __future__ import annotations

import time

from tests.support.http import Reading, chat_body
from tests.support.stack import CALL_TIMEOUT_S, Stack
from tests.support.waiting import until

from raseed.admin.v1 import admin_pb2

CREDIT = 1_000


def prompt_tokens(text: str) -> int:
    """The scripted backend's own rule: one for the message, one for each started run of four bytes."""
    return 1 - (-len(text.encode()) // 4)


def read_texts(reading: Reading, count: int) -> int:
    """Read so many pieces; how many tokens they were. The scripted backend's words are one each."""
    texts = reading.text()
    return sum(len(next(texts).split()) for _ in range(count))


def in_flight(stack: Stack, model: str) -> int:
    backends = stack.admin("ListBackends", admin_pb2.ListBackendsRequest()).backends
    return int(next(backend.in_flight_count for backend in backends if backend.model == model))


def test_reader_leaves_a_stream(stack, customer):
    """The model makes at most two more tokens, the hold is gone within three seconds, and what was made is charged."""
    script = "#script tokens=2000 pace_ms=100"
    with customer.http.stream(script) as reading:
        delivered = read_texts(reading, 5)
        reading.leave()
    generated = CREDIT - customer.left() - prompt_tokens(script)
    assert delivered <= generated <= delivered + 2
    assert in_flight(stack, "scripted") == 0


def test_reader_leaves_a_silent_stream(stack, customer):
    """An engine that hangs is left as well, and the charge is exact: each token that it made, and no other."""
    script = "#script tokens=2000 hang_at=7"
    with customer.http.stream(script) as reading:
        texts = reading.text()
        delivered = 0
        while delivered < 7:
            delivered += len(next(texts).split())
        assert customer.funds().held > 0
        reading.leave()
    assert customer.left() == CREDIT - prompt_tokens(script) - 7
    assert in_flight(stack, "scripted") == 0


def test_caller_of_a_whole_answer_leaves(stack, customer):
    """Nobody waits for the answer any more, so the model stops and what it had made is charged."""
    script, pace_s = "#script tokens=2000 pace_ms=50", 0.05
    began = time.monotonic()
    connection = customer.http.connect()
    customer.http.request(connection, "POST", "/v1/chat/completions", chat_body(script))
    until(lambda: customer.funds().held > 0, CALL_TIMEOUT_S, "the run has begun")
    connection.close()
    left_after_s = time.monotonic() - began
    generated = CREDIT - customer.left() - prompt_tokens(script)
    assert 0 <= generated <= left_after_s / pace_s + 2
    assert in_flight(stack, "scripted") == 0


def test_reader_leaves_before_the_first_token(stack, customer):
    """A prompt that was read is charged although no token came; the slot and the hold are free again."""
    script = "#script tokens=5 hang_at=0"
    connection = customer.http.connect()
    customer.http.request(connection, "POST", "/v1/chat/completions", chat_body(script, stream=True))
    until(lambda: customer.funds().held > 0, CALL_TIMEOUT_S, "the run has begun")
    connection.close()
    assert customer.left() == CREDIT - prompt_tokens(script)
    assert in_flight(stack, "scripted") == 0

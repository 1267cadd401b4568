"""The load generator counts what there is: against a server that answers known bytes in awkward pieces."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from tests.bench.load import Load, Outcome, Plan

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(data: str) -> bytes:
    return chunk(f"data: {data}\n\n".encode())


JSON_ANSWER = CHUNKED + chunk(b'{"ok":true}') + b"0\r\n\r\n"
STREAM = b"".join(
    [
        CHUNKED,
        event('{"content":"","role":"assistant"}'),
        *[event('{"content":"a"}')] * 5,
        event("[DONE]"),
        b"0\r\n\r\n",
    ]
)


@asynccontextmanager
async def server(pieces: list[bytes], answers_max: int):
    """Answers every request with these pieces, each of which is a read of its own; so many on a connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(answers_max):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.001 if len(pieces) > 1 else 0)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, has ended
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def outcome_of(pieces: list[bytes], answers_max: int = 1_000, **changes) -> Outcome:
    async with server(pieces, answers_max) as port:
        plan = Plan(
            **({"port": port, "key": "k", "body": "{}", "warmup_s": 0.0, "duration_s": 30.0} | changes)
        )
        return await Load(plan).run()


def whole(answer: bytes) -> list[bytes]:
    return [answer]


def torn(answer: bytes) -> list[bytes]:
    return [answer[start : start + 7] for start in range(0, len(answer), 7)]


@pytest.mark.parametrize("split", [whole, torn])
async def test_counts_answers(split):
    outcome = await outcome_of(split(JSON_ANSWER), connections=4, requests_max=20)
    assert (outcome.completed, outcome.lost, outcome.statuses) == (20, 0, {})
    assert len(outcome.latency_ms) == 3


@pytest.mark.parametrize("split", [whole, torn])
async def test_counts_events_and_sees_the_first_token(split):
    outcome = await outcome_of(split(STREAM), connections=2, requests_max=10)
    assert (outcome.completed, outcome.events) == (10, 70)
    assert 0 < outcome.first_byte_ms[0] <= outcome.first_token_ms[0] <= outcome.latency_ms[0]


async def test_an_answer_of_known_length_ends():
    answer = HEAD + b'content-length: 11\r\n\r\n{"ok":true}'
    outcome = await outcome_of([answer[:-4], answer[-4:]], connections=1, requests_max=3)
    assert outcome.completed == 3


async def test_breaks_off_three_of_ten():
    outcome = await outcome_of(
        torn(STREAM), connections=3, requests_max=40, cancel_of_ten=3, cancel_after_events=3
    )
    assert (outcome.completed, outcome.cancelled, outcome.lost) == (28, 12, 0)


async def test_other_statuses_are_told():
    refused = JSON_ANSWER.replace(b"200 OK", b"402 No")
    outcome = await outcome_of([refused], connections=1, requests_max=2)
    assert outcome.statuses == {"402": 2}


async def test_lost_connections_are_told():
    outcome = await outcome_of([JSON_ANSWER, b""], connections=2, requests_max=6, answers_max=2)
    assert (outcome.completed, outcome.lost) == (4, 2)


async def test_ends_by_time():
    outcome = await outcome_of([JSON_ANSWER], connections=2, duration_s=0.2)
    assert 0.2 <= outcome.seconds < 5
    assert outcome.completed > 0

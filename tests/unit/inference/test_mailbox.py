"""Pieces between a model and a reader: nothing lost, nothing reordered, and a bounded number waiting."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.support.desk import chat, gone, read
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece

from raseed.core.errors import DeadlineExceeded
from raseed.core.inference.mailbox import PATIENCE_S, PENDING_CHARS_MAX, PIECE_CHARS, Mailbox, join
from raseed.core.inference.model import Delta, ToolCall


def text(tokens: int, words: str) -> Delta:
    return Delta(completion_tokens=tokens, text=words)


def call(tokens: int, index: int, name: str) -> Delta:
    opened = ToolCall(id=f"call_{index}", name=name, arguments_json="")
    return Delta(completion_tokens=tokens, tool_call_index=index, tool_call=opened)


def arguments(tokens: int, index: int, words: str) -> Delta:
    return Delta(completion_tokens=tokens, tool_call_index=index, tool_arguments=words)


def test_neighbours_are_joined():
    assert join([text(1, "a"), text(2, "b"), text(3, "c")]) == [text(3, "abc")]


def test_calls_are_kept_apart_and_in_order():
    pieces = [
        text(1, "so"),
        text(2, " I call"),
        call(3, 0, "f"),
        arguments(4, 0, '{"n"'),
        arguments(5, 0, ":1}"),
        call(6, 1, "g"),
        arguments(7, 1, "{}"),
        text(8, "done"),
    ]
    first, f, g, last = join(pieces)
    assert (first.text, first.completion_tokens) == ("so I call", 2)
    assert f.tool_call is not None
    assert (f.tool_call.name, f.tool_arguments, f.completion_tokens) == ("f", '{"n":1}', 5)
    assert g.tool_call is not None
    assert (g.tool_call.name, g.tool_arguments, g.completion_tokens) == ("g", "{}", 7)
    assert (last.text, last.completion_tokens) == ("done", 8)


def test_two_calls_of_one_index_are_not_joined():
    """An engine that numbers its calls wrongly: the second one still opens."""
    assert len(join([call(1, 0, "f"), call(2, 0, "g")])) == 2


async def test_a_quick_reader_gets_each_piece():
    mailbox = Mailbox(wake_on_delta=True)
    seen = []

    async def reading() -> None:
        while pieces := await mailbox.take():
            seen.extend(pieces)

    task = asyncio.create_task(reading())
    for number in range(5):
        await asyncio.sleep(0)
        await mailbox.put(text(number, str(number)))
        await asyncio.sleep(0)
    mailbox.close()
    await task
    assert [delta.text for delta in seen] == list("01234")


async def test_a_reader_that_comes_late_gets_all_of_it_in_one_piece():
    mailbox = Mailbox(wake_on_delta=True)
    for number in range(5):
        await mailbox.put(text(number, str(number)))
    mailbox.close()
    assert await mailbox.take() == [text(4, "01234")]
    assert await mailbox.take() == []
    assert await mailbox.take() == []


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_is_lost_or_reordered(seed):
    """Writer and reader of any pace; the text is that of the model, and little of it ever waits."""
    rng = random.Random(seed)
    mailbox = Mailbox(wake_on_delta=True)
    words = ["x" * rng.randrange(4_000) + str(number) for number in range(200)]
    most = 0

    async def write() -> None:
        for number, word in enumerate(words):
            await mailbox.put(text(number + 1, word))
            if rng.random() < 0.2:
                await asyncio.sleep(rng.random() * 0.01)
        mailbox.close()

    writing = asyncio.create_task(write())
    seen: list[Delta] = []
    while pieces := await mailbox.take():
        most = max(most, sum(len(delta.text) for delta in pieces))
        seen += pieces
        if rng.random() < 0.5:
            await asyncio.sleep(rng.random() * 0.02)
    await writing
    assert "".join(delta.text for delta in seen) == "".join(words)
    assert seen[-1].completion_tokens == 200
    assert most <= PENDING_CHARS_MAX + max(map(len, words))


@pytest.mark.parametrize(
    ("piece_of", "chars"),
    [
        (lambda number: text(number, "x" * 1_000), 1_000),
        (lambda number: arguments(number, 0, "x" * 1_000), 1_000),
        (
            lambda number: Delta(
                completion_tokens=number,
                tool_call_index=number,
                tool_call=ToolCall(id=f"call_{number}", name="f", arguments_json="x" * 1_000),
            ),
            1_000,
        ),
        (lambda number: text(number, ""), PIECE_CHARS),  # a token that is half a character
    ],
    ids=["text", "arguments", "calls", "empty"],
)
async def test_what_waits_is_bounded(piece_of, chars):
    mailbox = Mailbox(wake_on_delta=True)
    put = 0

    async def write() -> None:
        nonlocal put
        while put < 10_000:
            await mailbox.put(piece_of(put))
            put += 1

    task = asyncio.create_task(write())
    await asyncio.sleep(1)
    assert put <= PENDING_CHARS_MAX // chars + 1
    mailbox.close()
    await asyncio.sleep(0)
    task.cancel()


async def test_a_closed_mailbox_never_keeps_its_writer():
    mailbox = Mailbox(wake_on_delta=True)
    waiting = asyncio.create_task(mailbox.put(text(1, "x" * (PENDING_CHARS_MAX + 1))))
    await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.close()
    await waiting
    await mailbox.put(text(2, "x" * PENDING_CHARS_MAX))


async def test_a_unary_reader_gets_an_answer_of_any_size():
    mailbox = Mailbox(wake_on_delta=False)
    for number in range(100):
        await mailbox.put(text(number, "x" * 10_000))
    mailbox.close()
    [whole] = await mailbox.take()
    assert len(whole.text) == 1_000_000


async def test_a_reader_that_is_cancelled_loses_nothing():
    mailbox = Mailbox(wake_on_delta=True)
    reading = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.sleep(0)
    await mailbox.put(text(1, "a"))
    assert await mailbox.take() == [text(1, "a")]


# ── in a run ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_slow_reader_stops_the_model_and_not_the_worker(hand_desk, hand, books):
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=2_000))
    await asyncio.sleep(1)
    for tokens in range(1, 1_001):
        hand.generation.say(piece(tokens, "x" * 1_000))
    await asyncio.sleep(1)
    assert run.generated_tokens <= PENDING_CHARS_MAX // 1_000 + 1
    hand.generation.say(finish(1_000))
    answer = await read(run)
    assert len(answer.text) == 1_000_000
    assert answer.ended.cost_microcredits == PROMPT_TOKENS + 1_000


async def test_a_reader_that_reads_nothing_does_not_keep_its_hold_for_ever(hand_desk, hand, books):
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=2_000))
    await asyncio.sleep(1)
    for tokens in range(1, 1_001):
        hand.generation.say(piece(tokens, "x" * 1_000))
    await gone(run, timeout_s=PATIENCE_S + 1)
    event = books.event(run)
    assert event.cost_microcredits == PROMPT_TOKENS + run.generated_tokens
    assert 0 < run.generated_tokens < 100
    answer = await read(run)
    assert answer.tokens == run.generated_tokens
    assert isinstance(answer.error, DeadlineExceeded)

"""Several answers to one request: one run, one hold, one charge for all of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import PROMPT_TOKENS, HandBackend, finish, piece

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.errors import BackendLost, BackendUnavailable, RequestInvalid
from raseed.core.inference.answer import whole_choices
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    FinishReason,
    JsonFormat,
    Media,
    MediaKind,
    Message,
    Role,
    Sampling,
    Tool,
    ToolChoice,
)
from raseed.core.inference.run import Run

HAND = replace(chat("hi", model="hand", max_tokens=20), n=3)


async def started(hand_desk: Desk, hand: HandBackend, request: ChatRequest = HAND) -> Run:
    run = hand_desk.ask(request)
    await asyncio.sleep(1)
    assert len(hand.generations) == request.n
    return run


async def test_each_choice_is_whole_and_all_are_charged(hand_desk, hand, books):
    run = await started(hand_desk, hand)
    first, second, third = hand.generations
    third.say(piece(1, "c"), finish(2, FinishReason.LENGTH))
    first.say(piece(1, "a"))
    await asyncio.sleep(1)
    first.say(piece(2, "A"), finish(2))
    second.say(finish(0))
    answer = await read(run)
    choices = whole_choices(answer.pieces, 3, answer.ended.finish_reason)
    assert [choice.text for choice in choices] == ["aA", "", "c"]
    assert [choice.finish_reason for choice in choices] == [
        *(FinishReason.STOP, FinishReason.STOP, FinishReason.LENGTH)
    ]
    usage = answer.ended.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (PROMPT_TOKENS, 4)
    assert answer.ended.cost_microcredits == books.event(run).cost_microcredits == PROMPT_TOKENS + 4
    counts = [delta.completion_tokens for delta in answer.pieces]
    assert counts == sorted(counts)
    assert all(generation.closes == 1 for generation in hand.generations)


async def test_a_reader_that_leaves_cancels_all_of_them(hand_desk, hand, books):
    run = await started(hand_desk, hand)
    for tokens, generation in enumerate(hand.generations, 1):
        generation.say(piece(tokens))
    await asyncio.sleep(1)
    run.abandon()
    await gone(run)
    assert [generation.cancels for generation in hand.generations] == [1, 1, 1]
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 1 + 2 + 3


async def test_one_that_fails_ends_all_of_them(hand_desk, hand, books):
    run = await started(hand_desk, hand)
    first, second, _ = hand.generations
    first.say(piece(4))
    await asyncio.sleep(1)
    second.say(BackendLost("Gone."))
    answer = await read(run)
    assert isinstance(answer.error, BackendLost)
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 4
    assert all(generation.closes == 1 for generation in hand.generations)


async def test_one_that_cannot_start_ends_all_of_them(hand_desk, hand, books):
    hand.start_gate.clear()
    run = hand_desk.ask(HAND)
    start = hand.start

    async def second_fails(prepared, **options):
        if len(hand.generations) == 1:
            raise BackendUnavailable("Down.")
        return await start(prepared, **options)

    hand.start = second_fails
    hand.start_gate.set()
    answer = await read(run)
    assert isinstance(answer.error, BackendUnavailable)
    assert books.event(run).cost_microcredits == 0
    assert hand.generations[0].closes == 1


async def test_the_hold_is_for_all_of_them(desk, books):
    request = replace(chat("#script tokens=1", max_tokens=2), n=3)
    run = desk.ask(request)
    answer = await read(run)
    assert books.event(run).hold.amount_microcredits == prompt_tokens_of(request) + 3 * 2
    assert answer.ended.usage.completion_tokens == 3


async def test_credit_that_ends_is_a_length_for_those_still_open(hand_desk, hand, ledger, books):
    run = await started(hand_desk, hand, replace(chat("hi", model="hand", max_tokens=20_000), n=2))
    first, second = hand.generations
    first.say(piece(1, "a"), finish(1))
    await asyncio.sleep(1)
    second.say(piece(9_000, "b"))
    await asyncio.sleep(1)
    second.say(piece(15_000, "B"))
    answer = await read(run)
    choices = whole_choices(answer.pieces, 2, answer.ended.finish_reason)
    assert [choice.finish_reason for choice in choices] == [FinishReason.STOP, FinishReason.LENGTH]
    assert answer.ended.cost_microcredits <= 10_000


async def test_a_slow_reader_stops_every_model(hand_desk, hand):
    run = await started(hand_desk, hand)
    for generation in hand.generations:
        for tokens in range(1, 1_001):
            generation.say(piece(tokens, "x" * 1_000))
    await asyncio.sleep(1)
    assert run.generated_tokens < 100
    assert sum(generation.generated for generation in hand.generations) < 200
    run.abandon()
    await gone(run)


async def test_a_seed_is_another_for_each_choice(hand_desk, hand):
    seeds = []
    start = hand.start

    async def noted(prepared, **options):
        seeds.append(prepared.request.sampling.seed)
        return await start(prepared, **options)

    hand.start = noted
    run = await started(hand_desk, hand, replace(HAND, sampling=Sampling(seed=7)))
    assert seeds == [7, 8, 9]
    run.abandon()
    await gone(run)


MEDIA = Message(
    role=Role.USER, text="", media=(Media(kind=MediaKind.IMAGE, text_before=0, url="https://a/b"),)
)
TOOLS = replace(HAND, tools=(Tool(name="f"),))


@pytest.mark.parametrize(
    ("request_", "needs", "param"),
    [
        (TOOLS, {Capability.TOOLS}, "tools"),
        (
            replace(TOOLS, tool_choice=ToolChoice.REQUIRED),
            {Capability.TOOLS, Capability.TOOL_CHOICE},
            "tool_choice",
        ),
        (replace(HAND, json_format=JsonFormat()), {Capability.JSON_OBJECT}, "response_format"),
        (
            replace(HAND, json_format=JsonFormat(schema_json="{}")),
            {Capability.JSON_SCHEMA},
            "response_format",
        ),
        (replace(HAND, sampling=Sampling(top_logprobs=0)), {Capability.LOGPROBS}, "logprobs"),
        (replace(HAND, sampling=Sampling(logit_bias=((1, 1.0),))), {Capability.LOGIT_BIAS}, "logit_bias"),
        (replace(HAND, sampling=Sampling(presence_penalty=1)), {Capability.PENALTIES}, "presence_penalty"),
        (replace(HAND, sampling=Sampling(frequency_penalty=1)), {Capability.PENALTIES}, "frequency_penalty"),
        (replace(HAND, messages=(MEDIA,)), {Capability.IMAGES}, "messages.[0].content"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name(request_, needs, param):
    check_capabilities(request_, frozenset({Capability.CHAT, *needs}))
    last = {Capability.TOOL_CHOICE} if Capability.TOOL_CHOICE in needs else needs
    with pytest.raises(RequestInvalid) as caught:
        check_capabilities(request_, frozenset(Capability) - last)
    assert caught.value.param == param


async def test_it_is_refused_before_anything_is_held(hand_desk, hand, books):
    hand.can = frozenset({Capability.CHAT})
    with pytest.raises(RequestInvalid):
        hand_desk.ask(TOOLS)
    assert hand.prepared == 0
    assert books.spendable == 10_000

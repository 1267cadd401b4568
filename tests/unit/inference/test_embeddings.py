"""Embeddings take the path of every run: limits, a slot, a hold, one charge."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.desk import chat, gone, read
from tests.support.hand_backend import HandBackend

from raseed.adapters.scripted.embedding import vector_of
from raseed.core.billing.model import Meter
from raseed.core.errors import BackendUnavailable, RequestInvalid
from raseed.core.inference.answer import whole_vectors
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import Capability, EmbeddingRequest, FinishReason
from raseed.core.inference.run import read_whole
from raseed.core.inference.work import EMBEDDED_TOKENS_MAX


def asked(*inputs: str | tuple[int, ...], dimensions: int | None = None) -> EmbeddingRequest:
    return EmbeddingRequest(model="scripted", inputs=inputs, dimensions=dimensions)


async def test_whole_and_charged_by_the_input(desk, books):
    run = desk.ask(asked("12345", (1, 2, 3)), stream=False)
    pieces, ended = await read_whole(run)
    assert whole_vectors(pieces) == (vector_of("12345"), vector_of((1, 2, 3)))
    assert ended.finish_reason is FinishReason.STOP
    assert ended.cost_microcredits == 6
    [line] = books.event(run).lines
    assert (line.meter, line.quantity) == (Meter.INPUT_TOKENS, 6)


async def test_it_takes_one_slot_whatever_it_embeds(desk):
    run = desk.ask(asked(*["#script hang_at=0"] * 20), stream=False)
    await asyncio.sleep(1)
    assert desk.slots.in_flight == 1
    run.abandon()
    await gone(run)


async def test_nothing_is_charged_when_it_fails(desk, books):
    before = books.spendable
    run = desk.ask(asked("#script fail_at=1", "b"), stream=False)
    answer = await read(run)
    assert isinstance(answer.error, BackendUnavailable)
    assert books.spendable == before


async def test_who_leaves_pays_for_what_was_embedded(desk, books):
    before = books.spendable
    run = desk.ask(asked("#script hang_at=1", "b"), stream=False)
    await asyncio.sleep(1)
    run.abandon()
    await gone(run)
    assert before - books.spendable == 6


async def test_more_tokens_than_a_request_may_have(desk):
    run = desk.ask(asked(tuple(range(EMBEDDED_TOKENS_MAX)), (1,)), stream=False)
    answer = await read(run)
    assert isinstance(answer.error, RequestInvalid)
    assert (answer.error.param, answer.error.code) == ("input", "max_tokens_per_request")


def test_models_are_asked_for_what_they_can():
    embeds = frozenset({Capability.EMBEDDINGS})
    check_capabilities(asked("a"), embeds)
    check_capabilities(chat("a"), frozenset({Capability.CHAT}))
    for request, has, param in (
        (asked("a"), frozenset({Capability.CHAT}), "model"),
        (asked("a", dimensions=3), embeds, "dimensions"),
        (chat("a"), embeds, "messages"),
    ):
        with pytest.raises(RequestInvalid) as refused:
            check_capabilities(request, has)
        assert refused.value.param == param


async def test_a_model_that_does_not_embed_is_not_asked(hand_desk, hand: HandBackend):
    """Nor is a backend that says so of a model, but has no way to be asked."""
    hand.can = frozenset({Capability.CHAT, Capability.EMBEDDINGS})
    with pytest.raises(RequestInvalid):
        hand_desk.ask(EmbeddingRequest(model="hand", inputs=("a",)))
    assert hand.prepared == 0

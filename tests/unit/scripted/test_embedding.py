"""Vectors of the scripted backend."""

from __future__ import annotations

import asyncio
from math import hypot

import pytest

from raseed.adapters.scripted.embedding import (
    DIMENSIONS,
    ScriptedEmbedding,
    prepare_embedding,
    vector_of,
)
from raseed.adapters.wire.openai.embedding_response import numbers
from raseed.core.errors import BackendUnavailable, DeadlineExceeded, RequestInvalid
from raseed.core.inference.model import Delta, EmbeddingRequest, Finish, Prompt


def embedding(*inputs: Prompt, timeout_s: float = 60) -> ScriptedEmbedding:
    return ScriptedEmbedding(prepare_embedding(EmbeddingRequest(model="m", inputs=inputs)), timeout_s, 0)


def likeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(numbers(vector_of(one)), numbers(vector_of(other)), strict=True))


def test_shared_words_make_vectors_alike():
    assert likeness("a red fox", "fox red a") == pytest.approx(1)
    assert likeness("a red fox", "a red hen") > likeness("a red fox", "two blue hens")


@pytest.mark.parametrize("dimensions", [None, 1, 7, DIMENSIONS])
def test_every_vector_has_length_one(dimensions):
    for given in ("a", "a b c", "#script", (1, 2)):
        vector = numbers(vector_of(given, dimensions))
        assert len(vector) == (dimensions or DIMENSIONS)
        assert hypot(*vector) == pytest.approx(1)


async def test_a_vector_for_each_input_then_the_count():
    generation = embedding("12345", (1, 2, 3))
    first, second = await generation.next(), await generation.next()
    assert isinstance(first, Delta)
    assert isinstance(second, Delta)
    assert (first.choice, first.vector) == (0, vector_of("12345"))
    assert (second.choice, second.vector) == (1, vector_of((1, 2, 3)))
    end = await generation.next()
    assert isinstance(end, Finish)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (3 + 3, 0)


async def test_cancelled_it_counts_what_was_embedded():
    generation = embedding("#script hang_at=1", "b")
    await generation.next()
    waiting = asyncio.ensure_future(generation.next())
    await asyncio.sleep(0)
    await generation.cancel()
    end = await waiting
    assert isinstance(end, Finish)
    assert end.finish_reason is None
    assert end.usage.prompt_tokens == 6


async def test_faults():
    with pytest.raises(BackendUnavailable):
        await embedding("#script fail_at=0").next()
    with pytest.raises(DeadlineExceeded):
        await embedding("#script hang_at=0", timeout_s=0.01).next()


@pytest.mark.parametrize(
    "request_",
    [
        EmbeddingRequest(model="m", inputs=("#script frobnicate=1",)),
        EmbeddingRequest(model="m", inputs=("a",), dimensions=DIMENSIONS + 1),
    ],
)
def test_refused(request_):
    with pytest.raises(RequestInvalid):
        prepare_embedding(request_)

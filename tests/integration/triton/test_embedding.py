"""The embedding model that a fresh installation has, on a real Triton."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from math import hypot

import pytest
import pytest_asyncio
from tests.integration.triton.server import EMBED, MODELS, RunningTriton, start_triton

from raseed.adapters.triton.bundle import sweep_shared_memory
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.embedding import (
    BATCH_INPUTS_MAX,
    TritonEmbedder,
    TritonEmbedding,
    read_embedding_model,
)
from raseed.adapters.triton.prompt import EncodingPool
from raseed.adapters.wire.openai.embedding_response import numbers
from raseed.core.errors import BackendUnavailable, DeadlineExceeded, PromptTooLong, RequestInvalid
from raseed.core.inference.model import Delta, EmbeddingRequest, Finish, FinishReason, Prompt

CONTEXT = 2048
DIMENSIONS = 256
LONGEST = " ".join(["river"] * CONTEXT)


@pytest_asyncio.fixture
async def embedder(triton: RunningTriton) -> AsyncIterator[TritonEmbedder]:
    async for made in embedder_of(triton):
        yield made


async def embedder_of(triton: RunningTriton) -> AsyncIterator[TritonEmbedder]:
    client = TritonClient(TritonClientSettings(address=triton.address))
    embedder = TritonEmbedder(client, [read_embedding_model(MODELS / EMBED)], EncodingPool())
    yield embedder
    await embedder.close()
    await client.close()


async def start(
    embedder: TritonEmbedder, *inputs: Prompt, dimensions: int | None = None, timeout_s: float = 60
) -> TritonEmbedding:
    request = EmbeddingRequest(model=EMBED, inputs=inputs, dimensions=dimensions)
    prepared = await embedder.prepare_embedding(request)
    return await embedder.embed(prepared, run_id="run", timeout_s=timeout_s)


async def read(generation: TritonEmbedding) -> tuple[list[list[float]], Finish]:
    vectors: list[list[float]] = []
    while isinstance(event := await generation.next(), Delta):
        assert event.choice == len(vectors)
        assert event.completion_tokens == 0
        vectors.append(numbers(event.vector))
    await generation.close()
    return vectors, event


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_what_means_the_same_is_near(embedder):
    asked = ("Where can I pay my bill?", "settle the invoice with cash", "the cat sleeps", "ثمن الفاتورة")
    [bill, cash, cat, arabic], end = await read(await start(embedder, *asked))
    assert likeness(bill, cash) > likeness(bill, cat) + 0.3
    assert likeness(bill, arabic) > likeness(bill, cat) + 0.3
    assert end.finish_reason is FinishReason.STOP
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (19, 0)


@pytest.mark.parametrize("dimensions", [None, DIMENSIONS, 100, 1])
async def test_every_vector_has_the_length_asked_for(embedder, dimensions):
    [vector], _ = await read(await start(embedder, "a bridge over the river", dimensions=dimensions))
    assert len(vector) == (dimensions or DIMENSIONS)
    assert hypot(*vector) == pytest.approx(1, abs=1e-4)


async def test_an_input_has_the_same_vector_in_any_company(embedder):
    """More inputs than one call takes, of every length: the filling of short ones counts for nothing."""
    texts = [("river " * (n % 50 + 1)) + str(n) for n in range(2 * BATCH_INPUTS_MAX + 1)]
    together, end = await read(await start(embedder, *texts))
    assert len(together) == len(texts)
    counted = 0
    for at in (0, 49, BATCH_INPUTS_MAX, len(texts) - 1):
        [alone], _ = await read(await start(embedder, texts[at]))
        assert alone == pytest.approx(together[at], abs=1e-5)
    for text in texts:
        prepared = await embedder.prepare_embedding(EmbeddingRequest(model=EMBED, inputs=(text,)))
        counted += prepared.prompt_tokens
    assert end.usage.prompt_tokens == counted


async def test_tokens_are_taken_as_they_are(embedder):
    ids = (await embedder.prepare_embedding(EmbeddingRequest(model=EMBED, inputs=("a river",)))).native[0]
    [by_text, by_tokens], _ = await read(await start(embedder, "a river", ids))
    assert by_text == by_tokens


async def test_any_script_can_be_read(embedder):
    [chinese, emoji], _ = await read(await start(embedder, "你好,世界", "🎉"))
    assert (hypot(*chinese), hypot(*emoji)) == pytest.approx((1, 1), abs=1e-4)
    assert chinese != emoji


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (LONGEST + " a", PromptTooLong),
        ((1,) * (CONTEXT + 1), PromptTooLong),
        ((10**6,), RequestInvalid),
        ((-1,), RequestInvalid),
    ],
)
async def test_refused(embedder, given, error):
    with pytest.raises(error) as refused:
        await start(embedder, given)
    assert refused.value.param == "input"
    await start(embedder, LONGEST)
    with pytest.raises(RequestInvalid, match="dimensions"):
        await start(embedder, "a", dimensions=DIMENSIONS + 1)


async def test_cancelled_it_ends_with_what_was_embedded(embedder):
    generation = await start(embedder, *["river"] * (BATCH_INPUTS_MAX + 1))
    await generation.next()
    await generation.cancel()
    end = await generation.next()
    assert isinstance(end, Finish)
    assert (end.finish_reason, end.usage.prompt_tokens) == (None, BATCH_INPUTS_MAX)


async def test_cancelled_while_it_computes(embedder):
    generation = await start(embedder, *[LONGEST] * 8)
    waiting = asyncio.ensure_future(generation.next())
    await asyncio.sleep(0)
    await generation.cancel()
    end = await waiting
    assert isinstance(end, Finish)
    assert (end.finish_reason, end.usage.prompt_tokens) == (None, 0)


async def test_time_that_is_up(embedder):
    with pytest.raises(DeadlineExceeded):
        await (await start(embedder, "a", timeout_s=0)).next()


async def test_a_model_whose_process_died_comes_back(tmp_path):
    """Whoever meets it dead is told so; the model is loaded anew without anybody's help."""
    triton = start_triton(tmp_path, (EMBED,))
    try:
        async for embedder in embedder_of(triton):
            await read(await start(embedder, "a"))
            [stub] = triton.stub_pids()
            os.kill(stub, signal.SIGKILL)
            with pytest.raises(BackendUnavailable):
                await (await start(embedder, "a", timeout_s=10)).next()

            async with asyncio.timeout(60):
                while embedder.is_reviving:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
            await read(await start(embedder, "a"))
    finally:
        triton.stop()
        sweep_shared_memory(triton.shm_prefix)

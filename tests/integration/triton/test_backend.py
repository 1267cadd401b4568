"""The backend that the core uses, against a real Triton."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.integration.triton.server import MODELS, SLOW, SLOW_STEP_MS, TINY, RunningTriton

from raseed.adapters.triton.backend import TritonModelBackend, read_model
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.generation import GenerationLimits, TritonGeneration
from raseed.adapters.triton.prompt import EncodingPool
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    ModelUnknown,
    Overloaded,
    PromptTooLong,
    RequestInvalid,
)
from raseed.core.inference.model import (
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    Message,
    Role,
    Sampling,
    UsageSource,
)


def make_backend(
    address: str, limits: GenerationLimits | None = None, models: tuple[str, ...] = (TINY, SLOW)
) -> TritonModelBackend:
    tiny = read_model(MODELS / TINY, EncodingPool())
    served = [replace(tiny, card=replace(tiny.card, id=model)) for model in models]
    return TritonModelBackend(TritonClient(TritonClientSettings(address=address)), served, limits)


@pytest_asyncio.fixture
async def backend(triton: RunningTriton) -> AsyncIterator[TritonModelBackend]:
    backend = make_backend(triton.address)
    yield backend
    await backend.close()


def chat(text: str, model: str = TINY, **sampling) -> ChatRequest:
    sampling = {"temperature": 0.0, **sampling}
    return ChatRequest(
        model=model, messages=(Message(role=Role.USER, text=text),), sampling=Sampling(**sampling)
    )


async def start(
    backend: TritonModelBackend, request: ChatRequest, timeout_s: float = 10.0
) -> TritonGeneration:
    prepared = await backend.prepare(request)
    return await backend.start(prepared, run_id="run_1", max_tokens=prepared.max_tokens, timeout_s=timeout_s)


async def finish(generation: TritonGeneration) -> tuple[str, Finish]:
    text = ""
    while True:
        event = await generation.next()
        if isinstance(event, Finish):
            await generation.close()
            return text, event
        text += event.text


async def first_output(generation: TritonGeneration) -> Delta:
    event = await generation.next()
    assert isinstance(event, Delta)
    return event


async def drain(generation: TritonGeneration, counts: list[int]) -> None:
    """Reads to the end, which must be an error."""
    while isinstance(event := await generation.next(), Delta):
        counts.append(event.completion_tokens)
    raise AssertionError(f"finished: {event}")


async def test_an_answer_from_prepare_to_finish(backend: TritonModelBackend):
    prepared = await backend.prepare(chat("Hello"))
    assert prepared.max_tokens == 1024 - prepared.prompt_tokens
    generation = await backend.start(prepared, run_id="run_1", max_tokens=200, timeout_s=10)
    text, end = await finish(generation)
    assert text.startswith("Hello")
    assert end.finish_reason is FinishReason.STOP
    assert end.usage.prompt_tokens == prepared.prompt_tokens
    assert end.usage.source is UsageSource.ENGINE


async def test_the_sequence_that_ended_an_answer_is_named(backend: TritonModelBackend):
    whole, end = await finish(await start(backend, chat("Count from 1 to 20")))
    assert end.stop_sequence is None
    cut, end = await finish(await start(backend, chat("Count from 1 to 20", stop=("nowhere", ", 5"))))
    assert (cut, end.finish_reason, end.stop_sequence) == (
        whole.partition(", 5")[0],
        FinishReason.STOP,
        ", 5",
    )


async def test_the_limit_of_start_holds(backend: TritonModelBackend):
    prepared = await backend.prepare(chat("Tell me a story"))
    _, end = await finish(await backend.start(prepared, run_id="run_1", max_tokens=3, timeout_s=10))
    assert (end.finish_reason, end.usage.completion_tokens) == (FinishReason.LENGTH, 3)


async def test_counts_are_cumulative_and_end_in_the_usage(backend: TritonModelBackend):
    generation = await start(backend, chat("Tell me a story", SLOW, max_tokens=10))
    counts = []
    while isinstance(event := await generation.next(), Delta):
        counts.append(event.completion_tokens)
    await generation.close()
    assert counts == sorted(counts)
    assert counts[-1] == event.usage.completion_tokens == 10


async def test_cancel_ends_a_waiting_next_with_the_engines_count(backend: TritonModelBackend):
    generation = await start(backend, chat("Tell me a long story", SLOW))
    delta = await first_output(generation)
    waiting = asyncio.ensure_future(generation.next())
    began = time.monotonic()
    await generation.cancel()
    await generation.cancel()
    event = await waiting
    if isinstance(event, Delta):  # it was on its way already
        event = await generation.next()
    assert isinstance(event, Finish)
    assert time.monotonic() - began < 5
    assert event.finish_reason is None
    assert event.usage.source is UsageSource.ENGINE
    assert delta.completion_tokens <= event.usage.completion_tokens <= delta.completion_tokens + 4
    await generation.close()
    await generation.close()


async def test_a_cancel_that_the_engine_does_not_answer_ends_with_our_count(mortal_triton: RunningTriton):
    backend = make_backend(mortal_triton.address, GenerationLimits(cancel_wait_s=0.3))
    generation = await start(backend, chat("Tell me a long story"))
    delta = await first_output(generation)
    mortal_triton.kill()
    await generation.cancel()
    event = await generation.next()
    while isinstance(event, Delta):
        delta, event = event, await generation.next()
    assert event.finish_reason is None
    assert event.usage.source in {UsageSource.COUNTED, UsageSource.ENGINE}
    assert event.usage.completion_tokens >= delta.completion_tokens
    await generation.close()
    await backend.close()


async def test_a_deadline_delivers_what_was_made_and_then_says_so(backend: TritonModelBackend):
    generation = await start(backend, chat("Tell me a long story", SLOW), timeout_s=0.3)
    made = [(await first_output(generation)).completion_tokens]
    with pytest.raises(DeadlineExceeded):
        await drain(generation, made)
    assert made[-1] >= 5
    await generation.close()


async def test_an_engine_that_falls_silent_is_left_and_a_living_one_is_not_reloaded(triton: RunningTriton):
    stubs = triton.stub_pids()
    # Shorter than one step, so that every answer seems to come to a halt.
    backend = make_backend(triton.address, GenerationLimits(idle_timeout_s=SLOW_STEP_MS / 4000))
    generation = await start(backend, chat("Tell me a long story", SLOW))
    with pytest.raises(BackendLost):
        await drain(generation, [])
    await generation.close()
    await backend.close()
    assert triton.stub_pids() == stubs


async def test_a_crowd_is_refused_as_overloaded(backend: TritonModelBackend):
    async def one() -> str:
        generation = await start(backend, chat("Tell me a story", SLOW, max_tokens=5))
        try:
            await finish(generation)
        except Overloaded:
            return "overloaded"
        finally:
            await generation.close()
        return "served"

    ends = await asyncio.gather(*(one() for _ in range(60)))
    assert set(ends) == {"served", "overloaded"}


async def test_what_cannot_be_served_is_refused_before_anything_starts(backend: TritonModelBackend):
    with pytest.raises(PromptTooLong, match="1024"):
        await backend.prepare(chat("word " * 1500))
    with pytest.raises(PromptTooLong, match="1024"):
        await backend.prepare(chat("word " * 100_000))
    with pytest.raises(ModelUnknown):
        await backend.prepare(chat("Hello", model="gpt-9"))
    with pytest.raises(RequestInvalid) as caught:
        await backend.prepare(chat("Hello", stop=("x" * 257,)))
    assert caught.value.param == "stop"
    with pytest.raises(RequestInvalid) as caught:
        await backend.prepare(chat("Hello", top_k=1025))
    assert caught.value.param == "top_k"


async def test_ready_means_that_all_models_are(backend: TritonModelBackend, triton: RunningTriton):
    assert await backend.is_ready()
    stranger = make_backend(triton.address, models=("nobody",))
    assert not await stranger.is_ready()
    generation = await start(stranger, chat("Hello", model="nobody"))
    with pytest.raises(BackendUnavailable):
        await generation.next()
    await generation.close()
    await stranger.close()


async def test_a_server_that_dies_in_mid_answer_is_lost_and_then_unavailable(mortal_triton: RunningTriton):
    backend = make_backend(mortal_triton.address)
    generation = await start(backend, chat("Tell me a very long story"))
    await first_output(generation)
    mortal_triton.kill()
    with pytest.raises(BackendLost):
        await drain(generation, [])
    await generation.close()
    assert not await backend.is_ready()
    with pytest.raises(BackendUnavailable):
        await (await start(backend, chat("Hello"))).next()
    await backend.close()


async def test_a_model_whose_process_dies_comes_back(mortal_triton: RunningTriton):
    backend = make_backend(mortal_triton.address, models=(TINY,))
    (stub,) = mortal_triton.stub_pids()
    os.kill(stub, signal.SIGKILL)
    generation = await start(backend, chat("Hello"))
    with pytest.raises(BackendUnavailable):
        await generation.next()
    await generation.close()
    assert not await backend.is_ready()
    async with asyncio.timeout(15):
        while not await backend.is_ready():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    text, _ = await finish(await start(backend, chat("Hello")))
    assert text.startswith("Hello")
    await backend.close()

"""Several answers of one request: generated side by side, read as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from raseed.core.inference.model import (
    BackendEvent,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    Usage,
    UsageSource,
)
from raseed.core.inference.ports import Generation, ModelBackend, Prepared

CHOICES_MAX = 8
"""Most answers to one request. Each is a row of the engine's batch, and all are paid for."""
PROMPTS_MAX = 32
"""Most prompts of one request, and most answers to all of them together: half of an engine's rows."""

_REPORTED = {UsageSource.ENGINE, UsageSource.UPSTREAM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that one request has its engine generate: each prompt, as often as it is to be answered."""

    prepared: tuple[Prepared, ...]
    n: int
    prompt_tokens: int
    """Of all prompts, each counted once."""
    max_tokens: int
    """The most tokens that all answers together may have."""


async def prepare_answers(backend: ModelBackend, request: ChatRequest) -> Answers:
    """Count every prompt. Raises as `ModelBackend.prepare` does."""
    if len(request.prompts) < 2:
        one = await backend.prepare(request)
        return Answers(
            prepared=(one,),
            n=request.n,
            prompt_tokens=one.prompt_tokens,
            max_tokens=one.max_tokens * request.n,
        )
    prepared = [await backend.prepare(replace(request, prompts=(prompt,))) for prompt in request.prompts]
    return Answers(
        prepared=tuple(prepared),
        n=request.n,
        prompt_tokens=sum(one.prompt_tokens for one in prepared),
        max_tokens=sum(one.max_tokens for one in prepared) * request.n,
    )


async def start_answers(
    backend: ModelBackend, answers: Answers, *, run_id: str, timeout_s: float
) -> Generation:
    """Begin all answers. Raises as `ModelBackend.start` does; then none goes on."""
    started: list[Generation] = []
    try:
        for prepared in answers.prepared:
            for answer in range(answers.n):
                generation = await backend.start(
                    _of_answer(prepared, answer),
                    run_id=run_id,
                    max_tokens=prepared.max_tokens,
                    timeout_s=timeout_s,
                )
                started.append(generation)
    except BaseException:
        await asyncio.gather(*(generation.close() for generation in started))
        raise
    return started[0] if len(started) == 1 else Choices(started, answers.prompt_tokens)


def echoes(answers: Answers) -> list[Delta]:
    """What the answers begin with before anything is generated."""
    return [
        Delta(completion_tokens=0, choice=at * answers.n + answer, text=prepared.prompt_text)
        for at, prepared in enumerate(answers.prepared)
        if prepared.prompt_text
        for answer in range(answers.n)
    ]


def _of_answer(prepared: Prepared, answer: int) -> Prepared:
    """With a seed of its own, or a seeded request would get the same answer n times."""
    seed = prepared.request.sampling.seed
    if answer == 0 or seed is None:
        return prepared
    sampling = replace(prepared.request.sampling, seed=seed + answer)
    return replace(prepared, request=replace(prepared.request, sampling=sampling))


class Choices:
    """Implements the port `Generation` over several of them. Counts and usage are of all together; the prompt is
    counted once.
    """

    def __init__(self, generations: Sequence[Generation], prompt_tokens: int) -> None:
        self._generations = tuple(generations)
        self.served_by = generations[0].served_by
        self._prompt_tokens = prompt_tokens
        self._tokens = [0] * len(generations)
        self._usages: list[Usage] = []
        """Of the choices that have ended."""
        self._is_cancelled = False
        # One event of each waits at most: a slow reader stops all of the engines.
        self._events: asyncio.Queue[tuple[int, BackendEvent | Exception]] = asyncio.Queue(len(generations))
        loop = asyncio.get_running_loop()
        self._pumps = [loop.create_task(self._pump(choice)) for choice in range(len(generations))]

    async def next(self) -> BackendEvent:
        choice, event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Delta):
            self._tokens[choice] = event.completion_tokens
            # What is relayed says that it is of the first choice.
            return replace(event, choice=choice, completion_tokens=sum(self._tokens), relayed=None)
        self._tokens[choice] = event.usage.completion_tokens
        self._usages.append(event.usage)
        self._is_cancelled = self._is_cancelled or event.finish_reason is None
        if len(self._usages) == len(self._generations):
            return self._finish(event.finish_reason)
        return Delta(completion_tokens=sum(self._tokens), choice=choice, finish_reason=event.finish_reason)

    async def cancel(self) -> None:
        for generation in self._generations:
            await generation.cancel()

    async def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        for generation in self._generations:
            await generation.close()

    async def _pump(self, choice: int) -> None:
        generation = self._generations[choice]
        while True:
            try:
                event = await generation.next()
            except Exception as error:  # noqa: BLE001 - handed to `next`, whose caller it is for
                await self._events.put((choice, error))
                return
            await self._events.put((choice, event))
            if isinstance(event, Finish):
                return

    def _finish(self, reason: FinishReason | None) -> Finish:
        is_reported = all(usage.source in _REPORTED for usage in self._usages)
        usage = Usage(
            prompt_tokens=self._prompt_tokens,
            completion_tokens=sum(self._tokens),
            cached_tokens=max(usage.cached_tokens for usage in self._usages),
            reasoning_tokens=sum(usage.reasoning_tokens for usage in self._usages),
            source=self._usages[0].source if is_reported else UsageSource.COUNTED,
        )
        return Finish(finish_reason=None if self._is_cancelled else reason, usage=usage)

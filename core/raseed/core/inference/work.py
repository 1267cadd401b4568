"""What one request has its engine do: counted before it is admitted, begun once it is."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.errors import RequestInvalid
from raseed.core.inference.choices import Answers, echoes, prepare_answers, start_answers
from raseed.core.inference.model import (
    BackendEvent,
    ChatRequest,
    Delta,
    EmbeddingRequest,
    Finish,
    FinishReason,
    ModelRequest,
    Usage,
)
from raseed.core.inference.ports import Generation
from raseed.core.inference.routing import Route

INPUTS_MAX = 2048
"""Most inputs of one request for embeddings (OpenAI's own limit)."""
EMBEDDED_TOKENS_MAX = 300_000
"""Most tokens of all of them together (OpenAI's own limit): a bound for the time that one request takes."""


class Start(Protocol):
    def __call__(self, *, run_id: str, timeout_s: float) -> Awaitable[Generation]:
        """Raises BackendUnavailable, Overloaded; then nothing goes on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    prompt_tokens: int
    """Of all prompts or inputs, each counted once."""
    max_tokens: int
    """The most tokens that all answers together may have; 0 where nothing is generated."""
    slots: int
    """Of the engine: answers that it makes side by side."""
    start: Start
    needs: str = ""
    """What has to be in memory for it; empty where everything always is."""
    asks_engine: bool = True
    """Whether its end says anything of the engine."""
    echoed: Sequence[Delta] = ()
    """What the answers begin with before anything is generated."""


async def prepare_work(route: Route, request: ModelRequest) -> Work:
    """Count it. Raises as `ModelBackend.prepare` does."""
    if isinstance(request, EmbeddingRequest):
        return await _embedding(route, request)
    return await _answers(route, request)


async def _answers(route: Route, request: ChatRequest) -> Work:
    answers = await prepare_answers(route.backend, request)
    if request.sampling.max_tokens == 0:
        return _no_answer(route, request, answers)

    async def start(*, run_id: str, timeout_s: float) -> Generation:
        return await start_answers(route.backend, answers, run_id=run_id, timeout_s=timeout_s)

    return Work(
        prompt_tokens=answers.prompt_tokens,
        max_tokens=answers.max_tokens,
        slots=request.choice_count,
        start=start,
        needs=answers.prepared[0].needs,
        echoed=echoes(answers) if request.echo else (),
    )


def _no_answer(route: Route, request: ChatRequest, answers: Answers) -> Work:
    """The prompt alone, for `max_tokens` 0: it is counted and charged, and the engine is not asked."""

    async def start(*, run_id: str, timeout_s: float) -> Generation:  # noqa: ARG001 - as every `Start`
        return Silence(route.backend.name, answers.prompt_tokens)

    return Work(
        prompt_tokens=answers.prompt_tokens,
        max_tokens=0,
        slots=1,
        start=start,
        asks_engine=False,
        echoed=echoes(answers) if request.echo else (),
    )


class Silence:
    """Implements the port `Generation` for answers without a token."""

    def __init__(self, served_by: str, prompt_tokens: int) -> None:
        self.served_by = served_by
        self._usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=0)

    async def next(self) -> BackendEvent:
        return Finish(finish_reason=FinishReason.LENGTH, usage=self._usage)

    async def cancel(self) -> None:
        return

    async def close(self) -> None:
        return


async def _embedding(route: Route, request: EmbeddingRequest) -> Work:
    embedder = route.embedder
    assert embedder is not None, "a model of a backend that does not embed has no such capability"
    prepared = await embedder.prepare_embedding(request)
    if prepared.prompt_tokens > EMBEDDED_TOKENS_MAX:
        raise RequestInvalid(
            f"Invalid 'input': at most {EMBEDDED_TOKENS_MAX} tokens are embedded at a time, and it has "
            f"{prepared.prompt_tokens}.",
            param="input",
            code="max_tokens_per_request",
        )

    async def start(*, run_id: str, timeout_s: float) -> Generation:
        return await embedder.embed(prepared, run_id=run_id, timeout_s=timeout_s)

    return Work(prompt_tokens=prepared.prompt_tokens, max_tokens=0, slots=1, start=start)

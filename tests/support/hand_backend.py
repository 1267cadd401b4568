"""A model whose every event is given by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    ModelCard,
    Usage,
)
from raseed.core.inference.ports import Prepared

PROMPT_TOKENS = 3


def piece(tokens: int, text: str = "x") -> Delta:
    return Delta(completion_tokens=tokens, text=text)


def finish(tokens: int, reason: FinishReason | None = FinishReason.STOP) -> Finish:
    return Finish(finish_reason=reason, usage=Usage(prompt_tokens=PROMPT_TOKENS, completion_tokens=tokens))


class HandGeneration:
    served_by = "hand"

    def __init__(self, run_id: str, max_tokens: int, timeout_s: float, *, heeds_cancel: bool) -> None:
        self.run_id = run_id
        self.max_tokens = max_tokens
        self.timeout_s = timeout_s
        self.generated = 0
        self.cancels = 0
        self.closes = 0
        self._heeds_cancel = heeds_cancel
        self._events: asyncio.Queue[BackendEvent | Exception] = asyncio.Queue()

    def say(self, *events: BackendEvent | Exception) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def next(self) -> BackendEvent:
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Delta):
            self.generated = event.completion_tokens
        return event

    async def cancel(self) -> None:
        self.cancels += 1
        if self._heeds_cancel and self.cancels == 1:
            self.say(finish(self.generated, None))

    async def close(self) -> None:
        self.closes += 1


class HandBackend:
    """Implements `core.inference.ports.ModelBackend`. `generations` are in the order in which they were started."""

    name = "hand"

    def __init__(self) -> None:
        self.generations: list[HandGeneration] = []
        self.prepare_gate = asyncio.Event()
        self.start_gate = asyncio.Event()
        self.prepare_gate.set()
        self.start_gate.set()
        self.start_error: Exception | None = None
        self.prepared = 0
        self.can = frozenset(Capability) - {Capability.EMBEDDINGS}
        self.heeds_cancel = True
        """Whether a cancelled generation ends with its count by itself."""

    @property
    def generation(self) -> HandGeneration:
        [only] = self.generations
        return only

    def models(self) -> Sequence[ModelCard]:
        return [ModelCard(id="hand", context_length=100_000, max_output_tokens=100_000)]

    def serves(self, model: str) -> bool:
        return model == "hand"

    def capabilities(self, model: str) -> frozenset[Capability]:
        return self.can

    async def prepare(self, request: ChatRequest) -> Prepared:
        self.prepared += 1
        await self.prepare_gate.wait()
        return Prepared(
            request=request, prompt_tokens=PROMPT_TOKENS, max_tokens=request.sampling.max_tokens or 100_000
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> HandGeneration:
        await self.start_gate.wait()
        if self.start_error is not None:
            raise self.start_error
        self.generations.append(HandGeneration(run_id, max_tokens, timeout_s, heeds_cancel=self.heeds_cancel))
        return self.generations[-1]

    async def is_ready(self) -> bool:
        return True

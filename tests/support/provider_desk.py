"""Runs over providers that are emulated in the same loop, charged to a ledger in memory: a token is a micro-credit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve
from tests.support.desk import Answer, Desk, chat, gone, read
from tests.support.memory_ledger import MemoryLedger
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.providers.backend import ProviderBackend
from raseed.adapters.providers.generation import Drains, GenerationLimits
from raseed.adapters.providers.http import ProviderAccount, open_provider
from raseed.adapters.providers.registry import KINDS
from raseed.adapters.providers.wire import Upstream
from raseed.core.billing.ledger_state import UsageEvent
from raseed.core.billing.model import HoldState
from raseed.core.clock import SystemClock
from raseed.core.inference.model import ChatRequest, ModelCard
from raseed.core.inference.run import Run
from raseed.core.inference.targeted import TargetedBackend
from raseed.core.inference.targets import Outcome, Refusal, Target

NAME = "sold"
CREDIT = 10_000
PATIENT = GenerationLimits(first_event_timeout_s=60.0, idle_timeout_s=60.0, usage_wait_s=60.0)
"""For a provider that answers: no machine is that slow."""


@dataclass
class ProviderDesk:
    desk: Desk
    memory: MemoryLedger
    backend: TargetedBackend
    told: list[tuple[str, Outcome | Refusal, str]]
    drains: Drains

    def ask(self, text: str = "one two three", *, max_tokens: int | None = None) -> Run:
        return self.send(chat(text, max_tokens=max_tokens, model=NAME))

    def send(self, request: ChatRequest) -> Run:
        return self.desk.ask(replace(request, model=NAME))

    async def answer(self, text: str = "one two three", *, max_tokens: int | None = None) -> Answer:
        run = self.ask(text, max_tokens=max_tokens)
        answer = await read(run)
        await gone(run)
        return answer

    @property
    def event(self) -> UsageEvent:
        """The last usage event."""
        return self.memory.state.usage_events[-1]

    @property
    def charged(self) -> dict[str, int]:
        """The lines of the last usage event, by meter."""
        return {line.meter.value: line.quantity for line in self.event.lines}

    @property
    def failures(self) -> list[tuple[Outcome | Refusal, str]]:
        """What the log was told, in order."""
        return [(outcome, detail) for _, outcome, detail in self.told if detail]

    def check(self) -> None:
        """Every hold has ended with one usage event, nothing is held, no target is busy, nobody is drained."""
        state = self.memory.state
        assert [hold.id for hold in state.holds.values() if hold.state is HoldState.OPEN] == []
        assert sorted(event.hold.id for event in state.usage_events) == sorted(state.holds)
        charged = sum(event.cost_microcredits for event in state.usage_events)
        alice = state.accounts[ALICE]
        assert alice.available_microcredits == CREDIT - charged
        assert alice.held_microcredits == 0
        assert [target.name for target in self.backend.targets if target.in_flight] == []
        assert self.drains == Drains()
        assert self.desk.slots.in_flight == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A provider as a target."""

    provider: ModelProvider
    kind: str = "openai"
    url: str = ""
    """Empty: where it is served."""
    base: str = "/v1"
    priority: int = 0
    weight: int = 1
    concurrency: int = 64
    limits: GenerationLimits = PATIENT
    connect_timeout_s: float = 60.0
    key: str = API_KEY


@asynccontextmanager
async def provider_desk(placed: Sequence[Placed]) -> AsyncIterator[ProviderDesk]:
    """What is left behind is checked."""
    ledger = MemoryLedger(SystemClock())
    ledger.open_account(ALICE)
    await ledger.submit([issue("g", CREDIT)])
    drains = Drains()
    told: list[tuple[str, Outcome | Refusal, str]] = []
    async with AsyncExitStack() as stack:
        targets = []
        for number, each in enumerate(placed):
            url = await stack.enter_async_context(serve(each.provider)) + each.base
            kind = KINDS[each.kind]
            account = ProviderAccount(
                name=f"provider-{number}",
                url=each.url or url,
                headers=kind.headers(each.key),
                allow_private=True,
                connect_timeout_s=each.connect_timeout_s,
            )
            http = await stack.enter_async_context(open_provider(account))
            upstream = Upstream(
                model="upstream-model",
                context_length=100_000,
                max_output_tokens=4_096,
                capabilities=kind.capabilities,
            )
            name = f"{account.name}/{upstream.model}"
            targets.append(
                Target(
                    name=name,
                    backend=ProviderBackend(name, http, kind.wire(), upstream, each.limits, drains),
                    model=upstream.model,
                    priority=each.priority,
                    weight=each.weight,
                    concurrency=each.concurrency,
                )
            )
        card = ModelCard(id=NAME, context_length=100_000, max_output_tokens=4_096)
        backend = TargetedBackend(card, targets, lambda *said: told.append(said))
        desk = ProviderDesk(Desk(ledger, backend=backend), ledger, backend, told, drains)
        yield desk
        for run in list(desk.desk.inference._runs.values()):
            await gone(run)
        desk.check()


@dataclass
class LoopWatch:
    """How long the loop's thread computed without giving anybody else a turn; waiting for a processor is not counted."""

    longest_s: float = 0.0
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.longest_s = max(self.longest_s, time.thread_time() - before)

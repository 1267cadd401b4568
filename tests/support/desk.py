"""One worker's inference, put together by hand on any ledger. A token costs one micro-credit, so tokens are costs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.unit.billing.builders import ALICE

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import Meter, Rate
from raseed.core.billing.ports import Ledger
from raseed.core.billing.price_book import PriceBook
from raseed.core.billing.pricing import ModelPrice, PriceList
from raseed.core.billing.service import HoldService, Owner
from raseed.core.clock import SECOND
from raseed.core.errors import RaseedError
from raseed.core.ids import AccountId, ApiKeyId
from raseed.core.inference.admission import NO_BREAKER, Breakers, SlotLimits, Slots
from raseed.core.inference.breaker import BreakerLimits
from raseed.core.inference.model import ChatRequest, Delta, Message, ModelRequest, Role, Sampling
from raseed.core.inference.ports import EmbeddingBackend, ModelBackend
from raseed.core.inference.routing import Route, Router
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import InferenceService
from raseed.core.limits.model import UNLIMITED, TierLimits
from raseed.core.limits.service import LimitService

ONE_EACH = ModelPrice(
    model="*",
    tier="standard",
    multiplier_milli=1,
    rates=(Rate(Meter.INPUT_TOKENS, 1), Rate(Meter.OUTPUT_TOKENS, 1)),
)
PRICES = PriceBook((PriceList(version="1", models={}, fallback=ONE_EACH),))
INSTANCE = "core-0"
READ_TIMEOUT_S = 60.0


ROOMY = TierLimits(rpm=10**6, rpd=10**9, tpm=10**9, concurrency=10**6)
"""What no test reaches: runs take from limits all the same, and have to give back."""


def no_limits() -> LimitService:
    return LimitService(None, dict.fromkeys(Tier, UNLIMITED))


def chat(text: str, *, max_tokens: int | None = None, model: str = "scripted") -> ChatRequest:
    return ChatRequest(
        model=model,
        messages=(Message(role=Role.USER, text=text),),
        sampling=Sampling(max_tokens=max_tokens),
    )


@dataclass
class Desk:
    ledger: Ledger
    backend: ModelBackend = field(default_factory=lambda: ScriptedModelBackend(ScriptedSettings()))
    policy: HoldPolicy = field(default_factory=HoldPolicy)
    limits: SlotLimits = field(default_factory=SlotLimits)
    breaker: BreakerLimits = NO_BREAKER
    tier: TierLimits = ROOMY
    timeout_s: float = 600.0
    instance: str = INSTANCE
    epoch: int = 1
    api_key_id: ApiKeyId | None = None
    reported: list[tuple[str, BaseException]] = field(default_factory=list)

    def __post_init__(self) -> None:
        embedder: EmbeddingBackend | None = (
            self.backend if isinstance(self.backend, ScriptedModelBackend) else None
        )
        self.holds = HoldService(self.ledger, Owner(self.instance, self.epoch), self.policy)
        self.slots = Slots(self.limits)
        self.breakers = Breakers(self.breaker, lambda: asyncio.get_running_loop().time())
        self.rates = MemoryLimitStore(now_us=lambda: asyncio.get_running_loop().time() * SECOND)
        self.rate_limits = LimitService(self.rates, dict.fromkeys(Tier, self.tier))
        self.inference = InferenceService(
            router=Router([Route(self.backend, self.slots, embedder, self.breakers)]),
            prices=PRICES,
            holds=self.holds,
            limits=self.rate_limits,
            timeout_s=self.timeout_s,
            report=lambda what, error: self.reported.append((what, error)),
        )

    def ask(
        self,
        request: ModelRequest,
        *,
        account_id: AccountId = ALICE,
        stream: bool = True,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> Run:
        caller = Caller(account_id=account_id, api_key_id=self.api_key_id, tier=Tier.FREE)
        return self.inference.start_run(
            caller, request, stream=stream, request_id=request_id, timeout_s=timeout_s
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader got of a run."""

    pieces: list[Delta]
    end: Ended | RaseedError

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        return self.pieces[-1].completion_tokens if self.pieces else 0

    @property
    def ended(self) -> Ended:
        assert isinstance(self.end, Ended), self.end
        return self.end

    @property
    def error(self) -> RaseedError:
        assert isinstance(self.end, RaseedError), self.end
        return self.end


async def read(run: Run, *, timeout_s: float = READ_TIMEOUT_S) -> Answer:
    """All of a run, to its end."""
    pieces: list[Delta] = []
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                event = await run.next()
            except RaseedError as error:
                return Answer(pieces, error)
            if isinstance(event, Ended):
                return Answer(pieces, event)
            pieces += event


async def gone(run: Run, *, timeout_s: float = READ_TIMEOUT_S) -> None:
    """Wait until the worker has finished with a run, whatever became of its reader."""
    assert run._task is not None
    await asyncio.wait([run._task], timeout=timeout_s)
    assert run._task.done(), f"still {run.stage.value}"

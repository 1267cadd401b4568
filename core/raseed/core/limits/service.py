"""Admits requests within the limits of their caller, and says where a caller stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Caller
from raseed.core.errors import ModelNotAllowed, RateLimited, RequestAboveLimit, RequestInvalid, TokensLimited
from raseed.core.ids import RunId
from raseed.core.inference.model import ChatRequest
from raseed.core.limits.model import NO_LIMITS, Standing, Tiers, Window, duration_text
from raseed.core.limits.ports import LimitStore, Seats, Take, Verdict
from raseed.core.limits.quotas import CallerLimits, Limit, Unit, limits_of

REMEMBERED_MAX = 10_000
"""Callers whose limits are kept worked out; the oldest go first. About 20 MB."""
SEAT_WAIT_S = 1.0
"""What a caller with too many open requests is told to wait: one of them ends, nobody knows when."""
_SECOND_US = 1_000_000


@dataclass(slots=True)
class Admission:
    """What a run has taken. `end` it once, whatever way the run ends."""

    _store: LimitStore | None
    _limits: CallerLimits
    _holder: str
    _where: str
    _tokens: int = 0

    async def take_tokens(self, tokens: int) -> None:
        """Those that it is expected to need. Raises TokensLimited, RequestAboveLimit. Cancelling it takes nothing."""
        if self._store is None or not self._limits.tokens:
            return
        await _take(self._store, self._where, self._limits.tokens, cost=tokens)
        self._tokens = tokens

    def end(self, tokens: int) -> None:
        """`tokens` were used in truth. The request itself stays taken: work was done for it."""
        if self._store is None:
            return
        cost = tokens - self._tokens
        corrections = [Take(limit.key, limit.quota, cost) for limit in self._limits.tokens] if cost else []
        if corrections or self._limits.seats:
            self._store.settle(corrections, self._limits.seats, self._holder)
        self._store = None


class LimitService:
    """One per worker, on its event loop."""

    def __init__(self, store: LimitStore | None, tiers: Tiers) -> None:
        """Without a store no rate is limited; what a tier may ask for is limited all the same."""
        self._store = store
        self._tiers = tiers
        self._remembered: dict[tuple[str, str | None], tuple[Caller, CallerLimits]] = {}

    def of(self, caller: Caller) -> CallerLimits:
        """Worked out once for each caller; callers are immutable, and one that changed is another object."""
        name = (caller.account_id, caller.api_key_id or caller.session_id)
        remembered = self._remembered.get(name)
        if remembered is not None and remembered[0] is caller:
            return remembered[1]
        limits = limits_of(caller, self._tiers[caller.tier], with_rates=self._store is not None)
        self._remembered.pop(name, None)
        self._remembered[name] = (caller, limits)
        if len(self._remembered) > REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        return limits

    # ── what a tier may ask for ──────────────────────────────────────────────────────────────────────────────────

    def may_use(self, caller: Caller, model: str) -> bool:
        of_tier, of_key = self.of(caller).tier.models, caller.allowed_models
        return (of_tier is None or model in of_tier) and (of_key is None or model in of_key)

    def check_model(self, caller: Caller, model: str, sold: Iterable[str]) -> None:
        """Raises ModelNotAllowed, which names those of the models sold that may be used."""
        if self.may_use(caller, model):
            return
        is_keys = caller.allowed_models is not None and model not in caller.allowed_models
        message = "This API key may not use the model." if is_keys else "Model not accessible for your tier."
        refused = ModelNotAllowed(message, param="model", metadata={"model": model})
        refused.available_models = tuple(other for other in sold if self.may_use(caller, other))
        raise refused

    def within_tier(self, caller: Caller, request: ChatRequest) -> ChatRequest:
        """The request, with the tier's longest answer if it names none. Raises RequestInvalid if it names a longer
        one, as OpenAI refuses more than a model can.
        """
        most = self.of(caller).tier.max_output_tokens
        asked = request.sampling.max_tokens
        if most is None or (asked is not None and asked <= most):
            return request
        if asked is not None:
            raise RequestInvalid(
                f"max_tokens is too large: {asked}. Your account's tier supports at most {most} completion tokens, "
                f"whereas you provided {asked}.",
                param="max_tokens",
                metadata={"limit": str(most), "requested": str(asked)},
            )
        return replace(request, sampling=replace(request.sampling, max_tokens=most))

    # ── rates ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def admit_run(self, caller: Caller, model: str, run_id: RunId) -> Admission:
        """Before any work is done for a request: take it, and a seat. Both, or nothing.

        Raises RateLimited. Cancelling it takes nothing.
        """
        limits, where = self.of(caller), _where(caller, model)
        store = self._store
        if store is None or limits.is_unlimited:
            return Admission(None, limits, run_id, where)
        await _take(store, where, limits.requests, limits.seats, run_id)
        return Admission(store, limits, run_id, where)

    async def admit_call(self, caller: Caller) -> None:
        """Take a call that asks no model for anything. Raises RateLimited."""
        if self._store is not None:
            await _take(self._store, _where(caller), self.of(caller).calls)

    def check_repeats(self, caller: Caller) -> None:
        """Before it is known whether a request was made before: refuse one that `admit_repeat` would.

        Takes nothing. Raises RateLimited.
        """
        if self._store is None:
            return
        for limit in self.of(caller).repeats:
            take = Take(limit.key, limit.quota, 1)
            verdict = self._store.peek(take)
            if verdict.refused is not None:
                raise _refusal(_where(caller), limit, take, verdict)

    async def admit_repeat(self, caller: Caller) -> None:
        """Take a request that was made before: nothing is generated for it, but it is looked up. Raises RateLimited."""
        if self._store is not None:
            await _take(self._store, _where(caller), self.of(caller).repeats)

    def standing(self, caller: Caller, *, of_runs: bool) -> Standing:
        """Where a caller stands now, as far as this worker knows: with requests to models, or with other calls."""
        if self._store is None:
            return NO_LIMITS
        limits = self.of(caller)
        least: dict[Unit, Window] = {}
        for limit in (*limits.requests, *limits.tokens) if of_runs else limits.calls:
            fill_us = self._store.fill_us(limit.key)
            window = Window(
                limit=limit.quota.burst, remaining=limit.quota.remaining(fill_us), reset_us=math.ceil(fill_us)
            )
            if limit.unit not in least or window.remaining < least[limit.unit].remaining:
                least[limit.unit] = window
        return Standing(requests=least.get(Unit.REQUESTS), tokens=least.get(Unit.TOKENS))


async def _take(
    store: LimitStore,
    where: str,
    limits: Sequence[Limit],
    seats: Sequence[Seats] = (),
    holder: str = "",
    *,
    cost: int = 1,
) -> None:
    """All of it, or nothing. Raises RateLimited."""
    if not limits and not seats:
        return
    takes = [Take(limit.key, limit.quota, cost) for limit in limits]
    verdict = await store.take(takes, seats, holder)
    if verdict.refused is None:
        return
    if verdict.refused >= len(takes):
        raise _too_many_open(where, seats[verdict.refused - len(takes)])
    raise _refusal(where, limits[verdict.refused], takes[verdict.refused], verdict)


def _where(caller: Caller, model: str = "") -> str:
    of_model = f" for {model}" if model else ""
    return f"Rate limit reached{of_model} in organization {caller.account_id}"


def _refusal(where: str, limit: Limit, take: Take, verdict: Verdict) -> RateLimited:
    """In OpenAI's words."""
    most, cost = limit.quota.burst, int(take.cost)
    metadata = {"limit": str(most), "requested": str(cost)}
    if cost > most:
        return RequestAboveLimit(
            f"Request too large: {where[0].lower()}{where[1:]} on {limit.name}: Limit {most}, Requested {cost}. "
            "The input or output tokens must be reduced in order to run successfully.",
            metadata=metadata,
        )
    used = most - limit.quota.remaining(verdict.fill_us)
    kind = TokensLimited if limit.unit is Unit.TOKENS else RateLimited
    return kind(
        f"{where} on {limit.name}: Limit {most}, Used {used}, Requested {cost}. "
        f"Please try again in {duration_text(verdict.wait_us)}.",
        metadata={**metadata, "used": str(used)},
        retry_after_s=verdict.wait_us / _SECOND_US,
    )


def _too_many_open(where: str, seats: Seats) -> RateLimited:
    return RateLimited(
        f"{where} on concurrent requests: Limit {seats.limit}, Used {seats.limit}, Requested 1. "
        f"Please try again in {duration_text(SEAT_WAIT_S * _SECOND_US)}.",
        metadata={"limit": str(seats.limit), "used": str(seats.limit), "requested": "1"},
        retry_after_s=SEAT_WAIT_S,
    )

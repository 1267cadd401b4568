"""Which limits a caller is under: those of its account's tier and those of its key. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from raseed.core.accounts.model import Caller, OwnLimits
from raseed.core.limits.gcra import Quota, per_day, per_minute
from raseed.core.limits.model import TierLimits
from raseed.core.limits.ports import Seats

PAGE_CALLS = 240
"""A minute, of all sessions of an account together, where its tier allows fewer requests: a page that a person looks at
makes a dozen calls."""
REPEATS = "repeated requests per min"


class Unit(StrEnum):
    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Limit:
    unit: Unit
    name: str
    """As a refusal names it."""
    key: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class CallerLimits:
    tier: TierLimits
    requests: tuple[Limit, ...]
    """What a request to a model takes one from, before anything is done for it."""
    tokens: tuple[Limit, ...]
    """What it takes its tokens from, once they are counted."""
    repeats: tuple[Limit, ...]
    """What a request that was made before takes from, in place of those: as many a minute, counted apart."""
    calls: tuple[Limit, ...]
    """What any other call takes from: as many a minute, counted apart, so that who looks at a balance can still work."""
    seats: tuple[Seats, ...]

    @property
    def is_unlimited(self) -> bool:
        return not self.requests and not self.tokens and not self.seats


def tier_limits(tier: TierLimits, own: OwnLimits) -> TierLimits:
    """Of a tier, with what an account has in its place."""
    changed: Mapping[str, Any] = dict(own)
    return replace(tier, **changed) if own else tier


def limits_of(caller: Caller, tier: TierLimits, *, with_rates: bool) -> CallerLimits:
    """Without rates, what is left is what the tier may ask for."""
    tier = tier_limits(tier, caller.own_limits)
    if not with_rates:
        return CallerLimits(tier, (), (), (), (), ())
    account = f"{{{caller.account_id}}}"  # braces: all keys of an account lie on one node of a Redis cluster
    requests: list[Limit] = []
    tokens: list[Limit] = []
    repeats: list[Limit] = []
    calls: list[Limit] = []
    seats: list[Seats] = []
    if tier.rpm is not None:
        requests.append(Limit(Unit.REQUESTS, "requests per min (RPM)", f"{account}rpm", per_minute(tier.rpm)))
        repeats.append(Limit(Unit.REQUESTS, REPEATS, f"{account}repeats", per_minute(tier.rpm)))
        name, most = ("api", tier.rpm) if caller.session_id is None else ("pages", max(tier.rpm, PAGE_CALLS))
        calls.append(Limit(Unit.REQUESTS, "requests per min (RPM)", f"{account}{name}", per_minute(most)))
    if tier.rpd is not None:
        requests.append(Limit(Unit.REQUESTS, "requests per day (RPD)", f"{account}rpd", per_day(tier.rpd)))
    if tier.tpm is not None:
        tokens.append(Limit(Unit.TOKENS, "tokens per min (TPM)", f"{account}tpm", per_minute(tier.tpm)))
    if tier.concurrency is not None:
        seats.append(Seats(f"{account}open", tier.concurrency))
    of_key, key = caller.limits, f"{account}{caller.api_key_id}:"
    if of_key.requests_per_minute is not None:
        quota = per_minute(of_key.requests_per_minute)
        requests.append(Limit(Unit.REQUESTS, "requests per min (RPM) of this API key", f"{key}rpm", quota))
        repeats.append(Limit(Unit.REQUESTS, f"{REPEATS} of this API key", f"{key}repeats", quota))
        calls.append(Limit(Unit.REQUESTS, "requests per min (RPM) of this API key", f"{key}api", quota))
    if of_key.tokens_per_minute is not None:
        quota = per_minute(of_key.tokens_per_minute)
        tokens.append(Limit(Unit.TOKENS, "tokens per min (TPM) of this API key", f"{key}tpm", quota))
    if of_key.concurrency is not None:
        seats.append(Seats(f"{key}open", of_key.concurrency))
    return CallerLimits(tier, tuple(requests), tuple(tokens), tuple(repeats), tuple(calls), tuple(seats))

"""What a tier allows, and what an account is told of where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raseed.core.accounts.model import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLimits:
    """For one account, all its keys together. None: no limit."""

    rpm: int | None = None
    """Requests a minute."""
    rpd: int | None = None
    """Requests a day, which is any 24 hours."""
    tpm: int | None = None
    """Tokens a minute, of prompts and answers together."""
    concurrency: int | None = None
    """Requests being answered at a time."""
    max_output_tokens: int | None = None
    """Longest answer; each, where a request asks for several."""
    models: frozenset[str] | None = None
    """Ids that may be asked for; None: every one that is sold."""
    keys: int | None = None
    """API keys that are neither revoked nor expired."""
    priority: int = 1
    """Weight of the account among those whose requests wait for the same backend."""


UNLIMITED = TierLimits()
Tiers = Mapping[Tier, TierLimits]
"""A row for every tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One limit as its caller sees it now."""

    limit: int
    remaining: int
    reset_us: int
    """Time until all of it is there again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of several limits of a kind, the one of which least is left. None: there is no limit."""

    requests: Window | None = None
    tokens: Window | None = None


NO_LIMITS = Standing()


def duration_text(duration_us: float) -> str:
    """As OpenAI writes it, never shorter than it is.

    >>> [duration_text(us) for us in (0, 11_200, 1_000_000, 360_000_000, 3_661_500_000)]
    ['0s', '12ms', '1s', '6m0s', '1h1m1.5s']
    """
    whole_ms = -int(-duration_us // 1000)
    if whole_ms <= 0:
        return "0s"
    if whole_ms < 1000:
        return f"{whole_ms}ms"
    seconds, ms = divmod(whole_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{ms:03}".rstrip("0") if ms else ""
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{before}{seconds}{fraction}s"

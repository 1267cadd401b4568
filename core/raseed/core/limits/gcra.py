"""GCRA: a limit is one timestamp, the moment at which everything that was taken will have flowed back. Pure.

Of a quota of `rate` in `per_us`, a unit flows back every `interval_us`. Taking a cost moves the timestamp so many
intervals ahead; it may lie `tolerance_us` ahead at most, which is the burst. In any window of `t` no more is admitted
than burst + rate x t, and a refusal moves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from raseed.core.clock import DAY, MINUTE

SLACK_US = 1.0
"""Sums of intervals are not exact in floating point: the last unit of a burst must not be lost for a billionth."""


@dataclass(frozen=True, slots=True)
class Quota:
    """`rate` units in `per_us` microseconds, `burst` of them at once."""

    rate: float
    per_us: int
    burst: int
    interval_us: float = field(init=False)
    tolerance_us: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval_us", self.per_us / self.rate)
        object.__setattr__(self, "tolerance_us", self.burst * self.per_us / self.rate)

    def divided_by(self, workers: int) -> Quota:
        """The part of one of several workers that do not know of each other. A whole unit at least is there at once."""
        return Quota(self.rate / workers, self.per_us, math.ceil(self.burst / workers))

    def remaining(self, fill_us: float) -> int:
        """Whole units that may be taken now."""
        return max(0, int((self.tolerance_us - fill_us + SLACK_US) / self.interval_us))


def per_minute(limit: int) -> Quota:
    """Burst and rate are the same: who was idle for a minute may take a minute's worth at once."""
    return Quota(limit, MINUTE, limit)


def per_day(limit: int) -> Quota:
    return Quota(limit, DAY, limit)


def fill_of(arrival_us: float, now_us: float) -> float:
    """Time until everything has flowed back; 0 when nothing is taken."""
    return max(0.0, arrival_us - now_us)


def wait_for(fill_us: float, cost: float, quota: Quota) -> float:
    """0: the cost may be taken now, and the fill becomes `fill_us + cost x interval_us`. Else the time until it may
    be, if nobody takes anything meanwhile; infinite for a cost above the burst.
    """
    if cost > quota.burst:
        return math.inf
    over_us = fill_us + cost * quota.interval_us - quota.tolerance_us
    return 0.0 if over_us <= SLACK_US else over_us

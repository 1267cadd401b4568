"""Whether something that failed may be asked again: a circuit breaker, and a budget for asking again.

closed ──failures in a row──> open ──pause over──> half open ──success──> closed
                                ^──────failure, longer pause──────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    failures: int = 5
    """In a row, before nothing is asked for a while: fewer would open at the noise of any network."""
    pause_s: float = 5.0
    """The first pause; each one that ends in a failure is followed by one twice as long."""
    pause_max_s: float = 60.0
    """Longest pause: how late a recovery may be noticed."""


class Breaker:
    """Of one thing that answers or fails. Used on one event loop: every `begin` that said yes is followed by one `end`."""

    def __init__(
        self, limits: BreakerLimits | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or BreakerLimits()
        self._now = now
        self._failures = 0
        """In a row."""
        self._open_until = 0.0
        self._resting_until = 0.0
        self._pause_s = 0.0
        """Of the last opening; 0 while closed."""
        self._is_probing = False

    @property
    def is_closed(self) -> bool:
        """Whether anybody may ask, as far as failures go."""
        return not self._pause_s

    def wait_s(self) -> float:
        """Until something may be asked; 0 if now, also when all that is missing is the end of the attempt under way."""
        return max(0.0, max(self._open_until, self._resting_until) - self._now())

    def may_begin(self) -> bool:
        return not self.wait_s() and not (self._pause_s and self._is_probing)

    def begin(self) -> bool:
        """Whether to ask now. After a pause, one at a time until one succeeds."""
        if not self.may_begin():
            return False
        self._is_probing = bool(self._pause_s)
        return True

    def end(self, *, succeeded: bool | None) -> None:
        """What came of asking; None: nothing that says how it is, because whoever asked went away."""
        if succeeded is None:
            self._is_probing = False
            return
        if succeeded:
            self._failures, self._pause_s, self._is_probing = 0, 0.0, False
            return
        self._failures += 1
        if self._is_probing or (not self._pause_s and self._failures >= self._limits.failures):
            self._is_probing = False
            self._pause_s = min(
                self._pause_s * 2 if self._pause_s else self._limits.pause_s, self._limits.pause_max_s
            )
            self._open_until = self._now() + self._pause_s

    def rest(self, seconds: float) -> None:
        """It answered that it wants to be left alone for so long. At most the longest pause is believed."""
        self._resting_until = max(self._resting_until, self._now() + min(seconds, self._limits.pause_max_s))


@dataclass(slots=True)
class RetryBudget:
    """How often may be asked again: a part of how often was asked at all, with a reserve. What all retry at once, when
    everything fails, is bounded by it.
    """

    per_request: float = 0.2
    reserve: float = 10.0
    """Repetitions that are free at first, and the most that are saved up."""
    _left: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.reserve

    def note_request(self) -> None:
        self._left = min(self._left + self.per_request, self.reserve)

    def take(self) -> bool:
        """Whether one more repetition is within the budget; it is taken then."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

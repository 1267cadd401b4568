"""A clock that tests turn; emulators, webhooks and what is tested may share it."""

from __future__ import annotations

from raseed.core.clock import SECOND, Microseconds

START = Microseconds(1_790_000_000_000_000)
"""2026-09-21, in the afternoon of Kuwait."""


class TurnedClock:
    """Implements `core.clock.Clock`."""

    def __init__(self, start: Microseconds = START) -> None:
        self._now = start

    def now(self) -> Microseconds:
        return self._now

    def turn(self, seconds: float) -> None:
        self._now = Microseconds(self._now + round(seconds * SECOND))

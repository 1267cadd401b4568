"""Time as an argument: every rule that depends on the hour takes a `Clock`, so a test can turn it."""

from __future__ import annotations

import time
from typing import NewType, Protocol

Microseconds = NewType("Microseconds", int)
"""A moment: microseconds since 1970-01-01T00:00:00Z. An integer, so that it means the same in every database."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    def now(self) -> Microseconds: ...


class SystemClock:
    def now(self) -> Microseconds:
        return Microseconds(time.time_ns() // 1000)

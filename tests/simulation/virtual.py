"""Virtual time: an event loop without a thread, a socket or a real clock, and a wall clock that can be turned."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.billing.builders import START

from raseed.core.clock import SECOND, Microseconds


class NothingWillHappen(RuntimeError):
    """Every task waits for something that nobody is going to do."""


class Death(BaseException):
    """A process ends here. Nothing in it may catch this."""


class SimLoop(asyncio.BaseEventLoop):
    """Jumps to the next timer as soon as nothing is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._clock_resolution = 1e-8  # coarser than a float that counts the seconds of a year
        self._selector = self

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingWillHappen
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class WallClock:
    """The loop's time as a `Clock`, plus what somebody turned it by."""

    def __init__(self, loop: asyncio.AbstractEventLoop, begin: Microseconds = START) -> None:
        self._loop = loop
        self._begin = begin
        self._turned_us = 0

    def now(self) -> Microseconds:
        return Microseconds(self._begin + round(self._loop.time() * SECOND) + self._turned_us)

    def turn(self, microseconds: int) -> None:
        self._turned_us += microseconds

"""An event loop whose clock jumps to the next timer instead of waiting for it.

A test of a five-second wait takes no time and always ends the same way. Only for code that waits for nothing outside
the loop: no sockets, no threads, no processes. A loop with nothing left to do fails at once instead of hanging.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Any

from tests.unit.billing.builders import START

from raseed.core.clock import SECOND, Microseconds


class NothingWillHappen(RuntimeError):
    """Every task waits for something that nobody is going to do."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    _ready: Any
    _scheduled: Any

    def __init__(self) -> None:
        super().__init__()
        self._virtual_now = 1000.0

    def time(self) -> float:
        return self._virtual_now

    def _run_once(self) -> None:
        if not self._ready:
            while self._scheduled and self._scheduled[0]._cancelled:
                heapq.heappop(self._scheduled)._scheduled = False
                self._timer_cancelled_count -= 1
            if not self._scheduled:
                raise NothingWillHappen
            self._virtual_now = max(self._virtual_now, self._scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]

    _timer_cancelled_count: int


class LoopClock:
    """The loop's time as a `Clock` of the core, so that leases and waits pass together."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> Microseconds:
        return Microseconds(START + round((self._loop.time() - self._began) * SECOND))

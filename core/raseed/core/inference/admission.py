"""Who may start now: a bounded number of slots for each backend, and a bounded queue in front of them.

Nothing is held or charged while a request waits here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from raseed.core.errors import Overloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLimits:
    slots: int = 64
    """Runs of one backend at a time. More than its engine can batch only makes everybody slower."""
    queue_max: int = 512
    """Requests waiting for a slot. Beyond this the wait would outlast any client's patience: refused at once."""
    wait_s: float = 10.0
    """Longest wait for a slot before the request is refused."""


class Slots:
    """The slots of one backend, first come first served. Used on one event loop."""

    def __init__(self, limits: SlotLimits) -> None:
        self.limits = limits
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def queue_length(self) -> int:
        return len(self._waiting)

    async def acquire(self) -> None:
        """Take a slot; the caller must `release` it. Raises Overloaded. Cancelling it leaves no slot taken."""
        if self.in_flight < self.limits.slots and not self._waiting:
            self.in_flight += 1
            return
        if len(self._waiting) >= self.limits.queue_max:
            raise self._overloaded()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.limits.wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.release()  # the slot was handed over in the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise self._overloaded() from None
            raise

    def release(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the slot goes to the next one; in_flight stays
                return
        self.in_flight -= 1

    def _overloaded(self) -> Overloaded:
        return Overloaded("The model is overloaded. Please try again shortly.", retry_after_s=1.0)

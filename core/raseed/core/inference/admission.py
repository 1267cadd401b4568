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
    """Answers that one backend generates at a time; a run takes one for each of its choices. More than the engine can
    batch only makes everybody slower."""
    queue_max: int = 512
    """Requests waiting for a slot. Beyond this the wait would outlast any client's patience: refused at once."""
    wait_s: float = 10.0
    """Longest wait for a slot before the request is refused."""


class Slots:
    """The slots of one backend, first come first served. Used on one event loop."""

    def __init__(self, limits: SlotLimits) -> None:
        self.limits = limits
        self.in_flight = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def queue_length(self) -> int:
        return len(self._waiting)

    async def acquire(self, count: int = 1) -> int:
        """Take so many slots, all at once, at most all that there are; returns how many, for `release`.

        Raises Overloaded. Cancelling it leaves no slot taken.
        """
        count = min(count, self.limits.slots)
        if self.in_flight + count <= self.limits.slots and not self._waiting:
            self.in_flight += count
            return count
        if len(self._waiting) >= self.limits.queue_max:
            raise self._overloaded()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (turn, count)
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self.limits.wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.release(count)  # the slots were handed over in the same moment
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
                self._hand_over()  # who waits behind may need fewer
            if isinstance(error, TimeoutError):
                raise self._overloaded() from None
            raise
        return count

    def release(self, count: int = 1) -> None:
        self.in_flight -= count
        self._hand_over()

    def _hand_over(self) -> None:
        """Free slots go to those who have waited longest, in order: nobody overtakes one who needs many."""
        while self._waiting:
            turn, count = self._waiting[0]
            if not turn.done():
                if self.in_flight + count > self.limits.slots:
                    return
                self.in_flight += count
                turn.set_result(None)
            self._waiting.popleft()

    def _overloaded(self) -> Overloaded:
        return Overloaded("The model is overloaded. Please try again shortly.", retry_after_s=1.0)

"""Requests that wait until their account's own open requests release credit: in order, for a bounded time.

A release wakes the one that waits longest; once it is admitted, or gives up, it wakes the next. So a crowd that waits
costs the ledger one question for each release, and not one for each of the crowd.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from raseed.core.ids import AccountId

POLL_FIRST_S = 0.1
"""The one that waits longest asks so often by itself: other workers release too, and credit is bought."""
POLL_S = 0.5
"""The others: one further behind may need less than the first and be paid for when that one is not."""

T = TypeVar("T")


class Turns:
    """Used on one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[AccountId, list[asyncio.Event]] = defaultdict(list)

    async def repeat(
        self,
        account_id: AccountId,
        timeout_s: float,
        attempt: Callable[[], Awaitable[T]],
        is_final: Callable[[T], bool],
    ) -> T:
        """Wait and attempt, until an outcome is final or time is up. Returns the last outcome."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        queue = self._waiting[account_id]
        woken = asyncio.Event()
        queue.append(woken)
        try:
            while True:
                left_s = max(0.0, deadline - loop.time())
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, POLL_FIRST_S if queue[0] is woken else POLL_S)):
                        await woken.wait()
                woken.clear()
                outcome = await attempt()
                if is_final(outcome) or loop.time() >= deadline:
                    return outcome
        finally:
            queue.remove(woken)
            if not queue:
                del self._waiting[account_id]
            self.wake(account_id)  # whatever woke this one may be enough for the next

    def wake(self, account_id: AccountId) -> None:
        """Credit of this account was released."""
        if queue := self._waiting.get(account_id):
            queue[0].set()

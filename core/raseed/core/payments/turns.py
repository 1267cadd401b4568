"""Calls about the same thing take turns within a process, and those that waited share one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Turn(Generic[T]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    begun: int = 0
    """Runs that have begun."""
    ended: int = 0
    """Number of the last one that ended."""
    result: T | None = None
    failure: Exception | None = None


class SharedTurns(Generic[T]):
    """Answers each call with the result of a run that began after the call: a webhook, a browser that returns and a job
    that all ask about one payment ask the provider twice, not three times. Used from one event loop.
    """

    def __init__(self) -> None:
        self._turns: dict[str, _Turn[T]] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Raises what the run raised. One that is cancelled is nobody's: who waited begins another."""
        turn = self._turns.setdefault(key, _Turn())
        arrived = turn.begun
        turn.users += 1
        try:
            async with turn.lock:
                if turn.ended <= arrived:
                    await self._begin(turn, work)
                if turn.failure is not None:
                    # A copy: one that many raise would carry the stacks of all of them.
                    raise copy(turn.failure) from turn.failure
                return turn.result  # type: ignore[return-value]
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[key]

    async def _begin(self, turn: _Turn[T], work: Callable[[], Awaitable[T]]) -> None:
        turn.begun += 1
        mine, turn.failure = turn.begun, None
        try:
            turn.result = await work()
        except Exception as error:  # noqa: BLE001 - raised by everybody who waited for it
            turn.failure = error
        turn.ended = mine

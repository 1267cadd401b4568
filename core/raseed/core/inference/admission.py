"""Who may start now: a bounded number of slots for each backend, a bounded, fair queue in front of them, and a circuit
breaker for each model.

Nothing is held or charged while a request waits here, or is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from raseed.core.errors import BackendUnavailable, Overloaded
from raseed.core.inference.breaker import Breaker, BreakerLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLimits:
    slots: int = 64
    """Answers that one backend generates at a time; a run takes one for each of its choices. More than the engine can
    batch only makes everybody slower."""
    queue_max: int = 512
    """Requests waiting for a slot. Beyond this the wait would outlast any client's patience: refused at once."""
    wait_s: float = 10.0
    """Longest wait for a slot before the request is refused."""


@dataclass(order=True, slots=True)
class _Waiting:
    turn: float
    """In virtual time: lower is sooner."""
    number: int
    count: int = field(compare=False)
    granted: asyncio.Future[None] = field(compare=False)


class Slots:
    """The slots of one backend. Those who wait are served by weighted fair queueing over accounts (self-clocked): an
    account gets slots in proportion to its weight however many requests it sends, in the order in which it sent them,
    and nobody is overtaken for ever. Used on one event loop.
    """

    def __init__(self, limits: SlotLimits) -> None:
        self.limits = limits
        self.in_flight = 0
        self._waiting: list[_Waiting] = []
        self._now = 0.0
        """Virtual time: the turn of who was served last."""
        self._last_turns: dict[str, float] = {}
        """Of each account that has waited since the queue was empty."""
        self._number = 0

    @property
    def queue_length(self) -> int:
        return len(self._waiting)

    async def acquire(self, count: int = 1, account: str = "", weight: int = 1) -> int:
        """Take so many slots, all at once, at most all that there are; returns how many, for `release`.

        Raises Overloaded: the wait was too long, or the queue is full and nobody in it has had more than this account.
        Cancelling it leaves no slot taken.
        """
        count = min(count, self.limits.slots)
        if self.in_flight + count <= self.limits.slots and not self._waiting:
            self.in_flight += count
            return count
        waiting = self._enqueue(count, account, weight)
        try:
            async with asyncio.timeout(self.limits.wait_s):
                await waiting.granted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                heapify(self._waiting)
                self._hand_over()  # who waits behind may need fewer
            elif not waiting.granted.cancelled() and waiting.granted.exception() is None:
                self.release(count)  # the slots were handed over in the same moment
            if isinstance(error, TimeoutError):
                raise self._overloaded() from None
            raise
        return count

    def release(self, count: int = 1) -> None:
        self.in_flight -= count
        self._hand_over()

    def _enqueue(self, count: int, account: str, weight: int) -> _Waiting:
        turn = max(self._now, self._last_turns.get(account, 0.0)) + count / weight
        if len(self._waiting) >= self.limits.queue_max:
            last = max(self._waiting)
            if last.turn <= turn:
                raise self._overloaded()
            self._waiting.remove(last)
            heapify(self._waiting)
            last.granted.set_exception(self._overloaded())
        self._number += 1
        waiting = _Waiting(turn, self._number, count, asyncio.get_running_loop().create_future())
        heappush(self._waiting, waiting)
        self._last_turns[account] = turn
        if len(self._last_turns) > 2 * self.limits.queue_max:
            self._last_turns = {who: at for who, at in self._last_turns.items() if at > self._now}
        return waiting

    def _hand_over(self) -> None:
        """Free slots go to those whose turn it is, in order: nobody overtakes one who needs many."""
        while self._waiting:
            first = self._waiting[0]
            if not first.granted.done():
                if self.in_flight + first.count > self.limits.slots:
                    return
                self.in_flight += first.count
                self._now = first.turn
                first.granted.set_result(None)
            heappop(self._waiting)
        self._now = 0.0
        self._last_turns.clear()

    def _overloaded(self) -> Overloaded:
        return Overloaded("The model is overloaded. Please try again shortly.", retry_after_s=1.0)


MODEL_BREAKER = BreakerLimits(failures=5, pause_s=1.0, pause_max_s=10.0)
"""Of a model of an engine of our own, which is revived within seconds: nobody shall wait much longer than that."""


NO_BREAKER = replace(MODEL_BREAKER, failures=0)


class Breakers:
    """The circuit breakers of one backend, for each model that has failed lately. Used on one event loop.

    While one is open, requests for its model are refused at once, before they wait, hold or cost anything; after a
    pause one of them is let through, and its first token closes it.
    """

    def __init__(
        self, limits: BreakerLimits = MODEL_BREAKER, now: Callable[[], float] = time.monotonic
    ) -> None:
        """With 0 failures, `NO_BREAKER`, they never open."""
        self._limits = limits
        self._now = now
        self._failing: dict[str, Breaker] = {}

    def check(self, model: str) -> None:
        """Raises BackendUnavailable if a request for it would be refused now."""
        breaker = self._failing.get(model)
        if breaker is not None and not breaker.may_begin():
            raise BackendUnavailable(
                "The model is not available at the moment. Please try again.",
                retry_after_s=max(1.0, breaker.wait_s()),
            )

    def begin(self, model: str) -> Attempt:
        """Raises as `check` does. What is begun has to be closed."""
        self.check(model)
        breaker = self._failing.get(model)
        is_probe = breaker is not None and not breaker.is_closed
        if breaker is not None:
            breaker.begin()
        return Attempt(self, model, is_probe=is_probe)

    def note(self, model: str, *, succeeded: bool | None) -> None:
        """What came of an attempt; None: nothing that says how the model is."""
        if succeeded:
            self._failing.pop(model, None)
        elif succeeded is False and self._limits.failures:
            self._failing.setdefault(model, Breaker(self._limits, self._now)).end(succeeded=False)
        elif (breaker := self._failing.get(model)) is not None:
            breaker.end(succeeded=None)

    def is_open(self, model: str) -> bool:
        breaker = self._failing.get(model)
        return breaker is not None and not breaker.is_closed


class Attempt:
    """One request at a model. Say what came of it, and `close` it in every case."""

    def __init__(self, breakers: Breakers, model: str, *, is_probe: bool) -> None:
        self._breakers = breakers
        self._model = model
        self._is_probe = is_probe
        self._has_answered = False
        self._is_over = False

    def answered(self) -> None:
        """Something came. To the one that was let through to see, that is all there is to see."""
        self._has_answered = True
        if self._is_probe:
            self._end(succeeded=True)

    def failed(self) -> None:
        """The model is surely at fault, not the request."""
        if self._is_over:
            self._is_over = self._is_probe = False  # the probe answered, and broke off later
        self._end(succeeded=False)

    def close(self) -> None:
        self._end(succeeded=True if self._has_answered else None)

    def _end(self, *, succeeded: bool | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        # Those that began before it opened say nothing of how the model is now.
        if self._is_probe or not self._breakers.is_open(self._model):
            self._breakers.note(self._model, succeeded=succeeded)

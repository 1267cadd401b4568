"""Limits counted in this worker, which forgets them when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from raseed.core.limits.gcra import Quota, fill_of, wait_for
from raseed.core.limits.ports import Seats, Take, Verdict

ENTRIES_MAX = 100_000
"""Limits remembered at a time, about 20 MB. Those that are whole again are forgotten first, then the oldest: an account
that is forgotten too soon gets one more burst."""
SWEEP_LEAST = 1_000
"""Entries below which nothing is swept."""


def monotonic_us() -> float:
    return time.monotonic_ns() / 1000


@lru_cache(maxsize=1024)
def _part(quota: Quota, workers: int) -> Quota:
    return quota.divided_by(workers)


class MemoryLimitStore:
    """Implements `LimitStore`. Of every limit it grants the part of one among `workers`: they do not know of each other.
    Used on one event loop; nothing in it waits.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        entries_max: int = ENTRIES_MAX,
        now_us: Callable[[], float] = monotonic_us,
    ) -> None:
        self._workers = workers
        self._entries_max = entries_max
        self._now_us = now_us
        self._arrivals: dict[str, float] = {}
        self._holders: dict[str, set[str]] = {}
        self._sweep_at = SWEEP_LEAST

    def __len__(self) -> int:
        return len(self._arrivals) + len(self._holders)

    async def take(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> Verdict:
        return self.take_now(takes, seats, holder)

    def take_now(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> Verdict:
        now_us = self._now_us()
        arrivals = self._arrivals
        ahead: list[float] = []
        for position, take in enumerate(takes):
            fill_us = fill_of(arrivals.get(take.key, 0.0), now_us)
            quota, wait_us = self._asked(take, fill_us)
            if wait_us:
                return Verdict(position, wait_us, fill_us)
            ahead.append(now_us + fill_us + take.cost * quota.interval_us)
        for position, seat in enumerate(seats, len(takes)):
            taken = self._holders.get(seat.key)
            if taken is not None and len(taken) >= max(1, seat.limit // self._workers):
                return Verdict(position)
        for take, arrival_us in zip(takes, ahead, strict=True):
            arrivals[take.key] = arrival_us
        self.sit(seats, holder)
        if len(arrivals) > self._sweep_at:
            self._sweep(now_us)
        return Verdict(None)

    def peek(self, take: Take) -> Verdict:
        fill_us = self.fill_us(take.key)
        _, wait_us = self._asked(take, fill_us)
        return Verdict(0, wait_us, fill_us) if wait_us else Verdict(None)

    def _asked(self, take: Take, fill_us: float) -> tuple[Quota, float]:
        """The quota that counts here, and the time to wait for it."""
        quota, cost = take.quota, take.cost
        if self._workers > 1 and cost <= quota.burst:
            # What the whole limit allows, a part of it must not forbid for ever.
            quota = _part(quota, self._workers)
            cost = min(cost, quota.burst)
        return quota, wait_for(fill_us, cost, quota)

    def settle(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> None:
        now_us = self._now_us()
        for take in takes:
            quota = take.quota if self._workers == 1 else _part(take.quota, self._workers)
            arrival_us = now_us + fill_of(self._arrivals.get(take.key, 0.0), now_us)
            self._arrivals[take.key] = arrival_us + take.cost * quota.interval_us
        for seat in seats:
            taken = self._holders.get(seat.key)
            if taken is not None:
                taken.discard(holder)
                if not taken:
                    del self._holders[seat.key]

    def fill_us(self, key: str) -> float:
        return fill_of(self._arrivals.get(key, 0.0), self._now_us())

    def learn(self, key: str, fill_us: float) -> None:
        """Somebody who knows better says how full a limit is."""
        now_us = self._now_us()
        self._arrivals[key] = now_us + fill_us
        if len(self._arrivals) > self._sweep_at:
            self._sweep(now_us)

    def sit(self, seats: Sequence[Seats], holder: str) -> None:
        """Take seats without asking."""
        for seat in seats:
            self._holders.setdefault(seat.key, set()).add(holder)

    def holders(self) -> dict[str, set[str]]:
        """By the key of the seats."""
        return self._holders

    def _sweep(self, now_us: float) -> None:
        """Not sooner than after as many new entries as there are old ones: its cost is spread over those."""
        live = {key: arrival_us for key, arrival_us in self._arrivals.items() if arrival_us > now_us}
        keep = self._entries_max // 2
        if len(live) >= self._entries_max:
            live = dict(list(live.items())[-keep:])
        self._arrivals = live
        self._sweep_at = min(self._entries_max, max(SWEEP_LEAST, 2 * len(live)))

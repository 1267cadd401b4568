"""What the core needs from a store of limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.limits.gcra import Quota


@dataclass(frozen=True, slots=True)
class Take:
    """A cost to take from the limit under a key. Negative only in `settle`."""

    key: str
    quota: Quota
    cost: float


@dataclass(frozen=True, slots=True)
class Seats:
    """A number of holders at a time."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Verdict:
    refused: int | None
    """None: all was taken. Else the first that refused, counted through the takes and then the seats: nothing was."""
    wait_us: float = 0.0
    """Of a refused take, as `gcra.wait_for` says it; of seats 0: nobody knows when one becomes free."""
    fill_us: float = 0.0
    """Of a refused take, how full it was."""


class LimitStore(Protocol):
    """Keys are the callers' own: a store knows nothing of accounts. It may forget; it must not block or fail."""

    async def take(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> Verdict:
        """Take all of it, or nothing. `holder` keeps its seats until `settle`. Never raises; cancelling it takes
        nothing.
        """
        ...

    def settle(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> None:
        """Take costs without asking (below zero: give back), and leave seats. Returns at once, never raises."""
        ...

    def peek(self, take: Take) -> Verdict:
        """What `take` would say to this one, as far as this worker knows. Takes nothing, no I/O."""
        ...

    def fill_us(self, key: str) -> float:
        """How full a limit is, as far as this worker knows. No I/O."""
        ...

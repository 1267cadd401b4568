"""What every worker must hear of: a commit that touches a cached thing says so, and workers follow.

One mechanism for revoked keys, suspended accounts, prices and aliases. A worker that has heard nothing for more than
`TRUST_S` distrusts its caches, so a change is effective everywhere within that time, come what may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

POLL_INTERVAL_S = 0.5
TRUST_S = 2.0
LOOK_BACK = 256
"""Changes read again at each poll: another transaction may commit a lower number later. More than so many commits
between a number's birth and its commit would take a transaction of minutes."""


class ChangeKind(StrEnum):
    KEY = "key"
    ACCOUNT = "account"
    SESSION = "session"
    MODEL = "model"
    """An alias of a local model, or what it stands for."""


@dataclass(frozen=True, slots=True)
class Change:
    seq: int
    kind: str
    id: str


class ChangeFeed(Protocol):
    async def changes_after(self, seq: int) -> Sequence[Change]:
        """Committed changes of a higher number, in order."""
        ...

    async def last_seq(self) -> int: ...


class ChangeFollower:
    """Tells the caches of one worker what changed. `run` is owned by the worker."""

    def __init__(
        self,
        feed: ChangeFeed,
        forget: Mapping[str, Callable[[str], None]],
        confirm: Callable[[], None],
        report: Callable[[BaseException], None],
    ) -> None:
        self._feed = feed
        self._forget = forget
        """By kind of change: drops what is cached of an id."""
        self._confirm = confirm
        """Called after each successful poll: the caches were up to date a moment ago."""
        self._report = report
        self._seen: dict[int, None] = {}
        self._floor = 0

    async def start(self) -> None:
        """Begin behind everything that is committed now: nothing is cached yet.

        What is not committed yet may have a lower number, so it is looked for among the last ones, as at each poll.
        """
        self._floor = max(0, await self._feed.last_seq() - LOOK_BACK)
        self._seen = dict.fromkeys(change.seq for change in await self._feed.changes_after(self._floor))
        self._confirm()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            try:
                await self.poll()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next poll may succeed
                self._report(error)  # the caches distrust themselves meanwhile

    async def poll(self) -> None:
        for change in await self._feed.changes_after(self._floor):
            if change.seq in self._seen:
                continue
            self._seen[change.seq] = None
            forget = self._forget.get(change.kind)
            if forget is not None:
                forget(change.id)
        while len(self._seen) > LOOK_BACK:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._floor = max(self._floor, oldest)
        self._confirm()

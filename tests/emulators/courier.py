"""Webhooks as providers send them: signed by the emulator, tried again on its schedule, and bent by a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from raseed.core.clock import SECOND, Clock, Microseconds

TIMEOUT_S = 10.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """What happens to one event on its way."""

    drop: bool = False
    """It never comes, as if all tries had failed."""
    copies: int = 1
    delay_s: float = 0.0
    alter: Callable[[bytes], bytes] | None = None
    """Done to the bytes after they were signed: a forgery."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way."""

    due: Microseconds
    headers: Mapping[str, str]
    body: bytes
    tries: int = 0


@dataclass
class Courier:
    """Sends what is due when `deliver` is called; `run` calls it for a server that stands alone."""

    clock: Clock
    retry_after_s: Sequence[float]
    """Waits between tries: one more try than there are waits."""
    url: str = ""
    """Where to; empty: the operator has set up no webhook, and events are lost."""
    is_taken: Callable[[int], bool] = lambda status: 200 <= status < 300
    """Which status ends the tries."""
    bends: list[Bend] = field(default_factory=list)
    """For the next events, one for each."""
    posted: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    """Headers and body of every event as it was signed, in the order of what happened, delivered or not."""
    waiting: list[Delivery] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """The status of each try; 0 if there was none."""
    lost: list[Delivery] = field(default_factory=list)
    """Events whose tries are used up: they never come."""

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        headers = {"Content-Type": "application/json", **headers}
        self.posted.append((headers, body))
        bend = self.bends.pop(0) if self.bends else Bend()
        if not self.url or bend.drop:
            return
        due = Microseconds(self.clock.now() + round(bend.delay_s * SECOND))
        sent = bend.alter(body) if bend.alter else body
        self.waiting += [Delivery(due=due, headers=headers, body=sent) for _ in range(bend.copies)]

    async def deliver(self, *, is_reversed: bool = False) -> list[int]:
        """One try of everything that is due, the newest first if `is_reversed`. Returns the statuses."""
        now = self.clock.now()
        due = [delivery for delivery in self.waiting if delivery.due <= now]
        self.waiting = [delivery for delivery in self.waiting if delivery.due > now]
        if not due:
            return []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            return [
                await self._try(session, delivery) for delivery in (reversed(due) if is_reversed else due)
            ]

    async def _try(self, session: aiohttp.ClientSession, delivery: Delivery) -> int:
        try:
            async with session.post(
                self.url, data=delivery.body, headers=delivery.headers, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.answers.append(status)
        delivery.tries += 1
        if self.is_taken(status):
            return status
        if delivery.tries > len(self.retry_after_s):
            self.lost.append(delivery)
            return status
        wait_s = self.retry_after_s[delivery.tries - 1]
        delivery.due = Microseconds(self.clock.now() + round(wait_s * SECOND))
        self.waiting.append(delivery)
        return status

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.deliver()
            await asyncio.sleep(POLL_S)

"""Commands that wait for the next batch. What comes while one batch is under way is the next one: nothing waits for a
timer, and a lone request pays for one commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.core.billing.commands import Command, Result

BATCH_COMMANDS_MAX = 64
"""Commands in one transaction: a few milliseconds of the event loop and of the accounts' locks."""
QUEUE_COMMANDS_MAX = 2_048
"""Commands that may wait: about a fifth of a second of work. Beyond that the database is stuck, and a caller is better
told so than kept."""


@dataclass(slots=True, eq=False)
class Waiting:
    """Commands of one caller that are committed together."""

    commands: Sequence[Command]
    give_up_at: float
    """By the event loop's clock."""
    done: asyncio.Future[list[Result]]


class CommandQueue:
    """Used on one event loop: any number of callers, one taker."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting: deque[Waiting] = deque()
        self._count = 0
        self._wake = asyncio.Event()
        self._closing = False

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Returns when the commands, at most a batch, are durable. They are done also if the caller is cancelled.

        Raises DatabaseUnavailable.
        """
        if self._closing:
            raise DatabaseUnavailable("the database is closing")
        if self._count + len(commands) > QUEUE_COMMANDS_MAX:
            raise DatabaseUnavailable(f"{self._count} commands are waiting already")
        loop = asyncio.get_running_loop()
        waiting = Waiting(commands, loop.time() + self._patience_s, loop.create_future())
        self._waiting.append(waiting)
        self._count += len(commands)
        self._wake.set()
        return await waiting.done

    async def take(self) -> list[Waiting]:
        """The next batch, at most `BATCH_COMMANDS_MAX` commands. Empty when closing and nothing is left."""
        while not self._waiting:
            if self._closing:
                return []
            self._wake.clear()
            await self._wake.wait()
        batch: list[Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].commands) <= BATCH_COMMANDS_MAX):
            size += len(self._waiting[0].commands)
            batch.append(self._waiting.popleft())
        self._count -= size
        return batch

    def close(self) -> None:
        """Take what is there, refuse what comes."""
        self._closing = True
        self._wake.set()

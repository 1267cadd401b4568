"""Sends codes at once, out of a bounded queue of the worker: whoever asked does not wait, and nothing is stored.

What is lost when a worker dies is asked for again: a code is worth minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from raseed.core.messaging.ports import Message, MessagingError, Messenger, Undeliverable

Report = Callable[[Message, Exception], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressLimits:
    queue_max: int = 256
    """Messages that wait; more are refused. At a second each and eight at a time that is half a minute of sending."""
    senders: int = 8
    """Messages on their way to a driver at a time."""
    wait_s: float = 60.0
    """Longest time a message may lie in the queue: later the code that it carries would be asked for again."""


DEFAULT_LIMITS = ExpressLimits()


async def send_first(messenger: Messenger, messages: tuple[Message, ...]) -> str:
    """Send the first of these messages that can be delivered; they say the same on different channels.

    Raises what the last attempt raised. Only `Undeliverable` leads on to the next one: what may have been sent is not
    sent again elsewhere.
    """
    for message in messages[:-1]:
        try:
            return await messenger.send(message)
        except Undeliverable:
            continue
    return await messenger.send(messages[-1])


class ExpressQueue:
    """`run` is owned by the worker; `post` never waits."""

    def __init__(self, messenger: Messenger, report: Report, limits: ExpressLimits = DEFAULT_LIMITS) -> None:
        self._messenger = messenger
        self._report = report
        self._limits = limits
        self._waiting: asyncio.Queue[tuple[float, tuple[Message, ...]]] = asyncio.Queue(limits.queue_max)

    def post(self, *messages: Message) -> bool:
        """Queue one message, and what to send instead if it cannot be delivered. False if the queue is full."""
        if not messages:
            raise ValueError("nothing to send")
        try:
            self._waiting.put_nowait((asyncio.get_running_loop().time(), messages))
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """For ever. Messages that fail are reported and dropped: a code is never sent a second time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._limits.senders):
                group.create_task(self._send_for_ever())

    async def _send_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            posted_at, messages = await self._waiting.get()
            if loop.time() - posted_at > self._limits.wait_s:
                self._report(messages[0], MessagingError("waited too long to be sent"))
                continue
            try:
                await send_first(self._messenger, messages)
            except Exception as error:  # noqa: BLE001 - a driver that breaks must not take the worker with it
                self._report(messages[0], error)

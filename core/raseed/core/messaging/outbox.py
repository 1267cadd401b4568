"""The outbox: notices that are to be sent, and the job that sends them.

A notice is written in the transaction of its cause and sent afterwards, at least once: whoever dies between sending and
writing that down leaves a notice that is sent once more when its lease is over. What fails is tried again with growing
pauses, and in the end is failed, where operators see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.clock import HOUR, MINUTE, SECOND, Microseconds
from raseed.core.ids import AccountId
from raseed.core.jobs import Job
from raseed.core.messaging.notices import NOTICE_TYPES, NoticeKind
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessagingError,
    Messenger,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

PAUSES_US = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR)
"""After each attempt that failed, the least wait for the next. Together eleven hours: a night without the provider."""
ATTEMPTS_MAX = len(PAUSES_US) + 1
SEND_S = 75.0
"""Longest time for one notice on all its channels; drivers end before."""
LEASE_S = 180
"""A notice that somebody began to send is sent by others after this: more than the time for sending and writing."""
SENDING_MAX = 8
"""Notices on their way at a time, from each worker."""
FINISH_S = 3.0
"""When the worker stops, longest wait for notices that are on their way."""
OUTBOX_INTERVAL_S = 2.0
OUTBOX_ROUND_S = 600.0
KEPT_DAYS = 90
"""How long ended notices are kept. Each cause is told once within this time."""
PURGE_INTERVAL_S = 600.0
PURGE_MAX = 200
"""Notices that one transaction removes."""


class NoticeState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Delivery(StrEnum):
    """What a provider says of a message that it had accepted, in the order in which it happens."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotice:
    """A notice that the job has claimed, with where its receiver can be reached now."""

    id: str
    kind: NoticeKind
    account_id: AccountId | None
    parameters: Mapping[str, str] = field(repr=False)
    attempt: int
    """From 1."""
    addresses: Mapping[Channel, str] = field(repr=False)
    """Of the account; none for notices to operators."""
    language: Language | None
    """None: the profile's."""
    beyond: Channel | None
    """The channel that turned out to reach nobody after it had accepted this notice: it goes on behind that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """A notice as operators see it."""

    id: str
    kind: str
    account_id: AccountId | None
    cause: str
    state: NoticeState
    attempts: int
    error: str
    created_at: Microseconds
    ended_at: Microseconds | None


class Outbox(Protocol):
    """Every method may raise `DatabaseUnavailable` of its store; all are safe to repeat."""

    async def claim(self, limit: int, lease_us: int) -> Sequence[DueNotice]:
        """Notices that are due, the longest due first, for nobody else until the lease is over."""
        ...

    async def mark_sent(self, due: DueNotice, channel: Channel | None, provider_id: str) -> None: ...

    async def postpone(self, due: DueNotice, pause_us: int, error: str) -> None: ...

    async def mark_failed(self, due: DueNotice, error: str) -> None: ...

    async def record_delivery(self, provider_id: str, delivery: Delivery, *, is_undeliverable: bool) -> bool:
        """What a provider reported, in any order and any number of times: only what is new is kept.

        An undeliverable one is due again, on its next channel. False if nothing was sent under this id.
        """
        ...

    async def failed(self, after: str, limit: int) -> Sequence[OutboxEntry]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def retry(self, notice_id: str) -> bool:
        """Make a failed one due now, with all its attempts. False if it is not failed."""
        ...

    async def purge(self, limit: int) -> int:
        """Remove those that ended long ago; how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Where notices go."""

    channels: tuple[Channel, ...]
    """In order of preference: the next one is for whom the ones before cannot reach."""
    language: Language
    """Of accounts that did not choose one, and of operators."""
    operators: Mapping[Channel, str] = field(default_factory=dict, repr=False)
    """Where notices to operators go, by preference."""


class Courier:
    """Sends what is due in the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        messenger: Messenger,
        routing: Routing,
        report: Callable[[DueNotice, Exception], None],
    ) -> None:
        self._outbox = outbox
        self._messenger = messenger
        self._routing = routing
        self._report = report
        """Called for each failure, also for those that are tried again."""

    def job(self) -> Job:
        """Several workers may run it: each notice is claimed by one of them."""
        return Job(
            name="send notices", batch=self.batch, interval_s=OUTBOX_INTERVAL_S, round_s=OUTBOX_ROUND_S
        )

    async def batch(self) -> bool:
        """Whether there may be more."""
        claimed = await self._outbox.claim(SENDING_MAX, LEASE_S * SECOND)
        sending = [asyncio.create_task(self._send(due), name=f"send {due.id}") for due in claimed]
        try:
            if sending:
                await asyncio.wait(sending)
        except asyncio.CancelledError:
            # What is on its way is written down if that goes quickly: else it would be sent again.
            await asyncio.wait(sending, timeout=FINISH_S)
            raise
        finally:
            for task in sending:
                task.cancel()
        for task in sending:
            task.result()
        return len(claimed) == SENDING_MAX

    async def _send(self, due: DueNotice) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                channel, provider_id = await self._send_somewhere(due)
        except Undeliverable as error:
            self._report(due, error)
            await self._outbox.mark_failed(due, str(error))
        except (MessengerBusy, MessengerMisconfigured) as error:
            await self._try_later(due, error, str(error))
        except TimeoutError as error:
            await self._try_later(due, error, "the driver did not answer in time")
        except Exception as error:  # noqa: BLE001 - a driver that breaks: its text may hold an address
            await self._try_later(due, error, f"the driver broke: {type(error).__name__}")
        else:
            await self._outbox.mark_sent(due, channel, provider_id)

    async def _send_somewhere(self, due: DueNotice) -> tuple[Channel, str]:
        """Only who cannot be reached on one channel is tried on the next: what may have arrived is not sent twice."""
        last: MessagingError = Undeliverable("there is no address to send it to")
        for channel, address in self._ways(due):
            message = Message(
                channel=channel,
                to=address,
                language=due.language or self._routing.language,
                template=due.kind,
                parameters=due.parameters,
                id=due.id,
            )
            try:
                return channel, await self._messenger.send(message)
            except Undeliverable as error:
                last = error
        raise last

    def _ways(self, due: DueNotice) -> list[tuple[Channel, str]]:
        if NOTICE_TYPES[due.kind].is_for_operators:
            ways = list(self._routing.operators.items())
        else:
            channels = [channel for channel in self._routing.channels if channel in due.addresses]
            ways = [(channel, due.addresses[channel]) for channel in channels]
        tried = next((number for number, (channel, _) in enumerate(ways) if channel == due.beyond), -1)
        return ways[tried + 1 :]

    async def _try_later(self, due: DueNotice, error: Exception, text: str) -> None:
        self._report(due, error)
        if due.attempt >= ATTEMPTS_MAX:
            await self._outbox.mark_failed(due, text)
            return
        asked_us = int((getattr(error, "retry_after_s", None) or 0) * SECOND)
        longest_us = PAUSES_US[-1]
        pause_us = max(PAUSES_US[due.attempt - 1], min(asked_us, longest_us))
        await self._outbox.postpone(due, pause_us, text)


def purge_notices_job(outbox: Outbox) -> Job:
    async def batch() -> bool:
        return await outbox.purge(PURGE_MAX) == PURGE_MAX

    return Job(name="purge notices", batch=batch, interval_s=PURGE_INTERVAL_S, round_s=OUTBOX_ROUND_S)

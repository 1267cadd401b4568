"""The inbox: what providers told us, kept as it came, and the job that brings the payments in line that it is about.

An event is written down once, whatever the provider repeats, and answered before anything follows from it. It is worked
off afterwards, at least once: it only says which payment to look at, so doing that twice changes nothing. What fails is
tried again with growing pauses, and in the end is dead, where operators see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, MINUTE, SECOND, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.jobs import Job
from raseed.core.payments.model import Mode, Payment
from raseed.core.payments.ports import Event, EventKind, GatewayError, GatewayUnavailable

PAUSES_US = (
    5 * SECOND,
    15 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
)
"""After each try that failed, the least wait for the next. The first ones are for what arrives before the row it is about;
together eleven hours: a night without the provider."""
TRIES_MAX = len(PAUSES_US) + 1
HANDLE_S = 60.0
"""Longest time for one event: two or three calls to the provider."""
LEASE_S = 180
"""An event that somebody began to handle is handled by others after this: more than the time for handling and writing."""
HANDLING_MAX = 8
"""Events that are being handled at a time, by each worker. Providers limit how often they are asked."""
FINISH_S = 3.0
"""When the worker stops, longest wait for events that are being handled."""
INTERVAL_S = 1.0
"""A buyer who comes back looks at his balance at once."""
ROUND_S = 600.0
BODY_DAYS = 90
"""How long bodies and signatures are kept: as long as a buyer's bank usually takes to ask. The event itself stays for ever,
so that its repetition is known for one."""
EMPTY_INTERVAL_S = 600.0
EMPTY_MAX = 200
"""Bodies that one transaction empties."""


class EventState(StrEnum):
    NEW = "new"
    """To be worked off, or being worked off."""
    DONE = "done"
    IGNORED = "ignored"
    """Nothing follows from it, or it is about nothing that we know."""
    DEAD = "dead"
    """It could not be worked off: operators decide whether to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event as it came, with what it is about."""

    provider: PaymentProvider
    event: Event
    headers: Mapping[str, str] = field(repr=False)
    """Those of the provider's own: the signature, and how it is made."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEvent:
    """An event that the job has claimed."""

    id: str
    provider: PaymentProvider
    event: Event
    attempt: int
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """An event as operators see it."""

    id: str
    provider: PaymentProvider
    event: Event
    state: EventState
    attempts: int
    error: str
    """Of the last try; for operators."""
    payment_id: PaymentId | None
    """What it was found to be about."""
    received_at: Microseconds
    ended_at: Microseconds | None


class Inbox(Protocol):
    """Every method is one transaction and may raise `DatabaseUnavailable` of its store; all are safe to repeat."""

    async def add(self, delivery: Delivery) -> bool:
        """Keep it for ever. False: this event, by provider, mode and key, is there already."""
        ...

    async def claim(self, limit: int, lease_us: int) -> Sequence[DueEvent]:
        """Events that are due, the longest due first, for nobody else until the lease is over."""
        ...

    async def end(
        self, due: DueEvent, state: EventState, *, payment_id: PaymentId | None = None, error: str = ""
    ) -> None:
        """It needs nothing more. A dead one is told to the operators in the same transaction."""
        ...

    async def postpone(self, due: DueEvent, pause_us: int, error: str) -> None: ...

    async def events(self, state: EventState | None, after: str, limit: int) -> Sequence[InboxEntry]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page. None: in any state."""
        ...

    async def retry(self, event_id: str, actor: str) -> bool:
        """Make a dead or ignored one due now, with all its tries, and write that into the audit log. False if it is neither."""
        ...

    async def empty_bodies(self, limit: int) -> int:
        """Forget bodies and signatures that are older than `BODY_DAYS`; how many."""
        ...


class PaymentFinder(Protocol):
    """The part of `PaymentStore` that tells which payment is meant."""

    async def payment(self, payment_id: PaymentId) -> Payment | None: ...

    async def find(
        self, provider: PaymentProvider, mode: Mode, *, invoice_id: str = "", provider_payment_id: str = ""
    ) -> Payment | None: ...


Settle = Callable[[PaymentId, str], Awaitable[object]]
"""Bring a payment in line with what its provider says of it, or of the order that an event names. Safe to repeat."""
FollowSubscription = Callable[[PaymentProvider, Event], Awaitable[bool]]
"""Bring a subscription in line with what its provider says. False: we have none of that. Safe to repeat."""
Report = Callable[[DueEvent, EventState, str], None]
"""Called for every try that failed, with the state that the event is in then, and why."""


class InboxWorker:
    """Works off what is due in the inbox."""

    def __init__(
        self,
        inbox: Inbox,
        payments: PaymentFinder,
        settle: Settle,
        follow_subscription: FollowSubscription,
        report: Report,
    ) -> None:
        self._inbox = inbox
        self._payments = payments
        self._settle = settle
        self._follow_subscription = follow_subscription
        self._report = report

    def job(self) -> Job:
        """Several workers may run it: each event is claimed by one of them."""
        return Job(name="work off payment events", batch=self.batch, interval_s=INTERVAL_S, round_s=ROUND_S)

    async def batch(self) -> bool:
        """Whether there may be more."""
        claimed = await self._inbox.claim(HANDLING_MAX, LEASE_S * SECOND)
        handling = [asyncio.create_task(self._handle(due), name=f"handle {due.id}") for due in claimed]
        try:
            if handling:
                await asyncio.wait(handling)
        except asyncio.CancelledError:
            await asyncio.wait(handling, timeout=FINISH_S)
            raise
        finally:
            for task in handling:
                task.cancel()
        for task in handling:
            task.result()
        return len(claimed) == HANDLING_MAX

    async def _handle(self, due: DueEvent) -> None:
        if due.event.kind is EventKind.OTHER:
            await self._inbox.end(due, EventState.IGNORED)
            return
        payment_id, is_known = None, False
        try:
            async with asyncio.timeout(HANDLE_S):
                payment = await self._payment_of(due)
                if payment is not None:
                    payment_id, is_known = payment.id, True
                    await self._settle(payment.id, due.event.invoice_id)
                if due.event.kind is EventKind.SUBSCRIPTION:
                    is_known = await self._follow_subscription(due.provider, due.event) or is_known
        except GatewayUnavailable as error:
            await self._fail(due, str(error), int((error.retry_after_s or 0) * SECOND))
        except GatewayError as error:
            await self._fail(due, str(error))
        except TimeoutError:
            await self._fail(due, "it took too long")
        except Exception as error:  # noqa: BLE001 - whatever breaks: its text may hold what is nobody's business
            await self._fail(due, f"it broke: {type(error).__name__}")
        else:
            if is_known:
                await self._inbox.end(due, EventState.DONE, payment_id=payment_id)
            else:
                await self._fail(due, "it is about nothing that we know", last=EventState.IGNORED)

    async def _payment_of(self, due: DueEvent) -> Payment | None:
        """The order that is meant, of this provider and in this mode: else somebody else's order could be named."""
        event, of = due.event, (due.provider, due.event.mode)
        if event.reference:
            found = await self._payments.payment(PaymentId(event.reference))
            if found is not None and (found.provider, found.mode) == of:
                return found
        if event.invoice_id and (found := await self._payments.find(*of, invoice_id=event.invoice_id)):
            return found
        if event.provider_payment_id:
            return await self._payments.find(*of, provider_payment_id=event.provider_payment_id)
        return None

    async def _fail(
        self, due: DueEvent, why: str, asked_us: int = 0, *, last: EventState = EventState.DEAD
    ) -> None:
        if due.attempt >= TRIES_MAX:
            await self._inbox.end(due, last, error=why)
            self._report(due, last, why)
            return
        await self._inbox.postpone(due, max(PAUSES_US[due.attempt - 1], min(asked_us, PAUSES_US[-1])), why)
        self._report(due, EventState.NEW, why)


def empty_bodies_job(inbox: Inbox) -> Job:
    async def batch() -> bool:
        return await inbox.empty_bodies(EMPTY_MAX) == EMPTY_MAX

    return Job(name="empty payment events", batch=batch, interval_s=EMPTY_INTERVAL_S, round_s=ROUND_S)

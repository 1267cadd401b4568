"""Notices to every active account: changed terms and prices. Written down once, put into the outbox by a job, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from raseed.core.admin.audit import AuditStore
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import Policy
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import new_id
from raseed.core.jobs import Job
from raseed.core.messaging.notices import NoticeKind
from raseed.core.messaging.outbox import Outbox, OutboxEntry

KINDS = (NoticeKind.TERMS_CHANGED, NoticeKind.PRICE_CHANGED)
VERSION_CHARS_MAX = 64
BROADCAST_INTERVAL_S = 5.0
BROADCAST_ACCOUNTS_MAX = 100
"""Accounts of one transaction: a few milliseconds of SQLite's writer."""
BROADCAST_ROUND_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    id: str
    kind: NoticeKind
    version: str
    begins_on: str
    """A day, `2026-05-01`."""
    actor: str
    created_at: Microseconds
    account_count: int
    """Accounts whose notices are in the outbox."""
    ended_at: Microseconds | None
    """None: there are accounts to come."""


class BroadcastStore(Protocol):
    async def add(self, broadcast: Broadcast) -> Broadcast:
        """With its audit row. One of this kind and version that is there already is answered instead."""
        ...

    async def list(self, after: str, limit: int) -> Sequence[Broadcast]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def advance(self, limit: int) -> bool:
        """Put the notices of the next active accounts into the outbox, at most so many. Whether any may be left that can
        go now: while many wait to be sent, none are added.

        Safe to repeat, to cancel, and to run in several places at once.
        """
        ...


class BroadcastService:
    def __init__(
        self,
        store: BroadcastStore,
        outbox: Outbox,
        audit: AuditStore,
        policy: Policy,
        calendar: Calendar,
        clock: Clock,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._audit = audit
        self._policy = policy
        self._calendar = calendar
        self._clock = clock

    async def send(self, kind: str, *, version: str, begins_on: str, actor: str) -> Broadcast:
        """To every account that is active when its turn comes, once for each version. Safe to repeat.

        Of prices the version is one of the profile's, which says itself when it begins. Raises RequestInvalid.
        """
        if kind not in KINDS:
            raise RequestInvalid(f"Unknown notice {kind!r}; known: {', '.join(KINDS)}.", param="kind")
        if not 0 < len(version) <= VERSION_CHARS_MAX or not version.isprintable():
            raise RequestInvalid(
                f"A version has 1 to {VERSION_CHARS_MAX} printable characters.", param="version"
            )
        day = self._price_day(version, begins_on) if kind == NoticeKind.PRICE_CHANGED else _day(begins_on)
        return await self._store.add(
            Broadcast(
                id=new_id("bcast"),
                kind=NoticeKind(kind),
                version=version,
                begins_on=day.isoformat(),
                actor=actor,
                created_at=self._clock.now(),
                account_count=0,
                ended_at=None,
            )
        )

    async def list(self, after: str, limit: int) -> Sequence[Broadcast]:
        """Newest first."""
        return await self._store.list(after, limit)

    async def failed(self, after: str, limit: int) -> Sequence[OutboxEntry]:
        """Notices that could not be sent, newest first."""
        return await self._outbox.failed(after, limit)

    async def retry(self, notice_id: str, *, actor: str) -> None:
        """Try a notice that failed again. Raises NotFound."""
        if not await self._outbox.retry(notice_id):
            raise NotFound(f"There is no failed notice {notice_id!r}.", metadata={"notice": notice_id})
        await self._audit.record(actor, "notice.retry", notice_id, "")

    def _price_day(self, version: str, begins_on: str) -> date:
        for prices in self._policy.prices.lists:
            if prices.version == version:
                day = self._calendar.day_of(prices.effective_at)
                if begins_on and begins_on != day.isoformat():
                    raise RequestInvalid(f"These prices begin on {day}.", param="begins_on")
                return day
        known = ", ".join(prices.version for prices in self._policy.prices.lists)
        raise RequestInvalid(f"There is no price list {version!r}; known: {known}.", param="version")


def broadcast_job(store: BroadcastStore, accounts_max: int = BROADCAST_ACCOUNTS_MAX) -> Job:
    async def batch() -> bool:
        return await store.advance(accounts_max)

    return Job(
        name="broadcast notices", batch=batch, interval_s=BROADCAST_INTERVAL_S, round_s=BROADCAST_ROUND_S
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RequestInvalid("A day is written as 2026-05-01.", param="begins_on") from error

"""The inbox of payments in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.payments.subscription_tables import subscriptions
from raseed.adapters.sql.payments.tables import payment_events, payments
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.ids import AccountId, PaymentId, new_id
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.payments.inbox import (
    BODY_DAYS,
    TRIES_MAX,
    Delivery,
    DueEvent,
    EventState,
    InboxEntry,
)
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import Event, EventKind

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_NEW = payment_events.c.state == literal_column(f"'{EventState.NEW}'")
_ENDED_BADLY = payment_events.c.state.in_([EventState.DEAD.value, EventState.IGNORED.value])
LOST = "the workers that tried to handle it ended"
_NAMES = ("key", "name", "reference", "invoice_id", "provider_payment_id", "provider_subscription_id")


class SqlInbox:
    """Implements `core.payments.inbox.Inbox`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add(self, delivery: Delivery) -> bool:
        now, event = self._database.clock.now(), delivery.event
        row = {
            "id": new_id("evt"),
            "provider": delivery.provider.value,
            "mode": event.mode.value,
            "kind": event.kind.value,
            **{name: getattr(event, name) for name in _NAMES},
            "headers": json.dumps(dict(delivery.headers), ensure_ascii=False),
            "body": delivery.body,
            "state": EventState.NEW.value,
            "attempts": 0,
            "due_at": now,
            "error": "",
            "payment_id": "",
            "received_at": now,
            "ended_at": None,
        }

        def work(connection: Connection) -> bool:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            kept = (
                dialect.insert(payment_events)
                .values(row)
                .on_conflict_do_nothing(index_elements=["provider", "mode", "key"])
            )
            return connection.execute(kept).rowcount == 1

        return await self._database.write(work)

    async def claim(self, limit: int, lease_us: int) -> Sequence[DueEvent]:
        now = self._database.clock.now()
        due = (
            select(payment_events.c.id)
            .where(_NEW, payment_events.c.due_at <= now)
            .order_by(payment_events.c.due_at)
            .limit(limit)
        )
        if not await self._database.read(lambda connection: connection.scalars(due).all()):
            return []  # nothing is written while there is nothing to do

        def work(connection: Connection) -> list[DueEvent]:
            ids = connection.scalars(due.with_for_update(skip_locked=True)).all()
            ours = _NEW & payment_events.c.id.in_(ids)
            # Nobody came back from its last try to say what became of it: it may be what ends them.
            lost = connection.execute(
                select(payment_events).where(ours, payment_events.c.attempts >= TRIES_MAX)
            )
            for row in lost.all():
                _end(connection, _due(row), EventState.DEAD, now, "", LOST)
            connection.execute(
                update(payment_events)
                .where(ours)
                .values(due_at=now + lease_us, attempts=payment_events.c.attempts + 1)
            )
            claimed = select(payment_events).where(ours).order_by(payment_events.c.received_at)
            return [_due(row) for row in connection.execute(claimed)]

        return await self._database.write(work)

    async def end(
        self, due: DueEvent, state: EventState, *, payment_id: PaymentId | None = None, error: str = ""
    ) -> None:
        now = self._database.clock.now()
        await self._database.write(
            lambda connection: _end(connection, due, state, now, payment_id or "", error)
        )

    async def postpone(self, due: DueEvent, pause_us: int, error: str) -> None:
        later = (
            update(payment_events)
            .where(_NEW, payment_events.c.id == due.id, payment_events.c.attempts == due.attempt)
            .values(due_at=self._database.clock.now() + pause_us, error=error)
        )
        await self._database.write(lambda connection: connection.execute(later).rowcount)

    async def events(self, state: EventState | None, after: str, limit: int) -> Sequence[InboxEntry]:
        query = select(payment_events).order_by(payment_events.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(payment_events.c.state == state.value)
        if after:
            query = query.where(payment_events.c.id < after)
        return await self._database.read(
            lambda connection: [_entry(row) for row in connection.execute(query)]
        )

    async def retry(self, event_id: str, actor: str) -> bool:
        now = self._database.clock.now()
        again = (
            update(payment_events)
            .where(_ENDED_BADLY, payment_events.c.id == event_id)
            .values(state=EventState.NEW.value, ended_at=None, due_at=now, attempts=0, error="")
        )

        def work(connection: Connection) -> bool:
            if not connection.execute(again).rowcount:
                return False
            record_audit(connection, now, actor, "payment_event.retry", event_id, "")
            return True

        return await self._database.write(work)

    async def empty_bodies(self, limit: int) -> int:
        long_ago = self._database.clock.now() - BODY_DAYS * DAY
        over = (
            select(payment_events.c.id)
            .where(payment_events.c.body.is_not(None), payment_events.c.received_at <= long_ago)
            .order_by(payment_events.c.received_at)
            .limit(limit)
        )
        if not await self._database.read(lambda connection: connection.scalars(over).all()):
            return 0

        def work(connection: Connection) -> int:
            ids = connection.scalars(over).all()
            emptied = (
                update(payment_events).where(payment_events.c.id.in_(ids)).values(body=None, headers=None)
            )
            return connection.execute(emptied).rowcount if ids else 0

        return await self._database.write(work)


def forget_bodies(connection: Connection, account_id: AccountId) -> None:
    """Of events about an account's payments: they name the buyer. That there was an event, stays."""
    own = select(payments).where(payments.c.account_id == account_id).subquery()
    plans = select(subscriptions.c.provider_subscription_id).where(
        subscriptions.c.account_id == account_id, subscriptions.c.provider_subscription_id != ""
    )
    is_about = or_(
        payment_events.c.payment_id.in_(select(own.c.id)),
        payment_events.c.reference.in_(select(own.c.id)),
        payment_events.c.invoice_id.in_(select(own.c.invoice_id).where(own.c.invoice_id != "")),
        payment_events.c.provider_payment_id.in_(
            select(own.c.provider_payment_id).where(own.c.provider_payment_id != "")
        ),
        payment_events.c.provider_subscription_id.in_(plans),
    )
    # Bodies are there for some weeks: only so much is looked at.
    has_body = payment_events.c.body.is_not(None)
    connection.execute(update(payment_events).where(has_body, is_about).values(body=None, headers=None))


def _end(
    connection: Connection, due: DueEvent, state: EventState, now: Microseconds, payment_id: str, error: str
) -> None:
    which = _NEW & (payment_events.c.id == due.id)
    if state is not EventState.DONE:
        which &= payment_events.c.attempts == due.attempt  # what another worker took since may yet succeed
    ended = (
        update(payment_events)
        .where(which)
        .values(state=state.value, ended_at=now, payment_id=payment_id, error=error)
    )
    if connection.execute(ended).rowcount and state is EventState.DEAD:
        enqueue(
            connection,
            Notice(
                kind=NoticeKind.PAYMENT_EVENT_DEAD,
                account_id=None,
                # A provider that is broken for a night makes many, and one message is enough to look at the list.
                cause=f"{due.provider}:{now // HOUR}",
                parameters={"provider": due.provider.value, "event": due.id},
            ),
            now,
        )


def _event(row: Row[Any]) -> Event:
    return Event(
        kind=EventKind(row.kind), mode=Mode(row.mode), **{name: getattr(row, name) for name in _NAMES}
    )


def _due(row: Row[Any]) -> DueEvent:
    return DueEvent(
        id=row.id, provider=PaymentProvider(row.provider), event=_event(row), attempt=row.attempts
    )


def _entry(row: Row[Any]) -> InboxEntry:
    return InboxEntry(
        id=row.id,
        provider=PaymentProvider(row.provider),
        event=_event(row),
        state=EventState(row.state),
        attempts=row.attempts,
        error=row.error,
        payment_id=PaymentId(row.payment_id) if row.payment_id else None,
        received_at=row.received_at,
        ended_at=row.ended_at,
    )

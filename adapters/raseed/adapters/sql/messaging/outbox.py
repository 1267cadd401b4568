"""The outbox in SQL. `enqueue` is for stores that change something: the notice commits with the change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.messaging.tables import notice_preferences, outbox
from raseed.adapters.sql.organisations.tables import memberships
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.model import AccountStatus
from raseed.core.accounts.scopes import Role
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId, new_id
from raseed.core.messaging.notices import NOTICE_TYPES, Notice, NoticeKind
from raseed.core.messaging.outbox import (
    ATTEMPTS_MAX,
    KEPT_DAYS,
    Delivery,
    DueNotice,
    NoticeState,
    OutboxEntry,
)
from raseed.core.messaging.ports import Channel, Language

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_PENDING = outbox.c.state == literal_column(f"'{NoticeState.PENDING}'")
_FAILED = outbox.c.state == literal_column(f"'{NoticeState.FAILED}'")
_HAS_PROVIDER_ID = outbox.c.provider_id != literal_column("''")
LOST = "the workers that tried to send it ended"
LOOKED_AT = 500
"""Due notices, the oldest, among which each account's first goes before anybody's second: more than some accounts together
get in an hour, and few enough to sort each time."""
_KNOWN = [kind.value for kind in NoticeKind]
"""Kinds of a later version wait for it: one that cannot be read must not stop the others."""
_NEWS: Mapping[str, frozenset[Delivery]] = {
    "": frozenset(Delivery),
    Delivery.SENT: frozenset(Delivery) - {Delivery.SENT},
    Delivery.DELIVERED: frozenset({Delivery.READ}),
    Delivery.READ: frozenset(),
    Delivery.FAILED: frozenset(),
}
"""By what is known of a message: which reports say anything new. The others came late, or twice."""

_RECEIVER = func.coalesce(
    select(memberships.c.person_id)
    .where(memberships.c.organisation_id == outbox.c.account_id, memberships.c.role == Role.OWNER.value)
    .order_by(memberships.c.joined_at, memberships.c.person_id)
    .limit(1)
    .scalar_subquery(),
    outbox.c.account_id,
)
"""Who is told of it: of what is about an organisation, the one who has been its owner for longest."""


def enqueue(connection: Connection, notice: Notice, now: Microseconds) -> bool:
    """Put a notice into the transaction of its cause. False if the cause was told before, or if it is not essential and
    the account does not want to hear of it or is not active. Safe to repeat.
    """
    if not _is_wanted(connection, notice):
        return False
    row = {
        "id": new_id("ntc"),
        "key": notice.key,
        "account_id": notice.account_id,
        "kind": notice.kind.value,
        "parameters": json.dumps(dict(notice.parameters), ensure_ascii=False),
        "state": NoticeState.PENDING.value,
        "attempts": 0,
        "due_at": now,
        "channel": "",
        "provider_id": "",
        "delivery": "",
        "error": "",
        "created_at": now,
    }
    # Both dialects have it, each its own class. A key that another worker wrote a moment ago makes PostgreSQL repeat the
    # transaction, which then finds it.
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    told = dialect.insert(outbox).values(row).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(told).rowcount == 1


def _is_wanted(connection: Connection, notice: Notice) -> bool:
    if NOTICE_TYPES[notice.kind].is_essential:
        return True
    said = connection.execute(
        select(accounts.c.status, notice_preferences.c.is_wanted)
        .join_from(
            accounts,
            notice_preferences,
            and_(
                notice_preferences.c.account_id == accounts.c.id,
                notice_preferences.c.kind == notice.kind.value,
            ),
            isouter=True,
        )
        .where(accounts.c.id == notice.account_id)
    ).first()
    # Who was suspended or has gone hears of that, and not of credit that expires.
    return said is not None and said.status == AccountStatus.ACTIVE and said.is_wanted != 0


def is_full(connection: Connection, now: Microseconds, count: int) -> bool:
    """Whether so many notices are due and wait: who has many more lets them go first."""
    due = select(outbox.c.id).where(_PENDING, outbox.c.due_at <= now).limit(count)
    return len(connection.scalars(due).all()) >= count


class SqlOutbox:
    """Implements `core.messaging.outbox.Outbox`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add(self, notice: Notice) -> bool:
        """As `enqueue`, for a cause that has no transaction of its own."""
        now = self._database.clock.now()
        return await self._database.write(lambda connection: enqueue(connection, notice, now))

    async def claim(self, limit: int, lease_us: int) -> Sequence[DueNotice]:
        now = self._database.clock.now()
        oldest = (
            select(outbox.c.id, outbox.c.account_id, outbox.c.due_at)
            .where(_PENDING, outbox.c.due_at <= now, outbox.c.kind.in_(_KNOWN))
            .order_by(outbox.c.due_at)
            .limit(max(limit, LOOKED_AT))
            .subquery()
        )
        place = func.row_number().over(partition_by=oldest.c.account_id, order_by=oldest.c.due_at)
        placed = select(oldest.c.id, oldest.c.due_at, place.label("place")).subquery()
        due = (
            select(outbox.c.id)
            .join_from(outbox, placed, placed.c.id == outbox.c.id)
            .where(_PENDING, outbox.c.due_at <= now)
            .order_by(placed.c.place, placed.c.due_at)
            .limit(limit)
        )
        if not await self._database.read(lambda connection: connection.scalars(due).all()):
            return []  # nothing is written while there is nothing to do

        def work(connection: Connection) -> list[DueNotice]:
            ids = connection.scalars(due.with_for_update(of=outbox, skip_locked=True)).all()
            if not ids:
                return []
            ours = _PENDING & outbox.c.id.in_(ids)
            # Nobody came back from its last attempt to say what became of it: it may be what ends them.
            connection.execute(
                update(outbox)
                .where(ours, outbox.c.attempts >= ATTEMPTS_MAX)
                .values(state=NoticeState.FAILED.value, ended_at=now, error=LOST)
            )
            connection.execute(
                update(outbox).where(ours).values(due_at=now + lease_us, attempts=outbox.c.attempts + 1)
            )
            rows = connection.execute(
                select(outbox, accounts.c.email, accounts.c.phone_e164, accounts.c.language)
                .join_from(outbox, accounts, accounts.c.id == _RECEIVER, isouter=True)
                .where(ours)
                .order_by(outbox.c.created_at)
            )
            return [_due(row) for row in rows]

        return await self._database.write(work)

    async def mark_sent(self, due: DueNotice, channel: Channel | None, provider_id: str) -> None:
        # Whatever became of it since: it was sent.
        await self._end(
            outbox.c.id == due.id,
            state=NoticeState.SENT.value,
            channel=channel or "",
            provider_id=provider_id,
            error="",
        )

    async def mark_failed(self, due: DueNotice, error: str) -> None:
        await self._end(
            (outbox.c.id == due.id) & (outbox.c.attempts == due.attempt),
            state=NoticeState.FAILED.value,
            error=error,
        )

    async def postpone(self, due: DueNotice, pause_us: int, error: str) -> None:
        later = (
            update(outbox)
            .where(_PENDING, outbox.c.id == due.id, outbox.c.attempts == due.attempt)
            .values(due_at=self._database.clock.now() + pause_us, error=error)
        )
        await self._database.write(lambda connection: connection.execute(later).rowcount)

    async def record_delivery(self, provider_id: str, delivery: Delivery, *, is_undeliverable: bool) -> bool:
        now = self._database.clock.now()
        reported = select(outbox.c.id, outbox.c.delivery).where(
            _HAS_PROVIDER_ID, outbox.c.provider_id == provider_id
        )
        if await self._database.read(lambda connection: connection.execute(reported).first()) is None:
            return False  # most reports are of codes, which are nowhere: nothing is written for them

        def work(connection: Connection) -> bool:
            row = connection.execute(reported).first()
            if row is None:
                return False
            if delivery not in _NEWS[row.delivery]:
                return True
            values: dict[str, Any] = {"delivery": delivery.value}
            if delivery in {Delivery.DELIVERED, Delivery.READ}:
                values["parameters"] = "{}"  # nobody needs them any more
            elif delivery is Delivery.FAILED and is_undeliverable:
                values |= {
                    "state": NoticeState.PENDING.value,
                    "ended_at": None,
                    "due_at": now,
                    "attempts": 0,
                    "provider_id": "",
                    "delivery": "",
                }
            elif delivery is Delivery.FAILED:
                values |= {"state": NoticeState.FAILED.value, "error": "the provider could not deliver it"}
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(values))
            return True

        return await self._database.write(work)

    async def failed(self, after: str, limit: int) -> Sequence[OutboxEntry]:
        query = select(outbox).where(_FAILED).order_by(outbox.c.id.desc()).limit(limit)
        if after:
            query = query.where(outbox.c.id < after)
        return await self._database.read(
            lambda connection: [_entry(row) for row in connection.execute(query)]
        )

    async def retry(self, notice_id: str) -> bool:
        again = (
            update(outbox)
            .where(_FAILED, outbox.c.id == notice_id)
            .values(
                state=NoticeState.PENDING.value,
                ended_at=None,
                due_at=self._database.clock.now(),
                attempts=0,
                channel="",
                provider_id="",
                delivery="",
            )
        )
        return bool(await self._database.write(lambda connection: connection.execute(again).rowcount))

    async def purge(self, limit: int) -> int:
        long_ago = self._database.clock.now() - KEPT_DAYS * DAY
        over = (
            select(outbox.c.id).where(outbox.c.ended_at <= long_ago).order_by(outbox.c.ended_at).limit(limit)
        )

        def work(connection: Connection) -> int:
            ids = connection.scalars(over).all()
            return connection.execute(delete(outbox).where(outbox.c.id.in_(ids))).rowcount if ids else 0

        return await self._database.write(work)

    async def _end(self, which: Any, **values: Any) -> None:
        ended = update(outbox).where(_PENDING, which).values(ended_at=self._database.clock.now(), **values)
        await self._database.write(lambda connection: connection.execute(ended).rowcount)


def erase_notices(connection: Connection, account_id: AccountId) -> None:
    """Remove what was told to an account, and what is still to be told."""
    connection.execute(delete(outbox).where(outbox.c.account_id == account_id))
    connection.execute(delete(notice_preferences).where(notice_preferences.c.account_id == account_id))


def _due(row: Row[Any]) -> DueNotice:
    addresses = {Channel.WHATSAPP: row.phone_e164, Channel.EMAIL: row.email}
    return DueNotice(
        id=row.id,
        kind=NoticeKind(row.kind),
        account_id=row.account_id,
        parameters=json.loads(row.parameters),
        attempt=row.attempts,
        addresses={channel: address for channel, address in addresses.items() if address},
        language=Language(row.language) if row.language else None,
        beyond=Channel(row.channel) if row.channel else None,
    )


def _entry(row: Row[Any]) -> OutboxEntry:
    return OutboxEntry(
        id=row.id,
        kind=row.kind,
        account_id=row.account_id,
        cause=row.key.removeprefix(f"{row.kind}:"),
        state=NoticeState(row.state),
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )

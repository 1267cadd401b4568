"""What the ledger booked, for the jobs that tell people of their credit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.ledger.tables import balances, grants, ledger_tx
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.messaging.tables import refills
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import cursors
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import GrantSource, GrantStatus
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, GrantId
from raseed.core.messaging.credit_watch import (
    EXPIRY_NOTICE_US,
    Activity,
    Expiring,
    FoundGrant,
    Reading,
    Refill,
)
from raseed.core.messaging.notices import Notice

ACTIVITY, EXPIRY = "credit activity", "credit expiry"
"""The names of the cursors."""
# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_ACTIVE = grants.c.status == literal_column(f"'{GrantStatus.ACTIVE}'")
_PAST = grants.c.status != literal_column(f"'{GrantStatus.ACTIVE}'")
_NOWHERE = ""
_GIVEN = ("grant", "adjust")
"""Kinds of transactions whose `ref` may be a new grant."""


class SqlCreditFeed:
    """Implements `core.messaging.credit_watch.CreditFeed`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def activity(self, limit: int) -> Reading | None:
        return await self._database.read(lambda connection: _activity(connection, limit))

    async def expiring(
        self, calendar: Calendar, until: Microseconds, limit: int
    ) -> tuple[str, str, Sequence[Expiring]] | None:
        now = self._database.clock.now()
        return await self._database.read(
            lambda connection: _expiring(connection, calendar, now, until, limit)
        )

    async def tell(
        self,
        begin: str,
        end: str,
        notices: Sequence[Notice],
        refills: Sequence[tuple[AccountId, Refill]] | None,
    ) -> bool:
        now = self._database.clock.now()

        def work(connection: Connection) -> bool:
            if not _move(connection, EXPIRY if refills is None else ACTIVITY, begin, end):
                return False
            for account_id, refill in refills or ():
                _remember(connection, account_id, refill)
            for notice in notices:
                enqueue(connection, notice, now)
            return True

        return await self._database.write(work)


def _position(connection: Connection, name: str) -> str:
    return connection.scalar(select(cursors.c.position).where(cursors.c.name == name)) or _NOWHERE


def _move(connection: Connection, name: str, begin: str, end: str) -> bool:
    """False if the cursor is not at `begin` any more."""
    if begin == _NOWHERE:
        dialect = _dialect(connection)
        first = dialect.insert(cursors).values(name=name, position=end).on_conflict_do_nothing()
        return connection.execute(first).rowcount == 1
    moved = update(cursors).where(cursors.c.name == name, cursors.c.position == begin).values(position=end)
    return connection.execute(moved).rowcount == 1


def _remember(connection: Connection, account_id: AccountId, refill: Refill) -> None:
    values = {"grant_id": refill.grant_id, "basis_microcredits": refill.basis_microcredits}
    known = update(refills).where(refills.c.account_id == account_id).values(values)
    if connection.execute(known).rowcount == 0:
        connection.execute(insert(refills).values(account_id=account_id, **values))


def _activity(connection: Connection, limit: int) -> Reading | None:
    begin = _position(connection, ACTIVITY)
    sealed = (
        select(ledger_tx.c.chain_seq, ledger_tx.c.account_id, ledger_tx.c.kind, ledger_tx.c.ref)
        .where(ledger_tx.c.chain_seq.is_not(None), ledger_tx.c.chain_seq > int(begin or 0))
        .order_by(ledger_tx.c.chain_seq)
        .limit(limit)
    )
    rows = connection.execute(sealed).all()
    if not rows:
        return None
    given = [row.ref for row in rows if row.kind in _GIVEN]
    new: dict[AccountId, list[FoundGrant]] = defaultdict(list)
    for row in _in_parts(connection, select(grants), grants.c.id, given):
        new[row.account_id].append(_grant(row))
    ids = sorted({row.account_id for row in rows})
    remembered = {
        row.account_id: Refill(grant_id=row.grant_id, basis_microcredits=row.basis_microcredits)
        for row in _in_parts(connection, select(refills), refills.c.account_id, ids)
    }
    accounts = tuple(
        Activity(
            account_id=row.account_id,
            left_microcredits=row.available_microcredits + row.held_microcredits,
            grants=tuple(sorted(new[row.account_id], key=lambda grant: grant.id)),
            refill=remembered.get(row.account_id),
            last_grant=None
            if row.account_id in remembered or new[row.account_id]
            else _last_grant(connection, row.account_id),
        )
        for row in _in_parts(connection, select(balances), balances.c.account_id, ids)
    )
    return Reading(begin=begin, end=str(rows[-1].chain_seq), accounts=accounts)


def _in_parts(
    connection: Connection, query: Select[Any], column: Any, ids: Sequence[str]
) -> Iterable[Row[Any]]:
    """Rows by id, some hundred at a time: databases bound the parameters of a statement."""
    for start in range(0, len(ids), 200):
        yield from connection.execute(query.where(column.in_(ids[start : start + 200])))


def _last_grant(connection: Connection, account_id: AccountId) -> FoundGrant | None:
    """Found through the two partial indexes, however many grants there are."""
    found = [
        row
        for part in (_ACTIVE, _PAST)
        for row in connection.execute(
            select(grants)
            .where(grants.c.account_id == account_id, part, grants.c.source != GrantSource.RESTORE.value)
            .order_by(grants.c.id.desc())
            .limit(1)
        )
    ]
    return _grant(max(found, key=lambda row: str(row.id))) if found else None


def _expiring(
    connection: Connection, calendar: Calendar, now: Microseconds, until: Microseconds, limit: int
) -> tuple[str, str, Sequence[Expiring]] | None:
    begin = _position(connection, EXPIRY)
    at, _, grant_id = begin.partition(":")
    columns = grants.c
    ends = _ACTIVE & columns.expires_at.is_not(None)
    is_long_lived = columns.created_at <= columns.expires_at - EXPIRY_NOTICE_US
    query = (
        select(columns.id, columns.account_id, columns.expires_at)
        .where(ends, is_long_lived, columns.expires_at > now, columns.expires_at <= until)
        .order_by(columns.expires_at, columns.id)
        .limit(limit)
    )
    if begin:
        query = query.where(
            or_(
                columns.expires_at > int(at),
                (columns.expires_at == int(at)) & (columns.id > grant_id),
            )
        )
    rows = connection.execute(query).all()
    if not rows:
        return None
    days = sorted({(row.account_id, calendar.day_of(row.expires_at)) for row in rows})
    credit = [
        Expiring(
            account_id=account_id,
            day=day,
            left_microcredits=connection.scalar(
                select(func.sum(columns.remaining_microcredits)).where(
                    ends,
                    is_long_lived,
                    columns.account_id == account_id,
                    columns.expires_at >= max(calendar.begin(day), now + 1),
                    columns.expires_at < calendar.end(day),
                )
            )
            or 0,
        )
        for account_id, day in days
    ]
    return begin, f"{rows[-1].expires_at}:{rows[-1].id}", credit


def _grant(row: Row[Any]) -> FoundGrant:
    return FoundGrant(
        id=GrantId(row.id),
        source=GrantSource(row.source),
        amount_microcredits=row.amount_microcredits,
        paid_minor=row.cost_basis_minor,
        currency=row.currency,
        created_at=row.created_at,
        key=row.grant_key,
    )


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite

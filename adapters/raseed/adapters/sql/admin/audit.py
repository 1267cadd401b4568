"""The audit log in SQL: rows that stay, details that may be erased, and the chain over the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.hash_chain import Chained, broken_links, chain_head
from raseed.adapters.sql.ledger.verify import allow_minutes
from raseed.adapters.sql.payments.tables import payments
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.admin.audit import (
    DETAIL_CHARS_MAX,
    VIOLATIONS_MAX,
    AuditEntry,
    AuditFilter,
    AuditRow,
    AuditVerification,
    digest,
    link,
    new_salt,
)
from raseed.core.chain import NO_LINKS, ChainHead
from raseed.core.clock import Microseconds

ERASE = "account.erase"
"""The action of the row that says why details are gone."""
_PAGE = 2_000
_WITH_DETAILS = select(audit_log, audit_details.c.salt, audit_details.c.detail).join_from(
    audit_log, audit_details, audit_details.c.seq == audit_log.c.seq, isouter=True
)


def record_audit(
    connection: Connection, at: Microseconds, actor: str, action: str, subject: str, detail: str
) -> None:
    """One row of the audit log, in the transaction of what it tells of.

    Actor and subject are ids: they cannot be erased. What could name a person belongs into the detail, which can.
    """
    kept, salt = detail[:DETAIL_CHARS_MAX], new_salt()
    made = connection.execute(
        insert(audit_log).values(
            at=at, actor=actor, action=action, subject=subject, detail_digest=digest(salt, kept)
        )
    )
    [seq] = made.inserted_primary_key or (None,)
    connection.execute(insert(audit_details).values(seq=seq, salt=salt, detail=kept))


def erase_details(connection: Connection, ids: Sequence[str]) -> int:
    """Forget the details of every row about one of these ids, or of what one of them did; how many they were."""
    concerned = select(audit_log.c.seq).where(or_(audit_log.c.subject.in_(ids), audit_log.c.actor.in_(ids)))
    return connection.execute(delete(audit_details).where(audit_details.c.seq.in_(concerned))).rowcount


class SqlAuditStore:
    """Implements `core.admin.audit.AuditStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def find(self, which: AuditFilter, before: int | None, limit: int) -> Sequence[AuditEntry]:
        query = _WITH_DETAILS.order_by(audit_log.c.seq.desc()).limit(limit)
        for column, wanted in (
            (audit_log.c.actor, which.actor),
            (audit_log.c.action, which.action),
            (audit_log.c.subject, which.subject),
        ):
            if wanted:
                query = query.where(column == wanted)
        if which.begin is not None:
            query = query.where(audit_log.c.at >= which.begin)
        if which.end is not None:
            query = query.where(audit_log.c.at < which.end)
        if before is not None:
            query = query.where(audit_log.c.seq < before)
        return await self._database.read(
            lambda connection: [_entry(row) for row in connection.execute(query)]
        )

    async def record(self, actor: str, action: str, subject: str, detail: str, *, once: bool = False) -> None:
        now = self._database.clock.now()
        same = _WITH_DETAILS.where(
            audit_log.c.subject == subject, audit_log.c.action == action, audit_details.c.detail == detail
        )

        def work(connection: Connection) -> None:
            if not once or connection.execute(same.limit(1)).first() is None:
                record_audit(connection, now, actor, action, subject, detail)

        await self._database.write(work)

    async def verify(self, since: bytes | None) -> AuditVerification:
        return await self._database.read(lambda connection: _verify(connection, since))


def _verify(connection: Connection, since: bytes | None) -> AuditVerification:
    allow_minutes(connection)
    start = NO_LINKS if since is None else _before(connection, since)
    head = chain_head(connection, audit_log).hash
    if start is None:
        missing = (0, "no link has the head that was written down: the chain was cut off or made anew")
        return AuditVerification(
            violations=(missing,), row_count=0, unsealed_count=0, erased_count=0, head=head
        )
    behind = (audit_log.c.chain_seq > start.seq) | audit_log.c.chain_seq.is_(None)
    row_count, unsealed_count, detail_count = connection.execute(
        select(
            func.count(),
            func.count().filter(audit_log.c.chain_seq.is_(None)),
            func.count(audit_details.c.seq),
        )
        .select_from(audit_log)
        .outerjoin(audit_details, audit_details.c.seq == audit_log.c.seq)
        .where(behind)
    ).one()
    broken = ((int(seq), text) for seq, text in broken_links(connection, AUDIT_CHAIN, start))
    found = [
        *islice(broken, VIOLATIONS_MAX),
        *islice(_changed_details(connection), VIOLATIONS_MAX),
        *_lost_details(connection, behind),
    ]
    return AuditVerification(
        violations=tuple(found[:VIOLATIONS_MAX]),
        row_count=row_count,
        unsealed_count=unsealed_count,
        erased_count=row_count - detail_count,
        head=head,
    )


def _before(connection: Connection, hash_: bytes) -> ChainHead | None:
    """The link before the one with this hash, which is checked itself. None: no link has it."""
    if hash_ == NO_LINKS.hash:
        return NO_LINKS
    query = select(audit_log.c.chain_seq, audit_log.c.prev_hash).where(
        audit_log.c.hash == hash_, audit_log.c.chain_seq.is_not(None)
    )
    row = connection.execute(query).first()
    return None if row is None else ChainHead(row.chain_seq - 1, row.prev_hash)


def _changed_details(connection: Connection) -> Iterator[tuple[int, str]]:
    seq = 0
    while True:
        query = (
            select(audit_details, audit_log.c.detail_digest)
            .join_from(audit_details, audit_log, audit_log.c.seq == audit_details.c.seq)
            .where(audit_details.c.seq > seq)
            .order_by(audit_details.c.seq)
            .limit(_PAGE)
        )
        page = connection.execute(query).all()
        if not page:
            return
        for row in page:
            if digest(row.salt, row.detail) != row.detail_digest:
                yield row.seq, "its detail is not what was written"
        seq = page[-1].seq


def _lost_details(connection: Connection, which: ColumnElement[bool]) -> list[tuple[int, str]]:
    """Of rows whose detail is gone, those that no erasure explains: of the account that the row is about, or that did it,
    or whose key did or payment it was.
    """
    erasure = audit_log.alias("erasure")
    ids = (audit_log.c.subject, audit_log.c.actor)
    holders = select(api_keys.c.account_id).where(api_keys.c.id.in_(ids)).correlate(audit_log)
    buyers = select(payments.c.account_id).where(payments.c.id == audit_log.c.subject).correlate(audit_log)
    is_explained = (
        select(erasure.c.seq)
        .where(
            erasure.c.action == ERASE,
            erasure.c.seq > audit_log.c.seq,
            or_(
                erasure.c.subject.in_(ids),
                erasure.c.subject.in_(holders),
                erasure.c.subject.in_(buyers),
            ),
        )
        .correlate(audit_log)
        .exists()
    )
    query = (
        select(audit_log.c.seq)
        .outerjoin(audit_details, audit_details.c.seq == audit_log.c.seq)
        .where(which, audit_details.c.seq.is_(None), ~is_explained)
        .order_by(audit_log.c.seq)
        .limit(VIOLATIONS_MAX)
    )
    return [(seq, "its detail is gone, and no account was erased") for seq in connection.scalars(query)]


def _row(row: Row[Any]) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail_digest=row.detail_digest,
    )


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(row=_row(row), detail=row.detail, is_sealed=row.chain_seq is not None)


def _rows(_connection: Connection, rows: Sequence[Row[Any]], _seqs: Select[Any]) -> list[AuditRow]:
    return [_row(row) for row in rows]


AUDIT_CHAIN = Chained(table=audit_log, lock=0x7261_7365_0003, contents=_rows, link=link)

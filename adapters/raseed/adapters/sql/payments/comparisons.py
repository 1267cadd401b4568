"""How far days were compared, and payments against the ledger, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, case, insert, literal_column, or_, select, update

from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.payments.tables import payments
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import cursors
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.messaging.notices import Notice
from raseed.core.payments.comparing import Comparison, Difference
from raseed.core.payments.model import Mode, PaymentState
from raseed.core.payments.ports import AuditNote

_rows = payments.c


class SqlComparisonStore:
    """Implements `core.payments.comparing.ComparisonStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def compared_until(self, provider: PaymentProvider, mode: Mode) -> Microseconds | None:
        query = select(cursors.c.position).where(cursors.c.name == _cursor(provider, mode))
        found = await self._database.read(lambda connection: connection.scalar(query))
        return None if found is None else Microseconds(int(found))

    async def write(
        self,
        comparison: Comparison,
        before: Microseconds | None,
        audit: Sequence[tuple[str, AuditNote]],
        notices: Sequence[Notice],
    ) -> bool:
        now = self._database.clock.now()
        name = _cursor(comparison.provider, comparison.mode)

        def work(connection: Connection) -> bool:
            if not _move(connection, name, before, comparison.end):
                return False
            for subject, note in audit:
                record_audit(connection, now, note.actor, note.action, subject, note.detail)
            for notice in notices:
                enqueue(connection, notice, now)
            return True

        return await self._database.write(work)

    async def ledger_differences(
        self, provider: PaymentProvider, mode: Mode, begin: Microseconds, end: Microseconds, limit: int
    ) -> Sequence[Difference]:
        own = and_(
            grants.c.account_id == _rows.account_id,
            grants.c.grant_key == literal_column("'payment:'").concat(_rows.id),
        )
        is_credited = _rows.state == PaymentState.CREDITED.value
        # What is paid may be between its grant and its credit just now.
        is_over = _rows.state.not_in([PaymentState.CREDITED.value, PaymentState.PAID.value])
        is_missing = and_(is_credited, _rows.granted_microcredits > 0, grants.c.id.is_(None))
        differs = and_(is_credited, grants.c.amount_microcredits != _rows.granted_microcredits)
        detail = case(
            (is_missing, literal_column("'credited, and the ledger has no grant for it'")),
            (differs, literal_column("'the ledger has a grant of another amount for it'")),
            else_=literal_column("'the ledger has a grant for it, and it is not credited'"),
        )
        query = (
            select(_rows.id, detail.label("detail"))
            .join_from(payments, grants, own, isouter=True)
            .where(
                _rows.provider == provider.value,
                _rows.mode == mode.value,
                _rows.paid_at >= begin,
                _rows.paid_at < end,
                or_(is_missing, differs, and_(is_over, grants.c.id.is_not(None))),
            )
            .order_by(_rows.id)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [Difference(row.id, row.detail) for row in connection.execute(query)]
        )


def _cursor(provider: PaymentProvider, mode: Mode) -> str:
    return f"payments:{provider}:{mode}"


def _move(connection: Connection, name: str, before: Microseconds | None, end: Microseconds) -> bool:
    if before is None:
        if connection.execute(select(cursors.c.name).where(cursors.c.name == name)).first() is not None:
            return False
        connection.execute(insert(cursors).values(name=name, position=str(end)))
        return True
    moved = update(cursors).where(cursors.c.name == name, cursors.c.position == str(before))
    return connection.execute(moved.values(position=str(end))).rowcount == 1

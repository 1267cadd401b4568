"""Payments in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, literal_column, select, update

from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.payments.receipts import bring_in_line, take_turn
from raseed.adapters.sql.payments.rows import (
    changing_values,
    fixed_values,
    read_payment,
    read_refund,
    refund_values,
)
from raseed.adapters.sql.payments.tables import payments, refunds
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import MINUTE, SECOND, Microseconds
from raseed.core.errors import PaymentLimitReached, RateLimited, RequestReusedWithOtherInput
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.model import OPEN_STATES, Mode, OrderBounds, Payment, PaymentState, Refund
from raseed.core.payments.ports import NOTHING_BESIDE, Beside, ProviderIdTaken
from raseed.core.payments.receipts import ReceiptTerms

_rows = payments.c
_NO_ID: ColumnElement[str] = literal_column("''")
"""Not a parameter: a partial index is used only if its condition is seen when the statement is prepared."""
_BEGUN = sorted(state.value for state in OPEN_STATES)


class SqlPaymentStore:
    """Implements `core.payments.ports.PaymentStore`."""

    def __init__(self, database: SqlDatabase, receipts: ReceiptTerms | None = None) -> None:
        self._database = database
        self._receipts = receipts
        """None: no documents are issued."""

    async def add(self, payment: Payment, request_key: str, bounds: OrderBounds | None = None) -> Payment:
        def work(connection: Connection) -> Payment:
            known = _known(connection, payment.account_id, request_key)
            if known is not None:
                return _the_same(known, payment)
            if bounds is not None:
                _check_bounds(connection, payment, bounds)
            values = fixed_values(payment) | changing_values(payment)
            connection.execute(
                insert(payments).values(values | {"request_key": request_key, "version": payment.version})
            )
            return payment

        return await self._database.write(work)

    async def check(self, payment: Payment, request_key: str, bounds: OrderBounds) -> Payment | None:
        def work(connection: Connection) -> Payment | None:
            known = _known(connection, payment.account_id, request_key)
            if known is not None:
                return _the_same(known, replace(payment, subscription_id=known.subscription_id))
            _check_bounds(connection, payment, bounds)
            return None

        return await self._database.read(work)

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        return await self._first(select(payments).where(_rows.id == payment_id))

    async def find(
        self, provider: PaymentProvider, mode: Mode, *, invoice_id: str = "", provider_payment_id: str = ""
    ) -> Payment | None:
        if bool(invoice_id) == bool(provider_payment_id):
            raise ValueError("by one id")
        column, wanted = (
            (_rows.invoice_id, invoice_id) if invoice_id else (_rows.provider_payment_id, provider_payment_id)
        )
        return await self._first(
            select(payments).where(
                _rows.provider == provider.value, _rows.mode == mode.value, column == wanted, column != _NO_ID
            )
        )

    async def replace(
        self, before: Payment, after: Payment, beside: Beside = NOTHING_BESIDE
    ) -> Payment | None:
        if (before.id, fixed_values(before)) != (after.id, fixed_values(after)):
            raise ValueError("what was ordered is never changed")
        now = self._database.clock.now()

        is_news = before.state is not after.state or beside.refunds

        def work(connection: Connection) -> Payment | None:
            if self._receipts is not None and after.state is PaymentState.CREDITED and is_news:
                take_turn(connection)
            for column in (_rows.invoice_id, _rows.provider_payment_id):
                _check_free(connection, after, column)
            changed = connection.execute(
                update(payments)
                .where(_rows.id == before.id, _rows.version == before.version)
                .values(changing_values(after) | {"version": before.version + 1})
            )
            if changed.rowcount != 1:
                return None
            for refund in beside.refunds:
                _put_refund(connection, after, refund)
            for note in beside.audit:
                record_audit(connection, now, note.actor, note.action, after.id, note.detail)
            for notice in beside.notices:
                enqueue(connection, notice, now)
            stored = read_payment(connection.execute(select(payments).where(_rows.id == before.id)).one())
            if self._receipts is not None and stored.state is PaymentState.CREDITED:
                given_back = [read_refund(row) for row in connection.execute(_refunds_of(before.id))]
                bring_in_line(connection, stored, given_back, self._receipts, now)
            return stored

        return await self._database.write(work)

    async def claim_due(self, limit: int, lease_us: int) -> Sequence[PaymentId]:
        now = self._database.clock.now()
        due = (
            select(_rows.id)
            .where(_rows.next_check_at.is_not(None), _rows.next_check_at <= now)
            .order_by(_rows.next_check_at, _rows.id)
            .limit(limit)
        )

        def work(connection: Connection) -> Sequence[PaymentId]:
            ids = [PaymentId(id_) for id_ in connection.scalars(due)]
            if ids:
                # Not a change of the payment: who is just changing it is not disturbed.
                connection.execute(
                    update(payments).where(_rows.id.in_(ids)).values(next_check_at=now + lease_us)
                )
            return ids

        return await self._database.write(work)

    async def of_account(self, account_id: AccountId, after: str, limit: int) -> Sequence[Payment]:
        return await self._newest(select(payments).where(_rows.account_id == account_id), after, limit)

    async def in_state(self, state: PaymentState | None, after: str, limit: int) -> Sequence[Payment]:
        query = select(payments)
        if state is not None:
            query = query.where(_rows.state == state.value)
        return await self._newest(query, after, limit)

    async def paid_between(
        self,
        provider: PaymentProvider,
        mode: Mode,
        begin: Microseconds,
        end: Microseconds,
        after: str,
        limit: int,
    ) -> Sequence[Payment]:
        query = (
            select(payments)
            .where(
                _rows.provider == provider.value,
                _rows.mode == mode.value,
                _rows.paid_at >= begin,
                _rows.paid_at < end,
                _rows.id > after,
            )
            .order_by(_rows.id)
            .limit(limit)
        )
        return await self._all(query)

    async def refunds(self, payment_id: PaymentId) -> Sequence[Refund]:
        return await self._database.read(
            lambda connection: [read_refund(row) for row in connection.execute(_refunds_of(payment_id))]
        )

    async def _first(self, query: Select[Any]) -> Payment | None:
        found = await self._all(query.limit(1))
        return found[0] if found else None

    async def _newest(self, query: Select[Any], after: str, limit: int) -> Sequence[Payment]:
        if after:
            query = query.where(_rows.id < after)
        return await self._all(query.order_by(_rows.id.desc()).limit(limit))

    async def _all(self, query: Select[Any]) -> Sequence[Payment]:
        return await self._database.read(
            lambda connection: [read_payment(row) for row in connection.execute(query)]
        )


def _refunds_of(payment_id: PaymentId) -> Select[Any]:
    return select(refunds).where(refunds.c.payment_id == payment_id).order_by(refunds.c.id)


def _known(connection: Connection, account_id: AccountId, request_key: str) -> Payment | None:
    same = select(payments).where(_rows.account_id == account_id, _rows.request_key == request_key)
    row = connection.execute(same).first()
    return None if row is None else read_payment(row)


def _the_same(first: Payment, again: Payment) -> Payment:
    """What was ordered decides, and not what it cost at the time: a price list may have changed in between."""
    if _order(first) != _order(again):
        raise RequestReusedWithOtherInput(
            "There is an order under this request id already, and it is another one.",
            metadata={"payment": first.id},
        )
    return first


def _order(payment: Payment) -> tuple[object, ...]:
    return payment.item, payment.method, payment.subscription_id, payment.period_start, payment.period_end


def _check_bounds(connection: Connection, payment: Payment, bounds: OrderBounds) -> None:
    of_account = _rows.account_id == payment.account_id
    count = select(func.count()).select_from(payments).where(of_account)
    if (connection.scalar(count.where(_rows.state.in_(_BEGUN))) or 0) >= bounds.open_max:
        raise PaymentLimitReached(
            f"You have {bounds.open_max} orders that are not paid yet. Pay one of them, or wait until they expire.",
            metadata={"open_max": str(bounds.open_max)},
        )
    since = payment.created_at - bounds.recent_us
    oldest = connection.scalars(
        select(_rows.created_at)
        .where(of_account, _rows.created_at > since)
        .order_by(_rows.created_at.desc())
        .offset(bounds.recent_max - 1)
        .limit(1)
    ).first()
    if oldest is not None:
        raise RateLimited(
            f"At most {bounds.recent_max} orders can be begun in {bounds.recent_us // MINUTE} minutes.",
            retry_after_s=(oldest - since) / SECOND,
        )


def _check_free(connection: Connection, payment: Payment, column: Any) -> None:
    """An id of the provider belongs to one payment, for ever."""
    wanted = changing_values(payment)[column.name]
    if not wanted:
        return
    other = connection.scalars(
        select(_rows.id).where(
            _rows.provider == payment.provider.value,
            _rows.mode == payment.mode.value,
            column == wanted,
            column != _NO_ID,
            _rows.id != payment.id,
        )
    ).first()
    if other is not None:
        raise ProviderIdTaken(PaymentId(other))


def _put_refund(connection: Connection, payment: Payment, refund: Refund) -> None:
    if refund.payment_id != payment.id:
        raise ValueError("a refund of another payment")
    values = refund_values(refund)
    taken = connection.execute(
        select(refunds.c.payment_id).where(
            refunds.c.provider == payment.provider.value,
            refunds.c.mode == payment.mode.value,
            refunds.c.provider_refund_id == refund.provider_refund_id,
            refunds.c.provider_refund_id != _NO_ID,
            refunds.c.id != refund.id,
        )
    ).first()
    if taken is not None:
        raise ProviderIdTaken(PaymentId(taken.payment_id))
    put = update(refunds).where(refunds.c.id == refund.id, refunds.c.payment_id == payment.id).values(values)
    if connection.execute(put).rowcount != 1:
        of_payment = {"provider": payment.provider.value, "mode": payment.mode.value}
        connection.execute(insert(refunds).values(values | of_payment))

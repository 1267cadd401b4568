"""Receipts in SQL. `bring_in_line` is for the store of payments: a document commits with what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, text, update

from raseed.adapters.sql.accounts.accounts import ERASED_DOMAIN
from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.organisations.tables import organisations
from raseed.adapters.sql.payments.receipt_tables import receipt_buyers, receipt_counters, receipts
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, ReceiptId, new_id
from raseed.core.payments.model import Payment, PaymentState, Refund, RefundState
from raseed.core.payments.ports import Buyer
from raseed.core.payments.receipt_drawing import draw_receipt, draw_refund, notice_of
from raseed.core.payments.receipts import (
    DocumentKind,
    IssuedReceipt,
    Receipt,
    ReceiptTerms,
    number_text,
    receipt_kind,
    refund_kind,
    series_of,
)

_rows = receipts.c
_PAID = ""
"""In place of a refund's id: the document is about what was paid."""


def take_turn(connection: Connection) -> None:
    """The first statement of what may issue documents: all of it is done one after the other, over all workers. They raise
    the same counter, so that PostgreSQL would have those that meet begin anew, again and again.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE receipt_counters IN EXCLUSIVE MODE"))  # it may still be read


def bring_in_line(
    connection: Connection,
    payment: Payment,
    refunds: Sequence[Refund],
    terms: ReceiptTerms,
    now: Microseconds,
) -> None:
    """Issue the documents that a payment should have by now and has not: one if it is credited, and then one for each refund
    or dispute that is done. Each is told to the buyer, but for disputes. Safe to repeat: it goes by what is there.
    """
    if payment.state is not PaymentState.CREDITED:
        return
    known = {row.refund_id: row.snapshot for row in connection.execute(_of_payment(payment.id))}
    if _PAID in known:
        paid = _read(known[_PAID])
    else:
        at = payment.credited_at if payment.credited_at is not None else now
        number = _Number(connection, receipt_kind(payment.provider), payment, terms, at)
        paid = draw_receipt(_new_id(), number.text, payment, terms, at)
        _write(connection, paid, number, now)
    for refund in refunds:
        if refund.state is RefundState.DONE and refund.id not in known:
            at = refund.ended_at if refund.ended_at is not None else now
            number = _Number(connection, refund_kind(payment.provider), payment, terms, at)
            note = draw_refund(_new_id(), number.text, paid, refund, terms.calendar, terms.seller, at)
            _write(connection, note, number, now)


class SqlReceiptStore:
    """Implements `core.payments.receipts.ReceiptStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def find(self, number: str) -> IssuedReceipt | None:
        query = (
            select(_rows.snapshot, receipt_buyers)
            .join_from(receipts, receipt_buyers, receipt_buyers.c.receipt_id == _rows.id, isouter=True)
            .where(_rows.number == number)
        )
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else IssuedReceipt(receipt=_read(row.snapshot), buyer=_buyer(row))

    async def of_account(self, account_id: AccountId, after: str, limit: int) -> Sequence[Receipt]:
        query = (
            select(_rows.snapshot)
            .where(_rows.account_id == account_id)
            .order_by(_rows.id.desc())
            .limit(limit)
        )
        if after:
            query = query.where(_rows.id < after)
        return await self._database.read(
            lambda connection: [_read(snapshot) for snapshot in connection.scalars(query)]
        )

    async def of_payment(self, payment_id: PaymentId) -> Sequence[Receipt]:
        return await self._database.read(
            lambda connection: [_read(row.snapshot) for row in connection.execute(_of_payment(payment_id))]
        )


def erase_buyer(connection: Connection, account_id: AccountId) -> None:
    """Forget who bought. Numbers, amounts and the account's id stay."""
    concerned = select(_rows.id).where(_rows.account_id == account_id)
    connection.execute(delete(receipt_buyers).where(receipt_buyers.c.receipt_id.in_(concerned)))


class _Number:
    """The next one of its series, taken in this transaction."""

    def __init__(
        self,
        connection: Connection,
        kind: DocumentKind,
        payment: Payment,
        terms: ReceiptTerms,
        at: Microseconds,
    ) -> None:
        self.series = series_of(kind, payment.mode)
        self.year = terms.calendar.day_of(at).year
        self.ordinal = _take(connection, self.series, self.year)
        self.text = number_text(self.series, self.year, self.ordinal)


def _take(connection: Connection, series: str, year: int) -> int:
    counter = receipt_counters.c
    ours = (counter.series == series) & (counter.year == year)
    raised = update(receipt_counters).where(ours).values(last_ordinal=counter.last_ordinal + 1)
    if connection.execute(raised).rowcount == 1:
        return int(connection.execute(select(counter.last_ordinal).where(ours)).scalar_one())
    connection.execute(insert(receipt_counters).values(series=series, year=year, last_ordinal=1))
    return 1


def _new_id() -> ReceiptId:
    return ReceiptId(new_id("rcpt"))


def _write(connection: Connection, receipt: Receipt, number: _Number, now: Microseconds) -> None:
    connection.execute(
        insert(receipts).values(
            id=receipt.id,
            number=receipt.number,
            series=number.series,
            year=number.year,
            ordinal=number.ordinal,
            kind=receipt.kind.value,
            account_id=receipt.account_id,
            payment_id=receipt.payment_id,
            refund_id=receipt.refund_id or _PAID,
            issued_at=receipt.issued_at,
            snapshot=msgspec.json.encode(receipt).decode(),
        )
    )
    holder = connection.execute(
        select(accounts.c.email, accounts.c.phone_e164, organisations.c.name)
        .join_from(accounts, organisations, organisations.c.account_id == accounts.c.id, isouter=True)
        .where(accounts.c.id == receipt.account_id)
    ).one()
    was_erased = holder.email == f"{receipt.account_id}@{ERASED_DOMAIN}"
    known = {
        "name": holder.name or "",
        "email": "" if was_erased else holder.email or "",
        "phone_e164": holder.phone_e164 or "",
    }
    if any(known.values()):
        connection.execute(insert(receipt_buyers).values(receipt_id=receipt.id, **known))
    if (notice := notice_of(receipt)) is not None:
        enqueue(connection, notice, now)


def _of_payment(payment_id: PaymentId) -> Any:
    """What was paid first: ids of one millisecond have no order."""
    query = select(_rows.refund_id, _rows.snapshot).where(_rows.payment_id == payment_id)
    return query.order_by(_rows.refund_id != _PAID, _rows.id)


def _read(snapshot: str) -> Receipt:
    return msgspec.json.decode(snapshot, type=Receipt)


def _buyer(row: Row[Any]) -> Buyer | None:
    if row.receipt_id is None:
        return None
    return Buyer(name=row.name, email=row.email, phone_e164=row.phone_e164)

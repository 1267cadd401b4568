"""How many API keys an account bought room for, in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, case, func, select

from raseed.adapters.sql.payments.tables import payments
from raseed.core.ids import AccountId
from raseed.core.payments.model import ItemKind, PaymentState

_rows = payments.c


def extra_keys(connection: Connection, account_id: AccountId) -> int:
    """Beyond what its tier or its own limit gives. It follows from what is credited: there from that moment on, and with
    what goes back to the buyer it goes too, rounded down. Keys that are there stay.
    """
    came = func.coalesce(_rows.received_minor, _rows.amount_minor)
    paying = case((came < _rows.amount_minor, came), else_=_rows.amount_minor)
    left = came - _rows.refunded_minor - _rows.disputed_minor
    kept = case((left < 0, 0), (left < paying, left), else_=paying)
    room = case((paying > 0, _rows.item_quantity * kept // paying), else_=_rows.item_quantity)
    query = select(func.sum(room)).where(
        _rows.account_id == account_id,
        _rows.item_kind == ItemKind.KEYS.value,
        _rows.state == PaymentState.CREDITED.value,
    )
    return int(connection.scalar(query) or 0)

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
    gone = _rows.refunded_minor + _rows.disputed_minor
    kept = case((gone < _rows.amount_minor, _rows.amount_minor - gone), else_=0)
    room = func.sum(_rows.item_quantity * kept // _rows.amount_minor)
    query = select(room).where(
        _rows.account_id == account_id,
        _rows.item_kind == ItemKind.KEYS.value,
        _rows.state == PaymentState.CREDITED.value,
    )
    return int(connection.scalar(query) or 0)

"""Invariants of what accounts owe and may owe. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import Select, and_, case, func

from raseed.adapters.sql.ledger.invariants_books import DEBT_ACCOUNTS, OPEN, finding
from raseed.adapters.sql.ledger.tables import balances, holds, ledger_entries, usage_events


def debt_reserved_equals_open_holds() -> Select[str, str]:
    reserved = func.coalesce(func.sum(holds.c.debt_microcredits), 0)
    stored = balances.c.debt_reserved_microcredits
    return (
        finding(balances.c.account_id, "reserved on debt ", stored, ", open holds say ", reserved)
        .join_from(balances, holds, and_(holds.c.account_id == balances.c.account_id, OPEN), isouter=True)
        .group_by(balances.c.account_id, stored)
        .having(reserved != stored)
    )


def debt_drawn_beyond_credit() -> Select[str, str]:
    """A request adds to the debt what its charge exceeds the credit in its hold by, neither more nor less."""
    amount = ledger_entries.c.amount_microcredits
    drawn = func.coalesce(
        func.sum(case((ledger_entries.c.ledger_account.like(DEBT_ACCOUNTS), -amount), else_=0)), 0
    )
    beyond = usage_events.c.cost_microcredits - (holds.c.amount_microcredits - holds.c.debt_microcredits)
    expected = case((beyond > 0, beyond), else_=0)
    return (
        finding(holds.c.id, "added ", drawn, " to the debt instead of ", expected)
        .join_from(usage_events, holds, holds.c.id == usage_events.c.request_id)
        .join(ledger_entries, ledger_entries.c.tx_id == usage_events.c.ledger_tx_id, isouter=True)
        .group_by(holds.c.id, expected)
        .having(drawn != expected)
    )

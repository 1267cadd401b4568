"""Balances rebuilt from the ledger's entries and from the allocations of open holds, compared with the stored ones.

Runs on one snapshot (`await database.read(replay)`), also of a database in use. Nothing that is compared is used to
rebuild it: an account's figures come from entries and allocations alone, not from its grants' rows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, FromClause, Select, cast, func, literal, select

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.ledger.tables import (
    balances,
    grants,
    hold_allocations,
    holds,
    ledger_entries,
    ledger_tx,
)
from raseed.adapters.sql.ledger.verify import allow_minutes
from raseed.core.billing.model import HoldState
from raseed.core.billing.replay import Difference, Figure, Replay

DIFFERENCES_MAX = 200
"""Named of each figure. Whoever has more has one cause to look for, not so many rows."""

_OPEN = holds.c.state == HoldState.OPEN.value


def replay(connection: Connection, differences_max: int = DIFFERENCES_MAX) -> Replay:
    """Raises what a server raises that cannot answer. A repeat reads everything again and changes nothing."""
    allow_minutes(connection)
    differences: list[Difference] = []
    is_complete = True
    for figure, query in _differences().items():
        found = connection.execute(query.limit(differences_max + 1)).all()
        is_complete = is_complete and len(found) <= differences_max
        differences += [
            Difference(figure, id_, stored, rebuilt) for id_, stored, rebuilt in found[:differences_max]
        ]
    return Replay(
        differences=tuple(differences),
        is_complete=is_complete,
        account_count=_count(connection, accounts),
        grant_count=_count(connection, grants),
        open_hold_count=connection.scalar(select(func.count()).select_from(holds).where(_OPEN)) or 0,
        entry_count=_count(connection, ledger_entries),
    )


def _count(connection: Connection, table: FromClause) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _differences() -> dict[Figure, Select[Any]]:
    """For each figure the rows (id, stored, rebuilt) in which the two differ."""
    amount = ledger_entries.c.amount_microcredits
    of_grants = _sums(
        ledger_entries.c.grant_id,
        amount,
        select().select_from(ledger_entries).where(ledger_entries.c.grant_id.is_not(None)),
    )
    booked = select().join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
    on_grants = _sums(
        ledger_tx.c.account_id, amount, booked.where(ledger_entries.c.ledger_account.like("cust:%:grant:%"))
    )
    on_debt = _sums(
        ledger_tx.c.account_id, -amount, booked.where(ledger_entries.c.ledger_account.like("cust:%:debt"))
    )
    kept = hold_allocations.c.amount_microcredits
    open_ones = (
        select().join_from(hold_allocations, holds, holds.c.id == hold_allocations.c.hold_id).where(_OPEN)
    )
    kept_of_grants = _sums(hold_allocations.c.grant_id, kept, open_ones)
    kept_by_holds = _sums(hold_allocations.c.hold_id, kept, open_ones)
    kept_by_accounts = _sums(holds.c.account_id, kept, open_ones)
    of_accounts = (
        accounts.outerjoin(balances, balances.c.account_id == accounts.c.id)
        .outerjoin(on_grants, on_grants.c.id == accounts.c.id)
        .outerjoin(kept_by_accounts, kept_by_accounts.c.id == accounts.c.id)
        .outerjoin(on_debt, on_debt.c.id == accounts.c.id)
    )
    kept_by_account = _sum_of(kept_by_accounts)
    on_credit = holds.c.amount_microcredits - holds.c.debt_microcredits
    may_owe = _sums(holds.c.account_id, holds.c.debt_microcredits, select().select_from(holds).where(_OPEN))
    return {
        Figure.GRANT_REMAINING: _unequal(
            grants.c.id,
            grants.c.remaining_microcredits,
            _sum_of(of_grants),
            grants.outerjoin(of_grants, of_grants.c.id == grants.c.id),
        ),
        Figure.GRANT_HELD: _unequal(
            grants.c.id,
            grants.c.held_microcredits,
            _sum_of(kept_of_grants),
            grants.outerjoin(kept_of_grants, kept_of_grants.c.id == grants.c.id),
        ),
        Figure.HOLD_AMOUNT: _unequal(
            holds.c.id,
            on_credit,
            _sum_of(kept_by_holds),
            holds.outerjoin(kept_by_holds, kept_by_holds.c.id == holds.c.id),
        ).where(_OPEN),
        Figure.ACCOUNT_AVAILABLE: _unequal(
            accounts.c.id,
            balances.c.available_microcredits,
            _sum_of(on_grants) - kept_by_account,
            of_accounts,
        ),
        Figure.ACCOUNT_HELD: _unequal(
            accounts.c.id, balances.c.held_microcredits, kept_by_account, of_accounts
        ),
        Figure.ACCOUNT_DEBT: _unequal(
            accounts.c.id, balances.c.debt_microcredits, _sum_of(on_debt), of_accounts
        ),
        Figure.ACCOUNT_DEBT_RESERVED: _unequal(
            accounts.c.id,
            balances.c.debt_reserved_microcredits,
            _sum_of(may_owe),
            of_accounts.outerjoin(may_owe, may_owe.c.id == accounts.c.id),
        ),
    }


def _sums(key: Any, amount: Any, rows: Select[Any]) -> Any:
    """The sum of `amount` for each key, as a table of (id, amount)."""
    total = cast(func.sum(amount), BigInteger)  # PostgreSQL adds big integers up to a numeric
    return rows.add_columns(key.label("id"), total.label("amount")).group_by(key).subquery()


def _sum_of(sums: Any) -> Any:
    return func.coalesce(sums.c.amount, literal(0))


def _unequal(id_: Any, stored: Any, rebuilt: Any, rows: FromClause) -> Select[Any]:
    return (
        select(id_, stored, rebuilt).select_from(rows).where(stored.is_distinct_from(rebuilt)).order_by(id_)
    )

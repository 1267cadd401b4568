"""The ledger's SQL for SQLite: built by SQLAlchemy from the tables, compiled once, run by the driver.

Parameters are tuples in the order given beside each statement. Compiling checks that order, so a column that is added
in one place and forgotten in another fails at import. Executing through SQLAlchemy would cost four times as much.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.ledger.tables import (
    balances,
    grants,
    hold_allocations,
    holds,
    ledger_entries,
    ledger_tx,
    spend_buckets,
    usage_events,
    usage_lines,
    usage_sums,
)
from raseed.core.billing.model import GrantStatus, HoldState

_OF_THE_CHAIN: Final = ("chain_seq", "prev_hash", "hash")
"""Columns of `ledger_tx` that are empty when it is booked."""
_DIALECT: Final = SQLiteDialect_pysqlite(paramstyle="qmark")


def _sql(statement: ClauseElement, *parameters: str) -> str:
    compiled = statement.compile(dialect=_DIALECT)
    assert isinstance(compiled, SQLCompiler)
    assert tuple(compiled.positiontup or ()) == parameters, (compiled.positiontup, parameters)
    return compiled.string


def _names(table: Table, *without: str) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in without)


def _insert(table: Table, *without: str) -> str:
    names = _names(table, *without)
    return _sql(insert(table).values({name: bindparam(name) for name in names}), *names)


def _among(column: ColumnElement[str]) -> ColumnElement[bool]:
    """The column is one of the texts of a JSON array: one statement for any number of them."""
    each = func.json_each(bindparam("ids", type_=Text)).table_valued("value")
    return column.in_(select(each.c.value))


# ------------------------------------------------------------------------------------------------ loading

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_ACTIVE: Final = grants.c.status == literal_column(f"'{GrantStatus.ACTIVE}'")
_OPEN: Final = holds.c.state == literal_column(f"'{HoldState.OPEN}'")


LOAD_ACCOUNTS: Final = _sql(
    select(
        accounts.c.id,
        accounts.c.status,
        balances.c.available_microcredits,
        balances.c.held_microcredits,
        balances.c.debt_microcredits,
        balances.c.debt_reserved_microcredits,
        accounts.c.debt_limit_microcredits,
    )
    .join_from(accounts, balances, balances.c.account_id == accounts.c.id)
    .where(_among(accounts.c.id)),
    "ids",
)
LOAD_ACTIVE_GRANTS: Final = _sql(select(grants).where(_among(grants.c.account_id), _ACTIVE), "ids")
LOAD_GRANTS_BY_KEY: Final = _sql(
    select(grants).where(_among(grants.c.grant_key), grants.c.account_id == bindparam("account_id")),
    "ids",
    "account_id",
)
LOAD_OWNERS: Final = _sql(select(grants.c.id, grants.c.account_id).where(_among(grants.c.id)), "ids")
LOAD_HOLDS: Final = _sql(select(holds).where(_among(holds.c.id)), "ids")
LOAD_ALLOCATIONS: Final = _sql(
    select(hold_allocations.c.hold_id, hold_allocations.c.grant_id, hold_allocations.c.amount_microcredits)
    .where(_among(hold_allocations.c.hold_id))
    .order_by(hold_allocations.c.hold_id, hold_allocations.c.seq),
    "ids",
)
LOAD_TAKEN: Final = _sql(
    select(
        *(column for column in ledger_tx.columns if column.name not in _OF_THE_CHAIN),
        ledger_entries.c.ledger_account,
        ledger_entries.c.amount_microcredits,
        ledger_entries.c.grant_id,
    )
    .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
    .where(_among(ledger_tx.c.idem_key))
    .order_by(ledger_tx.c.id, ledger_entries.c.seq),
    "ids",
)
LOAD_BUCKETS: Final = _sql(
    select(*(column for column in spend_buckets.columns if column.name != "account_id")).where(
        _among(spend_buckets.c.id)
    ),
    "ids",
)
LOAD_HOLDS_TO_SWEEP: Final = _sql(
    select(holds)
    .where(
        _OPEN,
        tuple_(holds.c.lease_until, holds.c.id) > tuple_(bindparam("after_lease"), bindparam("after_id")),
        or_(
            holds.c.lease_until <= bindparam("now"),
            and_(holds.c.owner_instance == bindparam("instance"), holds.c.owner_epoch < bindparam("epoch")),
        ),
    )
    .order_by(holds.c.lease_until, holds.c.id),
    "after_lease",
    "after_id",
    "now",
    "instance",
    "epoch",
)

# ------------------------------------------------------------------------------------------------ writing

INSERT_GRANT: Final = _insert(grants)
INSERT_HOLD: Final = _insert(holds, "debt_microcredits")
INSERT_TX: Final = _insert(ledger_tx, *_OF_THE_CHAIN)
INSERT_ENTRY: Final = _insert(ledger_entries)
INSERT_USAGE_EVENT: Final = _insert(usage_events)
INSERT_USAGE_LINE: Final = _insert(usage_lines)


def _upsert_allocation() -> str:
    new = sqlite_insert(hold_allocations).values({n: bindparam(n) for n in _names(hold_allocations)})
    return _sql(
        new.on_conflict_do_update(
            index_elements=["hold_id", "grant_id"],
            set_={"amount_microcredits": new.excluded.amount_microcredits},
        ),
        *_names(hold_allocations),
    )


UPSERT_ALLOCATION: Final = _upsert_allocation()


def _add_usage_sum() -> str:
    names = _names(usage_sums)
    new = sqlite_insert(usage_sums).values({name: bindparam(name) for name in names})
    keys = [column.name for column in usage_sums.primary_key]
    added = {name: usage_sums.c[name] + new.excluded[name] for name in names if name not in keys}
    return _sql(new.on_conflict_do_update(index_elements=keys, set_=added), *names)


ADD_USAGE_SUM: Final = _add_usage_sum()


def _update(table: Table, key: str, *names: str) -> str:
    """Parameters: the columns in the table's order, then the key as `the_<key>`."""
    changed = update(table).where(table.c[key] == bindparam(f"the_{key}"))
    return _sql(changed.values({name: bindparam(name) for name in names}), *names, f"the_{key}")


UPDATE_GRANT: Final = _update(grants, "id", "remaining_microcredits", "held_microcredits", "status")
UPDATE_HOLD: Final = _update(
    holds,
    "id",
    "amount_microcredits",
    "state",
    "lease_until",
    "checkpoint",
    "closed_at",
    "cost_microcredits",
)
UPDATE_HOLD_DEBT: Final = _update(holds, "id", "debt_microcredits")
UPDATE_RESERVATION: Final = _update(balances, "account_id", "debt_reserved_microcredits")
UPDATE_BUCKET: Final = _update(
    spend_buckets, "id", "window_begins_at", "charged_microcredits", "held_microcredits"
)
UPDATE_BALANCE: Final = _sql(
    update(balances)
    .where(balances.c.account_id == bindparam("the_account_id"))
    .values(
        available_microcredits=bindparam("available"),
        held_microcredits=bindparam("held"),
        debt_microcredits=bindparam("debt"),
        version=balances.c.version + literal_column("1"),
    ),
    "available",
    "held",
    "debt",
    "the_account_id",
)

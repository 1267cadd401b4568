"""One batch of ledger commands on one connection: load, decide, write. The caller owns the transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from raseed.adapters.sql.ledger import rows
from raseed.adapters.sql.ledger.usage_sums import usage_sum_rows
from raseed.adapters.sql.sqlite import ledger_statements as statements
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ledger import decide
from raseed.core.billing.ledger_state import (
    AccountState,
    Entry,
    LedgerState,
    LedgerTransaction,
    Needs,
    burn_key,
    needs,
)
from raseed.core.billing.model import Allocation, Hold
from raseed.core.clock import Clock
from raseed.core.ids import AccountId, HoldId


class LedgerBatch:
    """Decides commands against the database. Holds no state between batches: the tables are the only truth."""

    def __init__(self, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._clock = clock
        self._new_id = new_id

    def apply(self, connection: sqlite3.Connection, commands: Sequence[Command]) -> list[Result]:
        """Results in the order of the commands; the changes are written but not committed.

        Raises whatever the driver raises: then the caller rolls back, and nothing of the batch remains.
        """
        state = load(connection, needs(commands))
        now = self._clock.now()
        results = [decide(state, command, now, self._new_id) for command in commands]
        write(connection, state)
        return results


def load(connection: sqlite3.Connection, wanted: Needs) -> LedgerState:
    state = LedgerState(accounts=load_accounts(connection, wanted.account_ids))
    if wanted.hold_ids:
        state.holds = load_holds(connection, wanted.hold_ids)
        bucket_ids = wanted.bucket_ids.union(*(hold.bucket_ids for hold in state.holds.values()))
        if bucket_ids:
            found = connection.execute(statements.LOAD_BUCKETS, (json.dumps(list(bucket_ids)),))
            state.buckets = {row[0]: rows.bucket_of(row) for row in found}
    if wanted.grant_keys:
        keys: defaultdict[AccountId, list[str]] = defaultdict(list)
        for account_id, grant_key in wanted.grant_keys:
            keys[account_id].append(grant_key)
        for account_id, grant_keys in keys.items():
            for row in connection.execute(
                statements.LOAD_GRANTS_BY_KEY, (json.dumps(grant_keys), account_id)
            ):
                known = rows.grant_of(row)
                state.granted[account_id, known.grant_key] = known
    if wanted.taken_keys:
        found = connection.execute(statements.LOAD_TAKEN, (json.dumps(list(wanted.taken_keys)),))
        state.taken = taken_of(found)
    if wanted.grant_ids:
        found = connection.execute(statements.LOAD_OWNERS, (json.dumps(list(wanted.grant_ids)),))
        state.named_grants = dict(found.fetchall())
    return state


def taken_of(found: Iterable[rows.Row]) -> dict[str, LedgerTransaction]:
    """Transactions by their idempotency keys, from rows of one entry each."""
    entries: defaultdict[rows.Row, list[Entry]] = defaultdict(list)
    for *transaction, ledger_account, amount, grant_id in found:
        entries[tuple(transaction)].append(Entry(ledger_account, amount, grant_id))
    return {
        row[2]: LedgerTransaction(
            id=row[0],
            kind=row[1],
            idem_key=row[2],
            account_id=row[3],
            ref=row[4],
            actor=row[5],
            at=row[6],
            entries=tuple(its_entries),
        )
        for row, its_entries in entries.items()
    }


def load_accounts(connection: sqlite3.Connection, ids: Iterable[AccountId]) -> dict[AccountId, AccountState]:
    """With their active grants, in burn order."""
    wanted = json.dumps(list(ids))
    accounts = {
        row[0]: AccountState(
            id=row[0],
            status=AccountStatus(row[1]),
            available_microcredits=row[2],
            held_microcredits=row[3],
            debt_microcredits=row[4],
            debt_reserved_microcredits=row[5],
            debt_limit_microcredits=row[6],
        )
        for row in connection.execute(statements.LOAD_ACCOUNTS, (wanted,))
    }
    grants = [rows.grant_of(row) for row in connection.execute(statements.LOAD_ACTIVE_GRANTS, (wanted,))]
    grants.sort(key=burn_key)
    for grant in grants:
        accounts[grant.account_id].grants[grant.id] = grant
    return accounts


def load_holds(connection: sqlite3.Connection, ids: Iterable[HoldId]) -> dict[HoldId, Hold]:
    found = connection.execute(statements.LOAD_HOLDS, (json.dumps(list(ids)),)).fetchall()
    return with_allocations(connection, found)


def with_allocations(connection: sqlite3.Connection, found: Sequence[rows.Row]) -> dict[HoldId, Hold]:
    holds = {row[0]: rows.hold_of(row) for row in found}
    if holds:
        wanted = json.dumps(list(holds))
        for hold_id, grant_id, amount in connection.execute(statements.LOAD_ALLOCATIONS, (wanted,)):
            holds[hold_id].allocations.append(Allocation(grant_id, amount))
    return holds


def write(connection: sqlite3.Connection, state: LedgerState) -> None:
    """Each changed row once. Parents come before children, so that foreign keys hold at every statement."""
    many = connection.executemany
    if state.new_grants:
        many(statements.INSERT_GRANT, map(rows.grant_row, state.new_grants.values()))
    if state.changed_grants:
        many(
            statements.UPDATE_GRANT,
            [
                (g.remaining_microcredits, g.held_microcredits, g.status.value, g.id)
                for g in state.changed_grants.values()
            ],
        )
    if state.changed_accounts:
        many(
            statements.UPDATE_BALANCE,
            [
                (a.available_microcredits, a.held_microcredits, a.debt_microcredits, a.id)
                for a in state.changed_accounts.values()
            ],
        )
    if state.new_holds:
        many(statements.INSERT_HOLD, map(rows.hold_row, state.new_holds.values()))
    if state.changed_holds:
        many(
            statements.UPDATE_HOLD,
            [
                (
                    h.amount_microcredits,
                    h.state.value,
                    h.lease_until,
                    rows.measured_text(h.checkpoint),
                    h.closed_at,
                    h.cost_microcredits,
                    h.id,
                )
                for h in state.changed_holds.values()
            ],
        )
    if state.changed_allocations:
        many(statements.UPSERT_ALLOCATION, rows.allocation_rows(state.changed_allocations.values()))
    if state.changed_reservations:
        many(statements.UPDATE_RESERVATION, rows.reservation_rows(state.changed_reservations.values()))
        many(statements.UPDATE_HOLD_DEBT, rows.hold_debt_rows(state.changed_hold_debts.values()))
    if state.changed_buckets:
        many(statements.UPDATE_BUCKET, rows.bucket_change_rows(state.changed_buckets.values()))
    if state.transactions:
        many(statements.INSERT_TX, map(rows.transaction_row, state.transactions))
        many(statements.INSERT_ENTRY, rows.entry_rows(state.transactions))
    if state.usage_events:
        many(statements.INSERT_USAGE_EVENT, map(rows.usage_event_row, state.usage_events))
        many(statements.INSERT_USAGE_LINE, rows.usage_line_rows(state.usage_events))
        many(statements.ADD_USAGE_SUM, usage_sum_rows(state.usage_events))

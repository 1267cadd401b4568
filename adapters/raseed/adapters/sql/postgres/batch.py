"""One batch of ledger commands on one connection: load, decide, write.

Two ways, with the same result. `lightly` takes two round trips and no lock while Python decides: what it writes is
refused when one of the accounts changed meanwhile. `locked` first takes the accounts' rows, so nobody can come between:
four or five round trips, but no work in vain where several workers want the same accounts (docs/adr/0006).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from raseed.adapters.sql.ledger import rows
from raseed.adapters.sql.postgres import statements
from raseed.adapters.sql.postgres.errors import is_connection_lost
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

Rows = list[rows.Row]


class CommitUnknown(Exception):
    """The connection was lost after the server had been told to commit."""


@dataclass(slots=True)
class Loaded:
    state: LedgerState
    versions: dict[AccountId, int]
    """Of the balance rows: each write of an account counts its version up."""


class PostgresBatch:
    """Decides commands against the database. Holds no state between batches: the tables are the only truth.

    What either method raises says that nothing was written, except CommitUnknown.
    """

    def __init__(self, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._clock = clock
        self._new_id = new_id

    async def lightly(self, connection: asyncpg.Connection, commands: Sequence[Command]) -> list[Result]:
        loaded = await load(connection, needs(commands))
        results = self._decide(loaded.state, commands)
        changes = changes_of(loaded)
        if changes is not None:
            async with committing():
                await write(connection, changes)
        return results

    async def locked(self, connection: asyncpg.Connection, commands: Sequence[Command]) -> list[Result]:
        wanted = needs(commands)
        await connection.execute("BEGIN")
        try:
            # A statement sees what was committed before it began, so the rows are locked in one and read in the next.
            await connection.fetchval(statements.LOCK, list(wanted.account_ids))
            loaded = await load(connection, wanted)
            results = self._decide(loaded.state, commands)
            changes = changes_of(loaded)
            if changes is not None:
                await write(connection, changes)
        except BaseException:
            with suppress(
                Exception
            ):  # a connection that cannot roll back is lost, and what was begun on it with it
                await connection.execute("ROLLBACK")
            raise
        async with committing():
            await connection.execute("COMMIT")
        return results

    def _decide(self, state: LedgerState, commands: Sequence[Command]) -> list[Result]:
        now = self._clock.now()
        return [decide(state, command, now, self._new_id) for command in commands]


@asynccontextmanager
async def committing() -> AsyncIterator[None]:
    """What is lost in here may have been committed."""
    try:
        yield
    except Exception as error:
        if is_connection_lost(error):
            raise CommitUnknown(str(error)) from error
        raise


async def load(connection: asyncpg.Connection, wanted: Needs) -> Loaded:
    keys = list(wanted.grant_keys)
    found = await connection.fetchrow(
        statements.LOAD,
        list(wanted.account_ids),
        list(wanted.hold_ids),
        [account_id for account_id, _ in keys],
        [grant_key for _, grant_key in keys],
        list(wanted.taken_keys),
        list(wanted.bucket_ids),
    )
    (
        account_rows,
        grant_rows,
        hold_rows,
        allocation_rows,
        granted_rows,
        taken_rows,
        entry_rows,
        bucket_rows,
    ) = found
    accounts = {row[0]: _account_of(row) for row in account_rows}
    for grant in sorted(map(rows.grant_of, grant_rows), key=burn_key):
        accounts[grant.account_id].grants[grant.id] = grant
    granted = map(rows.grant_of, granted_rows)
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for tx_id, _, ledger_account, grant_id, amount in entry_rows:
        entries[tx_id].append(Entry(ledger_account, amount, grant_id))
    state = LedgerState(
        accounts=accounts,
        holds=holds_of(hold_rows, allocation_rows),
        granted={(grant.account_id, grant.grant_key): grant for grant in granted},
        taken={row[2]: _transaction_of(row, entries[row[0]]) for row in taken_rows},
        buckets={row[0]: rows.bucket_of(row) for row in bucket_rows},
    )
    if wanted.grant_ids:  # rare, so it is a statement of its own; whose a grant is never changes
        owners = await connection.fetch(statements.LOAD_OWNERS, list(wanted.grant_ids))
        state.named_grants = {row[0]: row[1] for row in owners}
    return Loaded(state, {row[0]: row[7] for row in account_rows})


def _account_of(row: rows.Row) -> AccountState:
    return AccountState(
        id=row[0],
        status=AccountStatus(row[1]),
        available_microcredits=row[2],
        held_microcredits=row[3],
        debt_microcredits=row[4],
        debt_reserved_microcredits=row[5],
        debt_limit_microcredits=row[6],
    )


def _transaction_of(row: rows.Row, entries: list[Entry]) -> LedgerTransaction:
    return LedgerTransaction(
        id=row[0],
        kind=row[1],
        idem_key=row[2],
        account_id=row[3],
        ref=row[4],
        actor=row[5],
        at=row[6],
        entries=tuple(entries),
    )


def holds_of(hold_rows: Sequence[Any], allocation_rows: Sequence[Any]) -> dict[HoldId, Hold]:
    holds = {row[0]: rows.hold_of(row) for row in hold_rows}
    for hold_id, grant_id, _, amount in allocation_rows:
        holds[hold_id].allocations.append(Allocation(grant_id, amount))
    return holds


def changes_of(loaded: Loaded) -> tuple[Rows, ...] | None:
    """The arguments of `ledger_book`, or None if nothing changed. Each changed row once."""
    state = loaded.state
    touched = dict(state.changed_accounts)
    for hold in state.changed_holds.values():
        # Also a heartbeat, which moves no credit: a sweep that was decided before it must not be written after it.
        touched[hold.account_id] = state.accounts[hold.account_id]
    if not touched:
        return None
    return (
        [
            (
                account.id,
                account.available_microcredits,
                account.held_microcredits,
                account.debt_microcredits,
                loaded.versions[account.id],
            )
            for account in touched.values()
        ],
        [rows.grant_row(grant) for grant in state.new_grants.values()],
        [
            (grant.id, grant.remaining_microcredits, grant.held_microcredits, grant.status.value)
            for grant in state.changed_grants.values()
        ],
        [rows.hold_row(hold) for hold in state.new_holds.values()],
        [
            (
                hold.id,
                hold.amount_microcredits,
                hold.state.value,
                hold.lease_until,
                rows.measured_text(hold.checkpoint),
                hold.closed_at,
                hold.cost_microcredits,
            )
            for hold in state.changed_holds.values()
        ],
        list(rows.allocation_rows(state.changed_allocations.values())),
        [rows.transaction_row(transaction) for transaction in state.transactions],
        list(rows.entry_rows(state.transactions)),
        [rows.usage_event_row(event) for event in state.usage_events],
        list(rows.usage_line_rows(state.usage_events)),
        list(rows.bucket_change_rows(state.changed_buckets.values())),
        list(rows.reservation_rows(state.changed_reservations.values())),
        list(rows.hold_debt_rows(state.changed_hold_debts.values())),
    )


async def write(connection: asyncpg.Connection, changes: tuple[Rows, ...]) -> None:
    """What `changes_of` found."""
    await connection.execute(statements.WRITE, *changes)

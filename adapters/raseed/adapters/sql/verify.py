"""Proof that the stored ledger is consistent: every invariant that the tables can express, each under its own name.

Runs on one snapshot (`await database.read(verify)`), also of a database in use. Reads all of it: seconds for a million
entries. An empty list is the proof; anything else is a bug or a damaged file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, text

from raseed.adapters.sql import invariants_books as books
from raseed.adapters.sql import invariants_usage as usage


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    id: str
    """Of the row that breaks it."""
    detail: str


Check = Callable[[], Select[str, str]]
"""A query of (id, detail) that finds the rows which break one invariant."""


def verify(connection: Connection) -> list[Violation]:
    """All violations, grouped by invariant."""
    found = list(_damaged_file(connection))
    for invariant, check in CHECKS.items():
        found += [Violation(invariant, id_, detail) for id_, detail in connection.execute(check())]
    return found


def _damaged_file(connection: Connection) -> Iterator[Violation]:
    if connection.dialect.name != "sqlite":
        return
    for (message,) in connection.execute(text("PRAGMA quick_check")):
        if message != "ok":
            yield Violation("file_is_sound", "database", message)
    for table, rowid, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield Violation("foreign_keys_hold", f"{table}:{rowid}", f"no such row in {parent}")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        books.transaction_sums_to_zero,
        books.entry_names_its_grant,
        books.expiry_touches_its_own_grant,
        books.grant_remaining_equals_entries,
        books.grant_held_within_remaining,
        books.grant_active_while_something_is_left,
        books.grant_held_equals_open_allocations,
        books.one_welcome_grant,
        books.account_has_balance,
        books.balance_available_equals_grants,
        books.balance_held_equals_open_holds,
        books.balance_debt_equals_entries,
        books.replay_rebuilds_balances,
        usage.hold_amount_equals_allocations,
        usage.hold_resolved_once,
        usage.charge_within_hold,
        usage.usage_equals_hold,
        usage.usage_equals_lines,
        usage.usage_equals_entries,
        usage.debit_names_usage_event,
    )
}

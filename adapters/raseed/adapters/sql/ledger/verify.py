"""Proof that the stored ledger is consistent: every invariant that the tables can express, each under its own name.

Runs on one snapshot (`await database.read(verify)`), also of a database in use. Reads all of it: seconds for a million
entries. An empty list is the proof; anything else is a bug or a damaged file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, text
from sqlalchemy.exc import DatabaseError

from raseed.adapters.sql.hash_chain import broken_links
from raseed.adapters.sql.ledger import invariants_books as books
from raseed.adapters.sql.ledger import invariants_caps as caps
from raseed.adapters.sql.ledger import invariants_debt as debt
from raseed.adapters.sql.ledger import invariants_kinds as kinds
from raseed.adapters.sql.ledger import invariants_usage as usage
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.ledger.invariants_lines import lines_follow_price_and_checkpoint
from raseed.adapters.sql.payments import invariants as receipts


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    id: str
    """Of the row that breaks it."""
    detail: str


Check = Callable[[Connection], Iterator[tuple[str, str]]]
"""Finds (id, detail) of the rows that break one invariant."""


def verify(connection: Connection) -> list[Violation]:
    """All violations, grouped by invariant. A file too damaged to be read is a violation too, not an exception. Raises what a server raises that cannot answer."""
    found: list[Violation] = []
    allow_minutes(connection)
    for invariant, check in {**_FILE_CHECKS, **CHECKS, **_WALKS}.items():
        try:
            found += [Violation(invariant, id_, detail) for id_, detail in check(connection)]
        except DatabaseError as error:
            if connection.dialect.name != "sqlite":
                raise
            found.append(Violation("file_is_sound", "database", f"{invariant}: {error.orig}"))
    return found


def allow_minutes(connection: Connection) -> None:
    """For statements that read the whole ledger: more than the few seconds that a query is otherwise allowed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))


def _file_is_sound(connection: Connection) -> Iterator[tuple[str, str]]:
    if connection.dialect.name == "sqlite":
        for (message,) in connection.execute(text("PRAGMA quick_check")):
            if message != "ok":
                yield "database", message


def _foreign_keys_hold(connection: Connection) -> Iterator[tuple[str, str]]:
    if connection.dialect.name == "sqlite":
        for table, rowid, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"{table}:{rowid}", f"no such row in {parent}"


def _rows_of(query: Callable[[], Select[str, str]]) -> Check:
    return lambda connection: ((id_, detail) for id_, detail in connection.execute(query()))


_WALKS: dict[str, Check] = {
    "lines_follow_price_and_checkpoint": lines_follow_price_and_checkpoint,
    "chain_is_unbroken": lambda connection: broken_links(connection, LEDGER_CHAIN),
}
"""What no statement can say: these read row by row."""

_FILE_CHECKS: dict[str, Check] = {"file_is_sound": _file_is_sound, "foreign_keys_hold": _foreign_keys_hold}

CHECKS: dict[str, Check] = {
    query.__name__: _rows_of(query)
    for query in (
        books.transaction_sums_to_zero,
        books.entry_names_its_grant,
        books.expiry_touches_its_own_grant,
        books.grant_remaining_equals_entries,
        books.grant_held_within_remaining,
        books.grant_active_while_something_is_left,
        books.grant_held_equals_open_allocations,
        books.one_welcome_grant,
        kinds.grant_amount_equals_issue,
        kinds.kind_books_its_accounts,
        kinds.debt_moves_as_its_kind_says,
        kinds.claim_takes_one_grant_and_books_one_rest,
        books.account_has_balance,
        books.balance_available_equals_grants,
        books.balance_held_equals_open_holds,
        books.balance_debt_equals_entries,
        books.replay_rebuilds_balances,
        usage.hold_amount_equals_allocations,
        usage.hold_resolved_once,
        usage.charge_within_hold,
        caps.cap_held_equals_open_holds,
        caps.cap_charged_equals_usage,
        debt.debt_reserved_equals_open_holds,
        debt.debt_drawn_beyond_credit,
        usage.usage_equals_hold,
        usage.usage_equals_lines,
        usage.usage_equals_entries,
        usage.debit_names_usage_event,
        usage.usage_hours_equal_events,
        usage.usage_days_equal_hours,
        usage.usage_fortnights_equal_days,
        receipts.receipt_numbers_have_no_gap,
    )
}

INVARIANT_COUNT = len(CHECKS) + len(_WALKS)

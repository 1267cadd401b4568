"""Reports, and what every request reads, find their rows through the index that is meant for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.sql.hash_chain import SqlChain, broken_links, unsealed
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.ledger.expiry_queue import SqlExpiryQueue
from raseed.adapters.sql.ledger.history import SqlHistoryStore
from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.adapters.sql.sqlite import ledger_statements
from raseed.core.billing.usage import CallPosition, GroupBy, Periods, Span
from raseed.core.clock import DAY, HOUR, Microseconds

SPAN = Span(Microseconds(5 * HOUR), Microseconds(90 * DAY))
"""Hours, days, fortnights, days, and no hours."""
SUMS = (
    "SEARCH usage_sums USING PRIMARY KEY "
    "(account_id=? AND dimension=? AND grain=? AND begins_at>? AND begins_at<?)"
)
CALLS = "SEARCH usage_events USING INDEX ix_usage_events_account_id_at (account_id=? AND at>? AND at<?)"
PAST = "SEARCH grants USING INDEX ix_grants_past (account_id=?"
ACTIVE = "SEARCH grants USING INDEX ix_grants_spendable (account_id=?"
DUE = "SEARCH grants USING INDEX ix_grants_due (expires_at>? AND expires_at<?)"
TOPUPS = "SEARCH grants USING INDEX ix_grants_topups (account_id=?"

REPORTS: dict[str, tuple[Callable[[SqlUsageStore, SqlHistoryStore], Any], list[str]]] = {
    "days": (lambda usage, _: usage.period_sums(ALICE, [Periods(SPAN.begin, DAY, 31)]), [SUMS]),
    "models": (lambda usage, _: usage.grouped_sums(ALICE, SPAN, GroupBy.MODEL, None, 9), [SUMS] * 5),
    "keys": (lambda usage, _: usage.grouped_sums(ALICE, SPAN, GroupBy.KEY, "k", 9), [SUMS] * 5),
    "calls": (lambda usage, _: usage.calls(ALICE, SPAN, None, 9), [CALLS]),
    "calls behind a position": (
        lambda usage, _: usage.calls(ALICE, SPAN, CallPosition(Microseconds(DAY), "x"), 9),
        [CALLS],
    ),
    "grants": (lambda _, history: history.grants(ALICE, "", 9), [ACTIVE, PAST]),
    "grants behind one": (lambda _, history: history.grants(ALICE, "x", 9), [ACTIVE, PAST]),
    "top-ups": (lambda _, history: history.topups(ALICE, "x", 9), [TOPUPS]),
    "top-ups of a page": (
        lambda _, history: history.topups_from(ALICE, 20, 20),
        [TOPUPS, TOPUPS],
    ),
}


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_reads_no_more_than_it_shows(store, name):
    report, expected = REPORTS[name]
    statements: list[str] = []

    async def read(work: Callable[[Connection], Any]) -> Any:
        def traced(connection: Connection) -> Any:
            raw: Any = connection.connection.driver_connection
            raw.set_trace_callback(statements.append)
            try:
                return work(connection)
            finally:
                raw.set_trace_callback(None)

        return await original(traced)

    original, store.database.read = store.database.read, read
    await report(SqlUsageStore(store.database), SqlHistoryStore(store.database))
    store.database.read = original

    plans = store.database.read_point(lambda connection: [plan(connection, sql) for sql in statements])
    lines = [line for found in plans for line in found]
    of_tables = [
        line for line in lines if any(table in line for table in ("usage_sums", "usage_events", "grants"))
    ]
    assert len(of_tables) == len(expected)
    for line, beginning in zip(of_tables, expected, strict=True):
        assert line.startswith(beginning)
    assert not [line for line in lines if line.startswith(("SCAN usage_lines", "SCAN api_keys"))]


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    if not sql.startswith("SELECT"):
        return []
    return [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]


def test_a_request_reads_the_live_grants_alone(store):
    """However many an account has spent: no other index may look as good to the planner."""
    found = store.database.read_point(
        lambda connection: [
            detail
            for *_, detail in connection.execute(
                f"EXPLAIN QUERY PLAN {ledger_statements.LOAD_ACTIVE_GRANTS}", ["[]"]
            )
        ]
    )
    assert found[0] == ACTIVE + ")"


async def test_what_has_expired_is_found_among_the_grants_that_expire(store):
    lines: list[str] = []
    original, store.database.read = store.database.read, lambda work: original(traced(work, lines))
    await SqlExpiryQueue(store.database).accounts_to_expire(5)
    store.database.read = original
    assert lines[0] == DUE


async def test_the_chain_reads_the_entries_of_its_own_transactions(store):
    """When it grows by a batch, and when a page of it is checked: however many entries the ledger has."""
    await store.ledger.submit([issue("sealed", 5)])
    assert await SqlChain(store.database, LEDGER_CHAIN).extend(5) > 0
    await store.ledger.submit([issue("unsealed", 5)])
    lines: list[str] = []
    await store.database.read(traced(lambda connection: unsealed(connection, LEDGER_CHAIN, 5), lines))
    await store.database.read(traced(lambda connection: list(broken_links(connection, LEDGER_CHAIN)), lines))
    of_entries = [line for line in lines if "ledger_entries" in line]
    assert of_entries == ["SEARCH ledger_entries USING PRIMARY KEY (tx_id=?)"] * 2


def traced(work: Callable[[Connection], Any], lines: list[str]) -> Callable[[Connection], Any]:
    """The same work; `lines` gets the plans of its queries, as they are planned before their parameters are known."""

    def with_plans(connection: Connection) -> Any:
        statements: list[tuple[str, Any]] = []

        def executing(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
            statements.append((sql, parameters))

        event.listen(connection, "before_cursor_execute", executing)
        found = work(connection)
        event.remove(connection, "before_cursor_execute", executing)
        for sql, parameters in statements:
            plans = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
            lines.extend(detail for *_, detail in plans)
        return found

    return with_plans

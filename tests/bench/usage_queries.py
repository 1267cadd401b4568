"""Balance and usage queries of an account with a million requests: `python -m tests.bench.usage_queries`.

Fills a database of each kind and times what BillingService asks of it, as the worker asks: through the store, with readers
in threads. Processor time is given beside, of this process: what a query takes where nobody else is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from tests.bench.bench import Bench, collect_garbage_as_a_worker
from tests.bench.figures import Budget, Row, machine, number, table
from tests.contract.ledger.conftest import ACCOUNT
from tests.support.past import DAYS, Past, add_past_to_postgres, add_past_to_sqlite
from tests.support.postgres import PostgresServer
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.ledger.history import SqlHistoryStore
from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.usage import CallPosition, GroupBy, UsageService
from raseed.core.clock import DAY, Microseconds

P99_MS_MAX = 20.0
PAST = Past(pairs=1_000_000, spent_grants=10_000, models=10, keys=20)
"""In every hour another model and another key with each request: the most sums that so many events make."""
ROUNDS = 5
TIMES = 100
"""How often a query is asked in a round. The p99 of each round counts, and of those the middle one."""
LIVE_GRANTS = 3

Sql = Database | PostgresDatabase


@dataclass(frozen=True, slots=True)
class Timed:
    """One query, in all rounds."""

    p99_ms: list[float] = field(default_factory=list)
    """Of each round."""
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


async def one_round(query: Callable[[], Awaitable[object]], timed: Timed) -> None:
    for _ in range(TIMES):
        began, spent = time.perf_counter(), time.process_time()
        await query()
        timed.wall_ms.append((time.perf_counter() - began) * 1000)
        timed.cpu_ms.append((time.process_time() - spent) * 1000)
    timed.p99_ms.append(p99(timed.wall_ms[-TIMES:]))


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


@asynccontextmanager
async def sqlite(folder: Path, past: Past) -> AsyncIterator[Sql]:
    path = folder / "raseed.db"
    database = await Database.open(path)
    await _with_credit(database, SqliteLedger(database))
    await database.close()
    add_past_to_sqlite(path, ALICE, past)
    database = await Database.open(path)
    yield database
    await database.close()


@asynccontextmanager
async def postgres(_folder: Path, past: Past) -> AsyncIterator[Sql]:
    server = PostgresServer(settings={})
    try:
        server.start()
        url = await server.create_database()
        database = await PostgresDatabase.open(url)
        await _with_credit(database, PostgresLedger(database))
        await add_past_to_postgres(url, ALICE, past)
        yield database
        await database.close()
    finally:
        server.close()


async def _with_credit(database: Sql, ledger: SqliteLedger | PostgresLedger) -> None:
    account = replace(ACCOUNT, id=ALICE, email="alice@example.com")
    await database.write(partial(create_account, account=account))
    await ledger.submit([issue(f"live {number}", 10**9) for number in range(LIVE_GRANTS)])


async def measure(database: Sql, rounds: int) -> dict[str, Timed]:
    calendar = Calendar("Asia/Kuwait")
    usage = UsageService(SqlUsageStore(database), calendar, database.clock, 2 * DAYS)
    history = SqlHistoryStore(database)
    ledger = SqliteLedger(database) if isinstance(database, Database) else PostgresLedger(database)
    now = database.clock.now()
    today = calendar.day_of(now)
    year, month = calendar.begin(today - timedelta(days=364)), calendar.begin(today - timedelta(days=29))

    def report(group_by: GroupBy, begin: Microseconds) -> Callable[[], Awaitable[object]]:
        return lambda: usage.report(ALICE, group_by=group_by, begin=begin)

    middle = CallPosition(Microseconds(now - DAYS // 2 * DAY), "")
    queries: dict[str, Callable[[], Awaitable[object]]] = {
        "balance": lambda: ledger.balance(ALICE),
        "grants, first page": lambda: history.grants(ALICE, "", 101),
        "top-ups, page 250": lambda: history.topups_from(ALICE, 250 * 20, 20),
        "usage by day, this month": report(GroupBy.DAY, month),
        "usage by day, a year ago": report(GroupBy.DAY, year),
        "usage by model, month": report(GroupBy.MODEL, month),
        "usage by model, year": report(GroupBy.MODEL, year),
        "usage by key, year": report(GroupBy.KEY, year),
        "usage by member, year": report(GroupBy.MEMBER, year),
        "calls, first page": lambda: usage.calls(ALICE, limit=20),
        "calls, 100 in the middle": lambda: usage.calls(ALICE, after=middle, limit=100),
    }
    collect_garbage_as_a_worker()
    measured = {name: Timed() for name in queries}
    for query in queries.values():
        await query()
    for _ in range(rounds):
        for name, query in queries.items():
            await one_round(query, measured[name])
    return measured


STORES = {"SQLite": sqlite, "PostgreSQL": postgres}


async def measure_both(folder: Path, past: Past, rounds: int) -> list[Row]:
    rows: list[Row] = []
    for store, opened in STORES.items():
        began = time.perf_counter()
        async with opened(folder, past) as database:
            took = time.perf_counter() - began
            print(f"{store}: {past.pairs:,} usage events, filled in {took:.0f} s", file=sys.stderr)
            measured = await measure(database, rounds)
            rows += [_row(f"{store}, {name}, p99", timed) for name, timed in measured.items()]
    return rows


def _row(what: str, timed: Timed) -> Row:
    return Row(
        what=what,
        values=timed.p99_ms,
        unit="ms",
        budget=Budget("≤", P99_MS_MAX, "ms"),
        note=f"median {number(median(timed.wall_ms))}, processor time median {number(median(timed.cpu_ms))} "
        f"and p99 {number(p99(timed.cpu_ms))} ms",
    )


async def usage_queries(bench: Bench) -> list[Row]:
    """Balance, history and usage of an account with a million requests."""
    bench.say("a million usage events")
    return await measure_both(bench.folder(), PAST, bench.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.usage_queries", description=__doc__)
    parser.add_argument("--events", type=int, default=PAST.pairs)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    past = replace(PAST, pairs=arguments.events)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure_both(Path(folder), past, arguments.rounds))
    print(table(rows))
    print(", ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()

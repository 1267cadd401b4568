"""Balance and usage queries of an account with a million requests: `python -m tests.bench.usage_queries`.

Fills a temporary SQLite database and times what BillingService asks of it, as the worker asks: through the store, with
readers in threads. Processor time is given beside: it is what a query takes where nobody else is.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

from tests.bench.bench import Bench
from tests.bench.figures import Budget, Row, machine, number, table
from tests.contract.ledger.conftest import SqliteStore
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.sql.history import SqlHistoryStore
from raseed.adapters.sql.usage_queries import SqlUsageStore
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import Meter
from raseed.core.billing.usage import CallPosition, GroupBy, UsageService
from raseed.core.clock import DAY, HOUR, Microseconds

P99_MS_MAX = 20.0
EVENTS = 1_000_000
ROUNDS = 300
DAYS = 365
MODELS = ("raseed-tiny", "llama3:70b", "gpt-4o-mini", "claude-haiku-4-5", "qwen2.5:3b")
KEYS = tuple(f"key_{number:026}" for number in range(3))
GRANTS_SPENT = 10_000


def fill(path: Path, now: int, events: int) -> None:
    """A year of one account, evenly spread over its hours, models and keys: the most sums that so many events make."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("BEGIN")
    chance = random.Random(1)
    step = DAYS * DAY // events
    raw.executemany(
        "INSERT INTO api_keys VALUES (?, ?, ?, x'00', 1, 'bench', '0000', 0, NULL, NULL, '')",
        [(key, ALICE, key) for key in KEYS],
    )
    raw.executemany(
        "INSERT INTO grants VALUES (?, ?, ?, 'topup', 5, 0, 0, 50, 0, NULL, 'exhausted', 2000, 'KWD', 0, '')",
        [(f"grant_{number:026}", ALICE, f"old {number}") for number in range(GRANTS_SPENT)],
    )
    for start in range(0, events, 10_000):
        rows = []
        for index in range(start, min(start + 10_000, events)):
            prompt, answer = chance.randrange(10, 2_000), chance.randrange(1, 800)
            at = now - DAYS * DAY + index * step
            rows.append((f"run_{index:026}", at, chance.choice(MODELS), chance.choice(KEYS), prompt, answer))
        raw.executemany(
            "INSERT INTO holds VALUES (?1, ?6, ?4, ?3, '{}', '', ?5, 'settled', 'core-0', 1, ?2, '[]', ?2, ?2, ?5)",
            [(id_, at, model, key, prompt + answer, ALICE) for id_, at, model, key, prompt, answer in rows],
        )
        raw.executemany(
            "INSERT INTO usage_events VALUES (?1, ?6, ?4, ?3, 'engine', 'completed', 'stop', ?5, 0, NULL, 900, 80, 'x', ?2)",
            [(id_, at, model, key, prompt + answer, ALICE) for id_, at, model, key, prompt, answer in rows],
        )
        lines = [
            (row[0], meter, quantity)
            for row in rows
            for meter, quantity in ((Meter.INPUT_TOKENS, row[4]), (Meter.OUTPUT_TOKENS, row[5]))
        ]
        raw.executemany("INSERT INTO usage_lines VALUES (?1, ?2, ?3, 1, 1, ?3)", lines)
    for grain, length in (("hour", HOUR), ("day", DAY)):
        raw.execute(
            f"""INSERT INTO usage_sums SELECT e.account_id, '{grain}', e.at / {length} * {length}, e.model,
            e.api_key_id, count(*), sum(e.cost_microcredits), sum(i.quantity), 0, 0, sum(o.quantity), 0, 0, 0, 0, 0, 0
            FROM usage_events e
            JOIN usage_lines i ON i.request_id = e.request_id AND i.meter = 'input_tokens'
            JOIN usage_lines o ON o.request_id = e.request_id AND o.meter = 'output_tokens'
            GROUP BY 1, 2, 3, 4, 5"""
        )
    raw.execute("COMMIT")
    raw.close()


@dataclass(frozen=True, slots=True)
class Timed:
    name: str
    wall_ms: list[float]
    cpu_ms: list[float]
    """Of the whole process: what it takes on a machine that does nothing else."""

    def p99(self, values: list[float]) -> float:
        return quantiles(values, n=100)[98]


async def timed(name: str, query: Callable[[], Awaitable[object]], rounds: int) -> Timed:
    await query()
    result = Timed(name, [], [])
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        await query()
        result.wall_ms.append((time.perf_counter() - began) * 1000)
        result.cpu_ms.append((time.process_time() - spent) * 1000)
    return result


async def measure(folder: Path, events: int, rounds: int) -> list[Timed]:
    path = folder / "raseed.db"
    store = await SqliteStore.open(path)
    await store.open_account(ALICE)
    await store.ledger.submit([issue(f"live {number}", 10**9) for number in range(3)])
    now = store.clock.now()
    await store.database.close()
    began = time.perf_counter()
    fill(path, now, events)
    store = await SqliteStore.open(path)
    sums = await store.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM usage_sums").scalar())
    took = time.perf_counter() - began
    print(
        f"{events:,} events, {sums:,} sums, {path.stat().st_size >> 20} MiB, filled in {took:.0f} s",
        file=sys.stderr,
    )

    calendar = Calendar("Asia/Kuwait")
    usage = UsageService(SqlUsageStore(store.database), calendar, store.clock, 2 * DAYS)
    history = SqlHistoryStore(store.database)
    today = calendar.day_of(now)
    year, month = calendar.begin(today - timedelta(days=364)), calendar.begin(today - timedelta(days=29))

    def report(
        group_by: GroupBy, begin: Microseconds, end: Microseconds | None = None
    ) -> Callable[[], Awaitable[object]]:
        return lambda: usage.report(ALICE, group_by=group_by, begin=begin, end=end)

    middle = CallPosition(Microseconds(now - DAYS // 2 * DAY), "")
    queries: dict[str, Callable[[], Awaitable[object]]] = {
        "balance": lambda: store.ledger.balance(ALICE),
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
    rows = [await timed(name, query, rounds) for name, query in queries.items()]
    await store.database.close()
    return rows


def rows_of(measured: list[Timed]) -> list[Row]:
    return [
        Row(
            what=f"{one.name}, p99",
            values=[one.p99(one.wall_ms)],
            unit="ms",
            budget=Budget("≤", P99_MS_MAX, "ms"),
            note=f"median {number(median(one.wall_ms))}, processor time median {number(median(one.cpu_ms))} "
            f"and p99 {number(one.p99(one.cpu_ms))} ms",
        )
        for one in measured
    ]


async def usage_queries(bench: Bench) -> list[Row]:
    """Balance, history and usage of an account with a million requests."""
    bench.say("a million usage events")
    events, rounds = (200_000, 100) if bench.quick else (EVENTS, ROUNDS)
    return rows_of(await measure(bench.folder(), events, rounds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.usage_queries", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(Path(folder), arguments.events, arguments.rounds))
    print(table(rows_of(measured)))
    print(", ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()

"""Pairs of hold and settlement a second on PostgreSQL: ours against bare plpgsql, and ours with and without a past.

Workers are processes, as in production, on one server with fsync. All sides run in turns in the same run, over
connections with the same settings.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.bench.bench import Bench
from tests.bench.figures import Budget, Row
from tests.bench.postgres_bare import FUNCTIONS
from tests.bench.postgres_worker import COMMANDS, OURS, ROWS
from tests.support.past import Past, add_past_to_postgres
from tests.support.postgres import PostgresServer

from raseed.adapters.sql.postgres.connect import LEDGER, connect
from raseed.adapters.sql.postgres.database import PostgresDatabase

WORKERS = 2
ACCOUNTS = (1, 1_000)
CREDIT = 10**15
STOP_TIMEOUT_S = 20.0
WITHIN = Budget("≥", 0.6)
FLAT = Budget("≥", 0.9)
"""Nine tenths: the same but for what the machine does meanwhile."""


SHORT = Past(500, 10)
PASTS = {
    "1,000,000 past entries": Past(500_000, 10),
    "10,000 exhausted grants": Past(10_000, 10_000),
}


async def postgres(bench: Bench) -> list[Row]:
    """The ledger on PostgreSQL."""
    server = PostgresServer(settings={})
    try:
        server.start()
        return [*await _against_bare(bench, server), *await _with_a_past(bench, server)]
    finally:
        server.close()


async def _against_bare(bench: Bench, server: PostgresServer) -> list[Row]:
    url = await _database(server, max(ACCOUNTS))
    rows: list[Row] = []
    async with _running(WORKERS, url) as workers:
        for accounts in ACCOUNTS:
            bench.say(f"PostgreSQL, {WORKERS} workers, accounts: {accounts}")
            rates: dict[str, list[float]] = {OURS: [], COMMANDS: [], ROWS: []}
            for _ in range(bench.rounds):
                for side, values in rates.items():
                    values.append(await workers.measure(side, accounts, bench.seconds))
            where = f"{WORKERS} workers, {'one account' if accounts == 1 else f'{accounts:,} accounts'}"
            rows += _compared(where, rates)
    return rows


def _compared(where: str, rates: dict[str, list[float]]) -> list[Row]:
    def ratio(other: str) -> list[float]:
        return [ours / theirs for ours, theirs in zip(rates[OURS], rates[other], strict=True)]

    names = {OURS: "ours", COMMANDS: "bare plpgsql, command by command", ROWS: "bare plpgsql, rows only"}
    return [
        Row(what=f"PostgreSQL, {where}: ours / bare plpgsql", values=ratio(COMMANDS), budget=WITHIN),
        Row(what=f"PostgreSQL, {where}: ours / rows alone", values=ratio(ROWS)),
        *(
            Row(what=f"PostgreSQL, {where}: {names[side]}", values=values, unit="pairs/s")
            for side, values in rates.items()
        ),
    ]


async def _with_a_past(bench: Bench, server: PostgresServer) -> list[Row]:
    """The same account with different pasts, in turns, each in a database of its own."""
    rates: dict[str, list[float]] = {}
    async with _one_for_each(bench, server) as workers:
        for _ in range(bench.rounds):
            for name, worker in workers.items():
                rates.setdefault(name, []).append(await worker.measure(OURS, 1, bench.seconds))
    short = rates.pop("")
    rows = [Row(what=f"PostgreSQL, {2 * SHORT.pairs:,} past entries", values=short, unit="pairs/s")]
    for name, values in rates.items():
        ratio = [after / before for after, before in zip(values, short, strict=True)]
        rows.append(Row(what=f"PostgreSQL, {name}: with / without", values=ratio, budget=FLAT))
        rows.append(Row(what=f"PostgreSQL, {name}", values=values, unit="pairs/s"))
    return rows


@asynccontextmanager
async def _one_for_each(bench: Bench, server: PostgresServer) -> AsyncIterator[dict[str, Workers]]:
    async with AsyncExitStack() as stack:
        workers: dict[str, Workers] = {}
        for name, past in {"": SHORT, **PASTS}.items():
            bench.say(f"PostgreSQL, {name or 'a short past'}")
            url = await _database(server, 1)
            await add_past_to_postgres(url, "acct_0", past)
            workers[name] = await stack.enter_async_context(_running(1, url))
        yield workers


async def _database(server: PostgresServer, accounts: int) -> str:
    """With so many accounts, whose credit never ends."""
    url = await server.create_database()
    database = await PostgresDatabase.open(url)
    await database.close()
    connection = await connect(url, LEDGER)
    for function in FUNCTIONS:
        await connection.execute(function)
    ids = [f"acct_{number}" for number in range(accounts)]
    await connection.execute(
        "INSERT INTO accounts SELECT a, a, NULL, 'free', 'active', NULL, 0 FROM unnest($1::text[]) AS a", ids
    )
    await connection.execute(
        "INSERT INTO balances SELECT a, $2, 0, 0, 0 FROM unnest($1::text[]) AS a", ids, CREDIT
    )
    await connection.execute(
        "INSERT INTO grants SELECT 'grant:' || a, a, 'g', 'topup', $2, $2, 0, 50, 0, NULL, 'active', 0, '', 0, '' "
        "FROM unnest($1::text[]) AS a",
        ids,
        CREDIT,
    )
    await connection.execute("VACUUM ANALYZE accounts, balances, grants")
    await connection.close()
    return url


@dataclass(frozen=True, slots=True)
class Workers:
    processes: Sequence[asyncio.subprocess.Process]

    async def measure(self, side: str, accounts: int, seconds: float) -> float:
        """Pairs a second of all of them together."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{side} {accounts} {seconds}\n".encode())
        return sum([float(await _line(process)) for process in self.processes])


@asynccontextmanager
async def _running(count: int, url: str) -> AsyncIterator[Workers]:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.postgres_worker",
            url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert await _line(process) == "ready"
        yield Workers(processes)
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    assert line, "a worker died"
    return line

"""What a request pays for what it may not use: an API key without a cap, and the sealing of the hash chain.

Pairs of hold and settlement of one account in batches of 64, on both stores, with and without. Each way has a database of
its own; all take turns in one run. What the job has not sealed when the pairs are made is sealed at the end, in its time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from tests.bench.bench import Bench, collect_garbage_as_a_worker
from tests.bench.figures import Budget, Row, number
from tests.contract.ledger.conftest import ACCOUNT, KEY
from tests.support.postgres import PostgresServer
from tests.unit.billing.builders import ALICE, issue, place, settle

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.hash_chain import SqlChain
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.sqlite.database import Database
from raseed.core.chain import sealer_job
from raseed.core.ids import ApiKeyId
from raseed.core.jobs import run_job

UNCAPPED = Budget("≥", 0.98)
"""A key without a cap is what nearly every request comes with."""
BATCH = 64
FEEDERS = 2
PAIRS = 6_400
KEY_ID = ApiKeyId("key_bench")
WITHOUT, WITH_KEY, SEALED = "without", "an uncapped key", "the sealer"

Sql = Database | PostgresDatabase


@dataclass(slots=True)
class Way:
    """One of the ways to make pairs, and what they took."""

    name: str
    database: Sql
    pairs_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Of this process for each pair: all of it on SQLite, our side of it on PostgreSQL."""


async def costs(bench: Bench) -> list[Row]:
    """Pairs a second with a key, with the sealer, and without either."""
    rows: list[Row] = []
    for store, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        bench.say(f"{store}: what keys and the sealer cost")
        async with opened(bench.folder()) as ways:
            collect_garbage_as_a_worker()
            numbers = count()
            for _ in range(3 * bench.rounds):
                for way in ways:
                    await _round(way, f"r{next(numbers)}")
            rows += _compared(store, ways)
    return rows


async def _round(way: Way, label: str) -> None:
    key_id = KEY_ID if way.name == WITH_KEY else None
    batches = iter(range(PAIRS // BATCH))

    async def feeder() -> None:
        for batch in batches:
            holds = [f"{label}-{batch}-{number}" for number in range(BATCH)]
            await way.database.submit([place(hold, 500, 100, api_key_id=key_id) for hold in holds])
            await way.database.submit([settle(hold, 300) for hold in holds])

    feeding = asyncio.gather(*(feeder() for _ in range(FEEDERS)))
    began, spent = time.perf_counter(), time.process_time()
    if way.name == SEALED:
        job = sealer_job("seal ledger", SqlChain(way.database, LEDGER_CHAIN))
        sealing = asyncio.create_task(run_job(job, _report))
        await feeding
        sealing.cancel()
        await asyncio.wait([sealing])
        while await job.batch():
            pass
    await feeding
    way.pairs_per_s.append(PAIRS / (time.perf_counter() - began))
    way.cpu_us.append((time.process_time() - spent) * 1e6 / PAIRS)


def _report(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


def _compared(store: str, ways: Sequence[Way]) -> list[Row]:
    without, *others = ways
    return [
        Row(
            what=f"{store}: pairs/s with {way.name} / without",
            values=[mine / base for mine, base in zip(way.pairs_per_s, without.pairs_per_s, strict=True)],
            budget=UNCAPPED if way.name == WITH_KEY else None,
            note=f"{number(median(way.pairs_per_s))} : {number(median(without.pairs_per_s))} pairs/s, processor "
            f"time of this process {number(median(way.cpu_us))} : {number(median(without.cpu_us))} µs a pair",
        )
        for way in others
    ]


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[list[Way]]:
    async with AsyncExitStack() as stack:
        ways = []
        for number, name in enumerate((WITHOUT, WITH_KEY, SEALED)):
            database = await Database.open(folder / f"{number}.db")
            stack.push_async_callback(database.close)
            ways.append(await _filled(name, database))
        yield ways


@asynccontextmanager
async def _postgres(_folder: Path) -> AsyncIterator[list[Way]]:
    server = PostgresServer(settings={})
    try:
        server.start()
        async with AsyncExitStack() as stack:
            ways = []
            for name in (WITHOUT, WITH_KEY, SEALED):
                database = await PostgresDatabase.open(await server.create_database())
                stack.push_async_callback(database.close)
                ways.append(await _filled(name, database))
            yield ways
    finally:
        server.close()


async def _filled(name: str, database: Sql) -> Way:
    account = replace(ACCOUNT, id=ALICE, email="alice@example.com")
    await database.write(partial(create_account, account=account))
    key = replace(KEY, id=KEY_ID, account_id=ALICE, public_id=KEY_ID)
    await database.write(lambda connection: insert_key(connection, key))
    await database.submit([issue("g", 10**14)])
    return Way(name, database)

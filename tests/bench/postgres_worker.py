"""One worker of the PostgreSQL benchmark: `python -m tests.bench.postgres_worker URL`.

Does what its standard input says, one line a round: `<side> <accounts> <seconds>`. Prints pairs of hold and settlement a
second. Every customer of ours waits for its hold before it settles; the bare sides are handed full batches.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

import asyncpg
import uvloop
from tests.bench import postgres_bare
from tests.bench.postgres_bare import AMOUNT, COST
from tests.unit.billing.builders import place, settle

from raseed.adapters.sql.postgres.connect import LEDGER, connect
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.postgres.queue import BATCH_COMMANDS_MAX
from raseed.adapters.sql.postgres.writer import LANES, lane_of
from raseed.core.ids import AccountId, new_id

OURS, COMMANDS, ROWS = "ours", "commands", "rows"
CUSTOMERS_PER_LANE = 64
"""At a time and worker: keeps every lane's next batch full while one is under way."""
WARMUP_S = 0.5

Batch = Callable[[asyncpg.Connection, postgres_bare.Pairs, postgres_bare.Pairs], Awaitable[None]]


class Worker:
    def __init__(self, url: str, database: PostgresDatabase) -> None:
        self._url = url
        self._ledger = PostgresLedger(database)
        self._prefix = new_id("h")
        self._numbers = count()
        self._pairs = 0
        self._stopped = False

    async def measure(self, side: str, account_count: int, seconds: float) -> float:
        """Pairs a second."""
        by_lane: list[list[AccountId]] = [[] for _ in range(LANES)]
        for number in range(account_count):
            account_id = AccountId(f"acct_{number}")
            by_lane[lane_of(account_id)].append(account_id)
        lanes = [accounts for accounts in by_lane if accounts]
        self._stopped = False
        if side == OURS:
            running = [self._customer(accounts) for accounts in lanes for _ in range(CUSTOMERS_PER_LANE)]
        else:
            batch = postgres_bare.rows if side == ROWS else postgres_bare.commands
            running = [self._bare(batch, accounts) for accounts in lanes]
        tasks = [asyncio.create_task(each) for each in running]
        loop = asyncio.get_running_loop()
        await asyncio.sleep(WARMUP_S)
        began, before = loop.time(), self._pairs
        await asyncio.sleep(seconds)
        rate = (self._pairs - before) / (loop.time() - began)
        self._stopped = True
        await asyncio.gather(*tasks)
        return rate

    async def _customer(self, accounts: Sequence[AccountId]) -> None:
        while not self._stopped:
            account_id, hold = random.choice(accounts), self._hold()
            await self._ledger.submit([place(hold, AMOUNT, account_id=account_id)])
            await self._ledger.submit([settle(hold, COST, account_id=account_id)])
            self._pairs += 1

    async def _bare(self, batch: Batch, accounts: Sequence[AccountId]) -> None:
        connection = await connect(self._url, LEDGER)
        open_holds: list[tuple[str, AccountId]] = []
        while open_holds or not self._stopped:
            count_placed = 0 if self._stopped else BATCH_COMMANDS_MAX // 2
            placed = [(self._hold(), random.choice(accounts)) for _ in range(count_placed)]
            await batch(connection, open_holds, placed)
            self._pairs += len(open_holds)
            open_holds = placed
        await connection.close()

    def _hold(self) -> str:
        return f"{self._prefix}:{next(self._numbers)}"


async def work(url: str) -> None:
    database = await PostgresDatabase.open(url)
    worker = Worker(url, database)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        side, account_count, seconds = line.split()
        print(await worker.measure(side, int(account_count), float(seconds)), flush=True)
    await database.close()


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1]))

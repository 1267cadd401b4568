"""A worker that holds and settles as fast as it can and says on standard output what it was told is durable."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.contract.ledger.conftest import ACCOUNT
from tests.unit.billing.builders import ALICE, issue, place, settle, sweep

from raseed.adapters.sql.accounts.accounts import create_account, find_account
from raseed.adapters.sql.instances import begin_life
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.billing.commands import Held, Settled


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def main(path: Path) -> None:
    database = await Database.open(path)
    ledger = SqliteLedger(database)
    if await database.read(lambda connection: find_account(connection, ALICE)) is None:
        await database.write(
            lambda c: create_account(c, replace(ACCOUNT, id=ALICE, email="alice@example.com"))
        )
    await ledger.submit([issue("g", 10**12)])
    epoch = await database.write(lambda c: begin_life(c, "worker-1", database.clock.now()))
    for hold in await ledger.holds_to_sweep("worker-1", epoch):
        await ledger.submit([sweep(hold.id, instance="worker-1", epoch=epoch)])
        say("swept", hold.id)
    numbers = count()

    async def customer() -> None:
        while True:
            hold = f"{epoch}-{next(numbers)}"
            [held] = await ledger.submit([place(hold, 100, owner_epoch=epoch)])
            assert isinstance(held, Held)
            say("held", hold)
            [settled] = await ledger.submit([settle(hold, 42, epoch=epoch)])
            assert isinstance(settled, Settled)
            say("settled", hold)

    await asyncio.gather(*(customer() for _ in range(16)))


asyncio.run(main(Path(sys.argv[1])))

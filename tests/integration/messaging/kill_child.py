"""A worker that dies while it sends one notice: before it reaches the driver's file, or right after."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from tests.contract.ledger.conftest import ACCOUNT
from tests.unit.billing.builders import ALICE

from raseed.adapters.messaging.outbox_file import OutboxFile
from raseed.adapters.messaging.texts import read_texts
from raseed.adapters.sql.accounts.accounts import create_account, find_account
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.sqlite.database import Database
from raseed.core.clock import SECOND, Microseconds, SystemClock
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.outbox import LEASE_S, Courier, Routing
from raseed.core.messaging.ports import Channel, Language, Message

NOTICE = Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=ALICE, cause="grant_1")


class LaterClock:
    """The system's, so many leases later: nobody waits for those of the dead."""

    def __init__(self, lives: int) -> None:
        self._ahead = lives * (LEASE_S + 1) * SECOND

    def now(self) -> Microseconds:
        return Microseconds(SystemClock().now() + self._ahead)


class Killed:
    """A driver whose process dies at a moment."""

    def __init__(self, driver: OutboxFile, moment: str) -> None:
        self._driver = driver
        self._moment = moment

    async def send(self, message: Message) -> str:
        if self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        sent = await self._driver.send(message)
        os.kill(os.getpid(), signal.SIGKILL)
        return sent


async def send_due(folder: Path, life: int, moment: str) -> None:
    database = await Database.open(folder / "raseed.db", clock=LaterClock(life))
    if await database.read(lambda connection: find_account(connection, ALICE)) is None:
        account = replace(ACCOUNT, id=ALICE, email="alice@example.com")
        await database.write(lambda connection: create_account(connection, account))
    outbox = SqlOutbox(database)
    await outbox.add(NOTICE)
    file = OutboxFile(folder / "outbox.jsonl", read_texts("Raseed"))
    driver = Killed(file, moment) if moment else file
    routing = Routing(channels=(Channel.EMAIL,), language=Language.ENGLISH)
    await Courier(outbox, driver, routing, lambda *_: None).batch()
    await database.close()


if __name__ == "__main__":
    asyncio.run(send_due(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))

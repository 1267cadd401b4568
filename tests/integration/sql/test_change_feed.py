"""What one worker changes, every worker hears of, once: keys are revoked and accounts suspended for all of them."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, open_store
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.change_feed import SqlChangeFeed
from raseed.core.changes import ChangeFollower, ChangeKind
from raseed.core.ids import AccountId

WORKERS = 3
CHANGED = [AccountId(f"acct_{number:02}") for number in range(5 * WORKERS)]


@pytest.fixture(params=[SQLITE, POSTGRES, POSTGRES_3])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    for account_id in (ALICE, *CHANGED):
        await opened.open_account(account_id)
    yield opened
    await opened.close()


async def test_every_worker_hears_of_every_change_once(store):
    heard: list[list[str]] = [[] for _ in range(WORKERS)]
    followers = [
        ChangeFollower(SqlChangeFeed(store.database), {ChangeKind.ACCOUNT: ids.append}, lambda: None, print)
        for ids in heard
    ]
    changing = [SqlStandingStore(store.database) for _ in range(WORKERS)]
    await changing[0].suspend(ALICE, "before anybody listened", "op")
    for follower in followers:
        await follower.start()

    async def change(number: int) -> None:
        for account_id in CHANGED[number::WORKERS]:
            await changing[number].suspend(account_id, "spam", f"core-{number}")
            await asyncio.gather(*(follower.poll() for follower in followers))

    await asyncio.gather(*map(change, range(WORKERS)))
    for follower in followers:
        await follower.poll()
    assert [sorted(ids) for ids in heard] == [CHANGED] * WORKERS

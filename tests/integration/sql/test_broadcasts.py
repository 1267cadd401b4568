"""Notices to every active account, on both databases: each once, whoever works on it and however often it stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from tests.contract.ledger.conftest import PostgresStore, SqliteStore

from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.messaging.broadcasts import SqlBroadcastStore
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.admin.audit import AuditFilter
from raseed.core.admin.broadcasts import Broadcast, broadcast_job
from raseed.core.clock import HOUR, Microseconds
from raseed.core.ids import AccountId
from raseed.core.jobs import run_round
from raseed.core.messaging.notices import NoticeKind
from raseed.core.messaging.ports import Channel

IDS = [AccountId(f"acct_{letter}") for letter in "abcdefg"]
TERMS = Broadcast(
    id="bcast_1",
    kind=NoticeKind.TERMS_CHANGED,
    version="2",
    begins_on="2026-05-01",
    actor="op_1",
    created_at=Microseconds(1),
    account_count=0,
    ended_at=None,
)


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, tmp_path):
    sqlite = request.param == "sqlite"
    opened = await (SqliteStore.open(tmp_path / "raseed.db") if sqlite else PostgresStore.open())
    for account_id in IDS:
        await opened.open_account(account_id)
    yield opened
    await opened.close()


async def told(store: Any) -> list[tuple[str, str]]:
    query = select(outbox.c.account_id, outbox.c.kind).order_by(outbox.c.account_id)
    found = await store.database.read(lambda c: c.execute(query).all())
    return [(row.account_id, row.kind) for row in found if row.kind != "account_suspended"]


async def test_every_active_account_is_told_once_in_batches(store):
    standing, broadcasts = SqlStandingStore(store.database), SqlBroadcastStore(store.database)
    await standing.suspend(IDS[1], "spam", "op_1")
    assert await broadcasts.add(TERMS) == TERMS
    assert await broadcasts.advance(2)
    await standing.suspend(IDS[6], "spam", "op_1")
    [under_way] = await broadcasts.list("", 5)
    assert (under_way.account_count, under_way.ended_at) == (2, None)
    await store.restart()

    broadcasts = SqlBroadcastStore(store.database)
    await run_round(broadcast_job(broadcasts, 2))
    [done] = await broadcasts.list("", 5)
    assert (done.account_count, done.ended_at) == (5, store.clock.now())
    assert await told(store) == [(IDS[i], "terms_changed") for i in (0, 2, 3, 4, 5)]
    assert not await broadcasts.advance(2)


async def test_a_version_is_sent_once_and_audited(store):
    broadcasts = SqlBroadcastStore(store.database)
    await broadcasts.add(TERMS)
    await run_round(broadcast_job(broadcasts))
    again = await broadcasts.add(
        Broadcast(
            **{name: getattr(TERMS, name) for name in TERMS.__slots__} | {"id": "bcast_2", "actor": "op_2"}
        )
    )
    assert (again.id, again.account_count) == ("bcast_1", 7)
    await run_round(broadcast_job(broadcasts))
    assert len(await told(store)) == 7
    rows = await SqlAuditStore(store.database).find(AuditFilter(action="notice.broadcast"), None, 5)
    assert [(entry.row.actor, entry.row.subject, entry.detail) for entry in rows] == [
        ("op_1", "bcast_1", "terms_changed version=2 begins_on=2026-05-01")
    ]


async def test_two_workers_tell_nobody_twice(store):
    await SqlBroadcastStore(store.database).add(TERMS)
    jobs = [broadcast_job(SqlBroadcastStore(store.database), 1) for _ in range(2)]
    await asyncio.gather(*map(run_round, jobs))
    assert await told(store) == [(account_id, "terms_changed") for account_id in IDS]
    [done] = await SqlBroadcastStore(store.database).list("", 5)
    assert (done.account_count, done.ended_at) == (7, store.clock.now())


async def test_a_broadcast_waits_while_much_is_due(store):
    """Whoever's key was stolen is not told of it behind everybody's new terms."""
    notices, broadcasts = SqlOutbox(store.database), SqlBroadcastStore(store.database, backlog_max=3)
    await broadcasts.add(TERMS)
    assert await broadcasts.advance(3)
    assert not await broadcasts.advance(3)
    assert len(await told(store)) == 3
    for due in await notices.claim(2, HOUR):
        await notices.mark_sent(due, Channel.EMAIL, "")
    assert await broadcasts.advance(3)
    assert len(await told(store)) == 6

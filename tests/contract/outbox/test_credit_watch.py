"""Notices about credit, found in what the ledger booked: each once per refill, on every database, and none for the past."""

from __future__ import annotations

import asyncio
from datetime import date
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, SqlStore
from tests.unit.billing.builders import issue, place, release, settle

from raseed.adapters.sql.hash_chain import SqlChain
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.ledger.credit_feed import SqlCreditFeed
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import GrantSource
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.ids import AccountId, GrantId
from raseed.core.messaging.credit_watch import (
    EXPIRY_NOTICE_US,
    NEWS_US,
    Refill,
    activity_job,
    expiring_job,
)
from raseed.core.messaging.notices import Notice, NoticeKind

pytestmark = pytest.mark.asyncio(loop_scope="module")
CREDIT = 1_000_000
NUMBERS = count(1)
KUWAIT = Calendar("Asia/Kuwait")


def day_of(at: int) -> date:
    return KUWAIT.day_of(Microseconds(at))


class Watch:
    """Two new accounts on a ledger in which earlier tests left theirs."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        number = next(NUMBERS)
        self.alice, self.bob = AccountId(f"acct_{number}a"), AccountId(f"acct_{number}b")

    async def open(self) -> None:
        for account_id in (self.alice, self.bob):
            await self.store.open_account(account_id)
        await self.look()
        await self.look_ahead()

    async def grant(self, credits: int, account_id: AccountId | None = None, **fields: Any) -> None:
        fields.setdefault("source", GrantSource.ADJUSTMENT)
        account_id = account_id or self.alice
        key = f"{fields.pop('prefix', '')}g{next(NUMBERS)}"
        command = issue(key, credits * CREDIT, account_id=account_id, **fields)
        await self.store.ledger.submit([command])
        self.store.clock.advance(1)  # ids of grants do not tell their order within a test's moment

    async def spend(self, credits: float, account_id: AccountId | None = None) -> None:
        tokens, hold = int(credits * CREDIT), f"h{next(NUMBERS)}"
        account_id = account_id or self.alice
        await self.store.ledger.submit([place(hold, tokens, account_id=account_id)])
        await self.store.ledger.submit([settle(hold, tokens, account_id=account_id)])

    async def look(self) -> list[tuple[str, str]]:
        """What was told, after everything that is booked was seen: (kind, credits)."""
        chain = SqlChain(self.store.database, LEDGER_CHAIN)
        while await chain.extend(100):
            pass
        job = activity_job(SqlCreditFeed(self.store.database), self.store.clock)
        while await job.batch():
            pass
        return await self.told()

    async def told(self) -> list[tuple[str, str]]:
        ours = outbox.c.account_id.in_([self.alice, self.bob])
        query = select(outbox).where(ours).order_by(outbox.c.created_at, outbox.c.id)
        rows = await self.store.database.read(lambda connection: connection.execute(query).all())
        return [(row.kind, row.parameters) for row in rows]

    async def look_ahead(self) -> list[tuple[str, str]]:
        job = expiring_job(SqlCreditFeed(self.store.database), self.store.clock, KUWAIT)
        while await job.batch():
            pass
        return await self.told()


@pytest_asyncio.fixture(loop_scope="module")
async def watch(store: SqlStore) -> Watch:
    made = Watch(store)
    await made.open()
    return made


def kinds(told: list[tuple[str, str]]) -> list[str]:
    return [kind for kind, _ in told]


async def test_a_warning_at_a_fifth_and_an_end_at_nothing_once_for_each_refill(watch: Watch) -> None:
    await watch.grant(100)
    await watch.spend(79.999999)
    assert await watch.look() == []
    await watch.spend(0.000001)
    warned = [("credit_warning", '{"credits": "20"}')]
    assert await watch.look() == warned
    await watch.spend(10)
    assert await watch.look() == warned
    await watch.spend(9.9)
    assert await watch.look() == warned  # a thousandth is still something
    await watch.spend(0.09)
    assert kinds(await watch.look()) == ["credit_warning", "credits_exhausted"]
    await watch.spend(0.01)
    assert len(await watch.look()) == 2
    await watch.grant(50)
    assert len(await watch.look()) == 2
    await watch.spend(45)
    assert (await watch.look())[2:] == [("credit_warning", '{"credits": "5"}')]


async def test_what_was_there_at_the_refill_counts(watch: Watch) -> None:
    """A small pack on a large balance makes the fifth one of both; on an empty one, of the pack."""
    await watch.grant(1_000)
    await watch.grant(10)
    await watch.look()
    await watch.spend(807)
    assert await watch.look() == []
    await watch.spend(1)
    assert await watch.look() == [("credit_warning", '{"credits": "202"}')]


async def test_what_is_held_is_not_gone(watch: Watch) -> None:
    await watch.grant(100)
    await watch.store.ledger.submit([place("open", 100 * CREDIT, account_id=watch.alice)])
    await watch.look()
    await watch.store.ledger.submit([release("open", account_id=watch.alice)])
    assert await watch.look() == []


async def test_used_up_at_once_is_told_without_a_warning(watch: Watch) -> None:
    await watch.grant(100)
    await watch.spend(100)
    assert kinds(await watch.look()) == ["credits_exhausted"]


async def test_welcome_and_topups_are_told_as_they_come(watch: Watch) -> None:
    await watch.grant(1_000, source=GrantSource.WELCOME)
    await watch.grant(500, source=GrantSource.TOPUP, cost_basis_minor=2_000, currency="KWD")
    await watch.grant(5, source=GrantSource.TOPUP)  # nobody paid for it
    bought: dict[str, Any] = {"source": GrantSource.TOPUP, "cost_basis_minor": 2_000, "currency": "KWD"}
    await watch.grant(700, prefix="payment:", **bought)  # told with its receipt
    assert sorted(await watch.look()) == [
        ("topup_confirmed", '{"credits": "500", "amount": "2.000 KWD"}'),
        ("welcome", '{"credits": "1,000"}'),
    ]
    assert len(await watch.look()) == 2


async def test_old_grants_are_no_news(watch: Watch) -> None:
    await watch.grant(1_000, source=GrantSource.WELCOME)
    watch.store.clock.advance(NEWS_US + 1)
    assert await watch.look() == []


async def test_credit_that_is_given_back_is_no_refill(watch: Watch) -> None:
    await watch.grant(100)
    await watch.spend(85)
    assert kinds(await watch.look()) == ["credit_warning"]
    await watch.grant(10, source=GrantSource.RESTORE)
    await watch.look()
    await watch.spend(20)
    assert kinds(await watch.look()) == ["credit_warning"]


async def test_who_read_what_somebody_else_has_told_writes_nothing(watch: Watch) -> None:
    await watch.grant(100)
    await SqlChain(watch.store.database, LEDGER_CHAIN).extend(100)
    feed = SqlCreditFeed(watch.store.database)
    reading = await feed.activity(100)
    assert reading is not None
    refill = Refill(grant_id=GrantId("grant_x"), basis_microcredits=1)
    exhausted = Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=watch.alice, cause="grant_x")
    assert await feed.tell(reading.begin, reading.end, [], [])
    assert not await feed.tell(reading.begin, reading.end, [exhausted], [(watch.alice, refill)])
    assert await watch.told() == []


async def test_an_account_of_before_is_measured_by_its_last_grant(watch: Watch) -> None:
    await watch.grant(100)
    feed = SqlCreditFeed(watch.store.database)
    chain = SqlChain(watch.store.database, LEDGER_CHAIN)
    await chain.extend(100)
    reading = await feed.activity(100)
    assert reading is not None
    assert await feed.tell(reading.begin, reading.end, [], [])  # as if nothing had been remembered then
    await watch.spend(90)
    assert kinds(await watch.look()) == ["credit_warning"]


async def test_accounts_do_not_share_anything(watch: Watch) -> None:
    await watch.grant(100)
    await watch.grant(100, account_id=watch.bob)
    await watch.spend(100, account_id=watch.bob)
    await watch.look()
    rows = await watch.store.database.read(
        lambda connection: connection.execute(select(outbox.c.account_id, outbox.c.kind)).all()
    )
    assert [tuple(row) for row in rows] == [(watch.bob, "credits_exhausted")]


async def test_credit_that_ends_soon_is_told_once_by_day(watch: Watch) -> None:
    now = watch.store.clock.now()
    at = KUWAIT.begin(day_of(now + 10 * DAY)) + 12 * HOUR
    await watch.grant(100, expires_at=at)
    await watch.grant(50, expires_at=at + HOUR)
    await watch.grant(7, expires_at=at + 2 * DAY)
    await watch.grant(1, expires_at=now + 2 * DAY)  # lives too short to be told of
    await watch.grant(1)
    await watch.spend(0.5)
    assert await watch.look_ahead() == []
    watch.store.clock.advance(at - EXPIRY_NOTICE_US - watch.store.clock.now())
    day = day_of(at)
    expected = [("credits_expiring", f'{{"credits": "150", "expires_on": "{day}"}}')]
    assert await watch.look_ahead() == expected
    watch.store.clock.advance(HOUR)
    assert await watch.look_ahead() == expected
    watch.store.clock.advance(2 * DAY)
    later = day_of(at + 2 * DAY)
    assert (await watch.look_ahead())[1:] == [
        ("credits_expiring", f'{{"credits": "7", "expires_on": "{later}"}}')
    ]


async def test_credit_that_was_spent_does_not_expire(watch: Watch) -> None:
    at = watch.store.clock.now() + 10 * DAY
    await watch.grant(100, expires_at=at)
    await watch.spend(100)
    watch.store.clock.advance(9 * DAY)
    assert await watch.look_ahead() == []


@AT_ONCE_IN_SQL
async def test_of_several_workers_each_cause_is_told_by_one(watch: Watch) -> None:
    for account_id in (watch.alice, watch.bob):
        await watch.grant(100, account_id=account_id, expires_at=watch.store.clock.now() + 10 * DAY)
        await watch.spend(90, account_id=account_id)
    watch.store.clock.advance(8 * DAY)
    await SqlChain(watch.store.database, LEDGER_CHAIN).extend(100)
    feeds = [SqlCreditFeed(watch.store.next_worker()[0]) for _ in range(4)]
    jobs = [
        job
        for feed in feeds
        for job in (activity_job(feed, watch.store.clock), expiring_job(feed, watch.store.clock, KUWAIT))
    ]
    while any(await asyncio.gather(*(job.batch() for job in jobs))):
        pass
    assert sorted(kinds(await watch.told())) == ["credit_warning"] * 2 + ["credits_expiring"] * 2


async def test_a_crash_before_the_commit_tells_nothing_and_forgets_nothing(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watch.grant(100)
    await watch.spend(90)

    def dies(*arguments: Any) -> bool:
        enqueue(*arguments)
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("raseed.adapters.sql.ledger.credit_feed.enqueue", dies)
        with pytest.raises(ZeroDivisionError):
            await watch.look()
    assert await watch.told() == []
    assert kinds(await watch.look()) == ["credit_warning"]

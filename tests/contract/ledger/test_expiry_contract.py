"""Expired credit of accounts that nobody touches is booked once, by however many jobs, whenever they are killed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, func, select
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import DAY, extend, issue, place, release

from raseed.adapters.sql.ledger.expiry_queue import SqlExpiryQueue
from raseed.adapters.sql.ledger.tables import ledger_entries, ledger_tx
from raseed.core.billing.commands import ExpireCredit, Expired, Refusal, Refused
from raseed.core.billing.expiry import expiry_job
from raseed.core.ids import AccountId
from raseed.core.jobs import Job, run_round

ACCOUNTS = [AccountId(f"acct_{number}") for number in range(7)]


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    for account_id in ACCOUNTS:
        await opened.open_account(account_id)
        await opened.ledger.submit(
            [
                issue("short", 10, account_id, expires_at=opened.clock.now() + DAY),
                issue("longer", 5, account_id, expires_at=opened.clock.now() + 2 * DAY),
                issue("for ever", 1, account_id),
            ]
        )
    yield opened
    await opened.close()


def job_of(store, accounts_max=2) -> Job:
    return expiry_job(store.ledger, SqlExpiryQueue(store.database), accounts_max)


async def booked(store: SqlStore) -> tuple[int, int]:
    """How many expiries, and how much of it is breakage."""

    def work(connection: Connection) -> tuple[int, int]:
        expiries = select(func.count()).select_from(ledger_tx).where(ledger_tx.c.kind == "expire")
        breakage = select(func.sum(ledger_entries.c.amount_microcredits)).where(
            ledger_entries.c.ledger_account == "sys:breakage"
        )
        return connection.scalar(expiries) or 0, int(connection.scalar(breakage) or 0)

    return await store.database.read(work)


async def test_nothing_is_booked_before_its_time(store):
    await run_round(job_of(store))
    assert await booked(store) == (0, 0)


async def test_all_that_is_due_is_booked_and_then_no_more(store):
    store.clock.advance(DAY)
    for _ in range(2):
        await run_round(job_of(store))
        assert await booked(store) == (7, 70)
    store.clock.advance(DAY)
    await run_round(job_of(store))
    assert await booked(store) == (14, 105)


@AT_ONCE_IN_SQL
async def test_three_jobs_at_once_book_it_once(store):
    store.clock.advance(2 * DAY)
    jobs = [job_of(store), job_of(store, 3), job_of(store)]
    await asyncio.gather(*map(run_round, jobs))
    assert await booked(store) == (14, 105)


@AT_ONCE_IN_SQL
async def test_a_job_that_dies_is_continued_by_the_next_life(store):
    store.clock.advance(DAY)
    assert await job_of(store).batch()
    half_done = asyncio.create_task(run_round(job_of(store)))
    await asyncio.sleep(0)
    half_done.cancel()
    await asyncio.gather(half_done, return_exceptions=True)
    assert (await booked(store))[0] < 7
    await store.restart()
    await run_round(job_of(store))
    assert await booked(store) == (7, 70)


async def test_what_a_hold_keeps_waits_for_its_end_and_blocks_nobody(store):
    first, *_, last = ACCOUNTS
    await store.ledger.submit([place("h", 4, account_id=first), place("all", 10, account_id=last)])
    await store.ledger.submit([extend("h", 4, account_id=first)])
    store.clock.advance(DAY)
    await run_round(job_of(store, 1))
    assert await booked(store) == (6, 56)
    await store.ledger.submit([release("h", first), release("all", last)])
    assert (await booked(store))[1] == 70


async def test_the_command_says_what_it_booked(store):
    store.clock.advance(DAY)
    once, again, nobody = await store.ledger.submit(
        [ExpireCredit(account_id=AccountId(id_)) for id_ in (ACCOUNTS[0], ACCOUNTS[0], "acct_of_nobody")]
    )
    assert once == Expired(amount_microcredits=10, spendable_microcredits=6)
    assert again == Expired(amount_microcredits=0, spendable_microcredits=6)
    assert isinstance(nobody, Refused)
    assert nobody.refusal is Refusal.ACCOUNT_UNKNOWN

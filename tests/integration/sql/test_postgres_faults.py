"""Connections that die at the worst moment, a server that crashes, commands that cannot be written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select, text, update
from tests.integration.sql.postgres_team import Team
from tests.support.postgres import PostgresServer
from tests.unit.billing.builders import ALICE, BOB, issue, place, settle

from raseed.adapters.sql.accounts.accounts import set_status
from raseed.adapters.sql.instances import begin_life
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.postgres import batch as postgres_batch
from raseed.adapters.sql.postgres import queue as postgres_queue
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.schema import migrate
from raseed.adapters.sql.tables import instances
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Granted, Held, Refusal, Refused, Settled
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import Microseconds
from raseed.core.ids import HoldId

SOON_S = 5.0


@pytest.fixture(scope="module")
def server():
    """One that may be crashed, apart from that of the other tests."""
    own = PostgresServer()
    own.start()
    asyncio.run(own.prepare_template("migrated", migrate))
    yield own
    own.close()


@pytest.fixture
async def team(server):
    opened = await Team.open(server, 2)
    await opened.open_accounts(ALICE, BOB)
    await opened.ledgers[0].submit([issue("g", 1000)])
    yield opened
    await opened.close()


@pytest.fixture(params=["lightly", "locked"])
def way(request, team):
    """Both ways in which a batch is written."""
    for lane in team.databases[0]._writer._lanes:
        lane._locked_until = float("inf") if request.param == "locked" else 0.0
    return request.param


@asynccontextmanager
async def admin(team: Team) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(team.url, server_settings={"synchronous_commit": "local"})
    yield connection
    await connection.close()


@asynccontextmanager
async def alice_locked(team: Team) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else has Alice's balance row until the end of the block."""
    async with admin(team) as connection, connection.transaction():
        await connection.execute("SELECT FROM balances WHERE account_id = $1 FOR UPDATE", ALICE)
        yield connection


async def eventually(found: Callable[[], Awaitable[Any]], what: str) -> Any:
    deadline = time.monotonic() + SOON_S
    while not (value := await found()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.01)
    return value


async def kill_who_waits(team: Team, wait_event: str) -> None:
    """The backend of a worker that waits for this event."""
    async with admin(team) as connection:
        pid = await eventually(
            lambda: connection.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = $1",
                wait_event,
            ),
            wait_event,
        )
        await connection.execute("SELECT pg_terminate_backend($1)", pid)


@asynccontextmanager
async def commits_that_do_not_return(team: Team) -> AsyncIterator[None]:
    """A commit is on disk, and its session then waits for a standby that does not exist."""
    await _set_standby(team, "nobody")
    try:
        yield
    finally:
        await _set_standby(team, "")


async def _set_standby(team: Team, name: str) -> None:
    await team.server.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    await team.server.execute("SELECT pg_reload_conf()")
    async with admin(team) as connection:
        await eventually(
            lambda: connection.fetchval("SELECT current_setting('synchronous_standby_names') = $1", name),
            "the server knows its new setting",
        )


async def test_a_backend_killed_while_it_commits(team, way):
    """The commit happened, but nobody was told: the same commands again find what they did."""
    await team.ledgers[0].submit([place("h0", 10)])
    for command, kind in ((place("h1", 60), Held), (settle("h0", 4), Settled), (issue("more", 5), Granted)):
        async with commits_that_do_not_return(team):
            call = asyncio.create_task(team.ledgers[0].submit([command]))
            await kill_who_waits(team, "SyncRep")
            with pytest.raises(LedgerUnavailable, match="unknown whether"):
                await call
        [again] = await team.ledgers[0].submit([command])
        assert isinstance(again, kind)
        assert again.replayed
    assert await team.spendable(ALICE) == 1000 - 60 - 4 + 5


async def test_a_backend_killed_before_it_commits(team, way):
    """Without locks it is unknown what became of the write; with them it is known that nothing did, so it is repeated."""
    async with alice_locked(team):
        call = asyncio.create_task(team.ledgers[0].submit([place("h1", 60)]))
        await kill_who_waits(team, "transactionid")
        if way == "lightly":
            with pytest.raises(LedgerUnavailable, match="unknown whether"):
                await call
    [held] = await (team.ledgers[0].submit([place("h1", 60)]) if way == "lightly" else call)
    assert isinstance(held, Held)
    assert not held.replayed
    assert await team.spendable(ALICE) == 940


async def test_connections_that_died_meanwhile_are_replaced(team):
    async def everything() -> None:
        await team.ledgers[0].submit([place("h1", 10)])
        assert await team.spendable(ALICE) == 990
        assert await team.databases[0].read(lambda c: c.scalar(text("SELECT 1"))) == 1
        assert await team.databases[0].write(lambda c: c.scalar(text("SELECT 2"))) == 2
        assert await team.databases[0].is_ready()

    await everything()
    async with admin(team) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await everything()


async def test_a_crash_of_the_server_loses_nothing_that_was_acknowledged(team):
    """Two workers, two crashes. Whoever is told that the outcome is unknown asks again with the same commands."""
    acknowledged: dict[str, int] = {}
    stop = False
    numbers = count()
    await team.ledgers[0].submit([issue("much", 10**9)])

    async def insist(worker: int, command: Any) -> Any:
        for _ in range(100):
            try:
                [result] = await team.ledgers[worker].submit([command])
                return result
            except LedgerUnavailable:
                await asyncio.sleep(0.05)
        raise AssertionError("the server did not come back")

    async def customer(worker: int) -> None:
        while not stop:
            hold = f"h{next(numbers)}"
            held = await insist(worker, place(hold, 100))
            assert isinstance(held, Held)
            settled = await insist(worker, settle(hold, 42))
            assert isinstance(settled, Settled)
            acknowledged[hold] = settled.cost_microcredits

    customers = [asyncio.create_task(customer(number % 2)) for number in range(32)]
    for _ in range(2):
        await asyncio.sleep(0.3)
        before = len(acknowledged)
        await asyncio.to_thread(team.server.restart_at_once)
        await eventually(partial(_more_than, acknowledged, before), "work goes on")
    stop = True
    await asyncio.gather(*customers)

    assert await team.spendable(ALICE) == 1000 + 10**9 - 42 * len(acknowledged)
    async with admin(team) as connection:
        stored = await connection.fetch("SELECT id, cost_microcredits FROM holds WHERE state = 'settled'")
    assert {row["id"]: row["cost_microcredits"] for row in stored} == acknowledged


async def _more_than(counted: dict[str, int], number: int) -> bool:
    return len(counted) > number


async def test_a_server_that_is_away_is_given_up_in_time(server):
    team = await Team.open(server, 1, patience_s=1.0)
    await team.open_accounts(ALICE)
    assert await team.databases[0].is_ready()
    await asyncio.to_thread(server.stop)
    try:
        began = time.monotonic()
        assert not await team.databases[0].is_ready()
        assert time.monotonic() - began < 10
        results = await asyncio.gather(
            team.ledgers[0].submit([issue("g", 5)]),
            team.ledgers[0].balance(ALICE),
            team.databases[0].write(lambda c: c.scalar(text("SELECT 1"))),
            PostgresDatabase.open(team.url, patience_s=1.0),
            return_exceptions=True,
        )
        assert time.monotonic() - began < 20
        kinds = [LedgerUnavailable, LedgerUnavailable, DatabaseUnavailable, DatabaseUnavailable]
        assert [type(result) for result in results] == kinds
    finally:
        await asyncio.to_thread(server.start)
    await team.ledgers[0].submit([issue("g", 5)])
    assert await team.spendable(ALICE) == 5
    await team.close()


async def test_whoever_keeps_an_account_locked_is_waited_for_and_then_overtaken(team):
    """Longer than `lock_timeout`: the batch gives up its turn and takes it again."""
    async with alice_locked(team):
        call = asyncio.create_task(team.ledgers[0].submit([place("h1", 60)]))
        await asyncio.sleep(2.2)
        assert not call.done()
    [held] = await call
    assert isinstance(held, Held)


async def test_a_full_queue_refuses_at_once_and_a_cancelled_caller_is_served(team):
    async with alice_locked(team):
        stuck = asyncio.create_task(team.ledgers[0].submit([place("first", 1)]))
        await asyncio.sleep(0.05)
        stuck.cancel()
        queued = [
            asyncio.create_task(team.ledgers[0].submit([place(f"h{number}", 0)]))
            for number in range(postgres_queue.QUEUE_COMMANDS_MAX)
        ]
        await asyncio.sleep(0.05)
        with pytest.raises(LedgerUnavailable, match="waiting already"):
            await team.ledgers[0].submit([place("one too many", 0)])
        [elsewhere] = await team.ledgers[1].submit([issue("bobs", 1, BOB)])
        assert isinstance(elsewhere, Granted)
    await asyncio.gather(*queued)
    assert await team.ledgers[0].hold(HoldId("one too many")) is None
    [again] = await team.ledgers[0].submit([place("first", 1)])
    assert isinstance(again, Held)
    assert again.replayed


@pytest.mark.parametrize(
    "poison", [{"api_key_id": "key_nobody"}, {"input_hash": "nul\0"}, {"owner_epoch": 2**63}], ids=str
)
async def test_a_command_that_cannot_be_written_fails_alone(team, caplog, poison):
    with caplog.at_level(logging.CRITICAL):
        answers = await asyncio.gather(
            team.ledgers[0].submit([place("h1", 10)]),
            team.ledgers[0].submit([place("before", 10), place("poison", 10, **poison), place("after", 10)]),
            team.ledgers[0].submit([place("h2", 10)]),
            return_exceptions=True,
        )
    first, failed, last = list(answers)
    assert isinstance(failed, list)
    assert failed.pop(1) == Refused(refusal=Refusal.CANNOT_BE_WRITTEN)
    assert isinstance(first, list)
    assert isinstance(last, list)
    assert all(isinstance(result, Held) for result in [*first, *failed, *last])
    assert await team.ledgers[0].hold(HoldId("poison")) is None
    assert await team.spendable(ALICE) == 960  # with those before and behind it in its own call


async def test_writes_that_read_first_do_not_lose_each_other(team):
    """Read, then write what follows from it: on SQLite one writer makes that safe, here a repeat does."""
    epochs = await asyncio.gather(
        *(
            team.databases[number % 2].write(lambda c: begin_life(c, "worker-1", Microseconds(5)))
            for number in range(12)
        )
    )
    assert sorted(epochs) == list(range(1, 13))


async def test_a_write_that_raises_leaves_nothing(team):
    def half(connection):
        begin_life(connection, "gone", Microseconds(5))
        raise LookupError("half way")

    with pytest.raises(LookupError):
        await team.databases[0].write(half)
    assert await team.databases[0].read(lambda c: c.scalars(select(instances.c.id)).all()) == []


async def test_work_cannot_commit_for_itself(team):
    def selfish(connection):
        begin_life(connection, "worker-1", Microseconds(5))
        connection.commit()

    with pytest.raises(RuntimeError, match="the database commits"):
        await team.databases[0].write(selfish)
    assert await team.databases[0].read(lambda c: c.scalars(select(instances.c.id)).all()) == []


async def test_a_read_cannot_write_and_sees_one_moment(team):
    with pytest.raises(Exception, match="read-only transaction"):
        await team.databases[0].read(lambda c: c.execute(update(instances).values(epoch=0)))

    loop = asyncio.get_running_loop()

    def twice(connection):
        holds = text("SELECT count(*) FROM holds")
        before = connection.scalar(holds)
        asyncio.run_coroutine_threadsafe(team.ledgers[0].submit([place("h1", 10)]), loop)
        connection.execute(text("SELECT pg_sleep(0.2)"))
        return before, connection.scalar(holds)

    assert await team.databases[0].read(twice) == (0, 0)
    assert isinstance(await team.ledgers[0].hold(HoldId("h1")), object)
    assert await team.spendable(ALICE) == 990


async def test_close_finishes_what_is_queued(team):
    database = await PostgresDatabase.open(team.url, clock=team.clock)
    calls = [asyncio.create_task(database.submit([place(f"h{number}", 1)])) for number in range(200)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*calls)
    assert await team.spendable(ALICE) == 800
    with pytest.raises(DatabaseUnavailable, match="closing"):
        await database.submit([place("late", 1)])


async def test_what_was_decided_before_a_suspension_is_not_written_after_it(team, monkeypatch):
    write = postgres_batch.write

    async def late(connection: asyncpg.Connection, changes: Any) -> None:
        monkeypatch.setattr(postgres_batch, "write", write)
        await team.databases[1].write(lambda c: set_status(c, ALICE, AccountStatus.SUSPENDED))
        await write(connection, changes)

    monkeypatch.setattr(postgres_batch, "write", late)
    [refused] = await team.ledgers[0].submit([place("h1", 10)])
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.ACCOUNT_NOT_ACTIVE

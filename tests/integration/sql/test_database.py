"""The one writer: who shares a transaction, what fails alone, and what is known when something breaks."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError
from tests.contract.ledger.conftest import ACCOUNT
from tests.support.sqlite_file import migrated
from tests.unit.billing.builders import ALICE, BOB, ManualClock, issue, place, settle

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.instances import begin_life
from raseed.adapters.sql.ledger.verify import verify
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite import writer as sqlite_writer
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.files import DatabaseInUse
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.adapters.sql.tables import changes
from raseed.core.billing.commands import Granted, Held, Refusal, Refused, Settled
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, HoldId


class Disk:
    """A commit that can be told to fail, before or after it happened, or to wait."""

    def __init__(self) -> None:
        self.fault = ""
        self.gate = threading.Event()
        self.gate.set()
        self.commits = 0

    def commit(self, connection: sqlite3.Connection) -> None:
        self.gate.wait(5)
        fault, self.fault = self.fault, ""
        if fault == "before":
            raise sqlite3.OperationalError("disk I/O error")
        connection.execute("COMMIT")
        self.commits += 1
        if fault == "after":
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
async def database(tmp_path, disk):
    opened = await Database.open(migrated(tmp_path / "raseed.db"), clock=ManualClock(), commit=disk.commit)
    await opened.write(lambda c: create_account(c, replace(ACCOUNT, id=ALICE, email="alice@example.com")))
    await SqliteLedger(opened).submit([issue("g", 100)])
    yield opened
    disk.gate.set()
    assert await opened.read(verify) == []
    await opened.close()


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_an_unknown_commit_is_made_certain_by_sending_again(database, disk, fault):
    ledger = SqliteLedger(database)
    for command, expected in (
        (place("h1", 60), Held),
        (settle("h1", 25), Settled),
        (issue("more", 5), object),
    ):
        disk.fault = fault
        with pytest.raises(LedgerUnavailable):
            await ledger.submit([command])
        [result] = await ledger.submit([command])
        assert isinstance(result, expected)
        assert getattr(result, "replayed", None) == (fault == "after")
    balance = await ledger.balance(ALICE)
    assert balance is not None
    assert balance.spendable_microcredits == 80


async def test_a_database_that_cannot_be_opened_again_is_tried_until_it_can(tmp_path, disk, caplog):
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    database = await Database.open(migrated(folder / "raseed.db"), clock=ManualClock(), commit=disk.commit)
    await database.write(lambda c: create_account(c, replace(ACCOUNT, id=ALICE, email="alice@example.com")))
    ledger = SqliteLedger(database)
    with caplog.at_level(logging.CRITICAL):
        folder.rename(away)
        disk.fault = "before"
        for _ in range(3):
            with pytest.raises(LedgerUnavailable):
                await ledger.submit([issue("g", 100)])
        away.rename(folder)
        # The attempt to open it again follows the answer, so one more call may fail.
        with suppress(LedgerUnavailable):
            await ledger.submit([issue("g", 100)])
    [granted] = await ledger.submit([issue("g", 100)])
    assert isinstance(granted, Granted)
    await database.close()


async def test_calls_that_wait_for_one_commit_share_the_next(database, disk):
    ledger = SqliteLedger(database)
    disk.gate.clear()
    before = disk.commits
    calls = [asyncio.create_task(ledger.submit([place(f"h{n}", 1)])) for n in range(40)]
    await asyncio.sleep(0.02)
    disk.gate.set()
    await asyncio.gather(*calls)
    assert disk.commits - before <= 2


async def test_a_full_queue_refuses_at_once(database, disk):
    ledger = SqliteLedger(database)
    disk.gate.clear()
    stuck = asyncio.create_task(ledger.submit([place("first", 1)]))
    await asyncio.sleep(0.01)
    queued = [
        asyncio.create_task(ledger.submit([place(f"h{n}", 0)]))
        for n in range(sqlite_writer.QUEUE_COMMANDS_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(LedgerUnavailable, match="waiting already"):
        await ledger.submit([place("one too many", 0)])
    disk.gate.set()
    await asyncio.gather(stuck, *queued)
    assert await ledger.hold(HoldId("one too many")) is None


async def test_a_cancelled_caller_does_not_stop_its_command(database, disk):
    ledger = SqliteLedger(database)
    disk.gate.clear()
    call = asyncio.create_task(ledger.submit([place("h1", 10)]))
    await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    disk.gate.set()
    [again] = await ledger.submit([place("h1", 10)])
    assert isinstance(again, Held)
    assert again.replayed


async def test_a_command_that_cannot_be_written_fails_alone(database, tmp_path, caplog):
    ledger = SqliteLedger(database)
    await database.write(lambda c: create_account(c, replace(ACCOUNT, id=BOB, email="bob@example.com")))
    raw = sqlite3.connect(tmp_path / "raseed.db", isolation_level=None)
    raw.execute(
        "CREATE TRIGGER poison BEFORE INSERT ON holds WHEN NEW.id = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    raw.close()

    with caplog.at_level(logging.CRITICAL):
        results = await asyncio.gather(
            ledger.submit([place("h1", 10)]),
            ledger.submit([place("poison", 10)]),
            database.write(lambda c: c.execute(insert(changes).values(kind="test", id="x")).rowcount),
            ledger.submit([place("h2", 10)]),
            return_exceptions=True,
        )

    first, poison, written, last = results
    assert poison == [Refused(refusal=Refusal.CANNOT_BE_WRITTEN)]
    assert written == 1
    assert isinstance(first, list)
    assert isinstance(last, list)
    assert all(isinstance(result, Held) for result in [*first, *last])
    balance = await ledger.balance(ALICE)
    assert balance is not None
    assert balance.spendable_microcredits == 80


async def test_a_write_that_raises_undoes_itself_and_nothing_else(database):
    def half(connection):
        connection.execute(insert(changes).values(kind="test", id="gone"))
        raise LookupError("half way")

    results = await asyncio.gather(
        database.write(half),
        database.write(lambda c: c.execute(insert(changes).values(kind="test", id="kept")).rowcount),
        SqliteLedger(database).submit([place("h1", 10)]),
        return_exceptions=True,
    )
    assert isinstance(results[0], LookupError)
    assert results[1] == 1
    kept = await database.read(
        lambda c: c.scalars(select(changes.c.id).where(changes.c.kind == "test")).all()
    )
    assert kept == ["kept"]


async def test_work_cannot_commit_for_everybody(database):
    def selfish(connection):
        connection.execute(insert(changes).values(kind="test", id="x"))
        connection.commit()

    with pytest.raises(RuntimeError, match="the database commits"):
        await database.write(selfish)
    assert await database.read(lambda c: c.scalars(select(changes.c.id)).all()) == []


async def test_a_read_cannot_write(database):
    with pytest.raises(DBAPIError, match="readonly"):
        await database.read(lambda c: c.execute(insert(changes).values(kind="test", id="x")))


async def test_a_read_sees_one_moment(database):
    ledger = SqliteLedger(database)
    started, go_on = threading.Event(), threading.Event()

    def twice(connection):
        count = text("SELECT count(*) FROM holds")
        before = connection.scalar(count)
        started.set()
        go_on.wait(5)
        return before, connection.scalar(count)

    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(started.wait, 5)
    await ledger.submit([place("h1", 10)])
    go_on.set()
    assert await reading == (0, 0)


async def test_the_log_is_moved_to_the_file_and_gone_after_close(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "IDLE_CHECKPOINT_S", 0.1)
    database = await Database.open(migrated(tmp_path / "raseed.db"), clock=ManualClock())
    await database.write(lambda c: create_account(c, replace(ACCOUNT, id=ALICE, email="alice@example.com")))
    log = tmp_path / "raseed.db-wal"
    assert log.stat().st_size > 0
    await asyncio.sleep(sqlite_writer.IDLE_CHECKPOINT_S + 0.1)
    raw = sqlite3.connect(f"file:{tmp_path / 'raseed.db'}?immutable=1", uri=True)
    assert raw.execute("SELECT id FROM accounts").fetchall() == [(ALICE,)]
    raw.close()
    await database.close()
    assert not log.exists()


async def test_close_finishes_what_is_queued(tmp_path):
    database = await Database.open(migrated(tmp_path / "raseed.db"), clock=ManualClock())

    def add(number: int) -> Callable[[Connection], None]:
        account = replace(ACCOUNT, id=AccountId(f"a{number}"), email=f"{number}@example.com")
        return lambda connection: create_account(connection, account)

    calls = [asyncio.create_task(database.write(add(number))) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*calls)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda c: c.execute(text("SELECT 1")))


async def test_a_second_process_is_kept_out(database, tmp_path):
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from raseed.adapters.sql.sqlite.database import Database\n"
        "from raseed.adapters.sql.sqlite.files import DatabaseInUse\n"
        "try: asyncio.run(Database.open(Path(sys.argv[1])))\n"
        "except DatabaseInUse as error: print(error)\n"
    )
    other = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, str(tmp_path / "raseed.db")],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "raseed.db is in use by process" in other.stdout
    with pytest.raises(DatabaseInUse):
        await Database.open(tmp_path / "raseed.db")


async def test_an_instance_counts_its_lives(database):
    lives = [await database.write(lambda c: begin_life(c, "worker-1", Microseconds(5))) for _ in range(3)]
    assert lives == [1, 2, 3]
    assert await database.write(lambda c: begin_life(c, "worker-2", Microseconds(5))) == 1

"""The audit log: every row becomes a link, what is changed is named, and what is erased is not missed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, POSTGRES, SQLITE, open_store
from tests.support.postgres import shared_server
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.sql.admin.audit import (
    AUDIT_CHAIN,
    ERASE,
    SqlAuditStore,
    _verify,
    erase_details,
    record_audit,
)
from raseed.adapters.sql.admin.tables import audit_log
from raseed.adapters.sql.hash_chain import SqlChain, chain_head
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.postgres.connect import migrating
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.sqlite.database import Database
from raseed.core.admin.audit import AuditFilter
from raseed.core.chain import GENESIS, sealer_job
from raseed.core.clock import Microseconds
from raseed.core.jobs import run_round

ROWS = [
    (1, "op_a", "account.suspend", "acct_1", "spam from +96550123456"),
    (2, "op_a", "key.revoke", "key_1", "account=acct_1"),
    (3, "op_b", "account.suspend", "acct_2", "spam"),
    (4, "local-socket", "account.close", "acct_1", "asked for by the owner@example.com"),
]


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    for row in ROWS:
        await opened.database.write(partial(record, row=row))
    yield opened
    await opened.close()


def record(connection: Connection, row: tuple[int, str, str, str, str]) -> None:
    record_audit(connection, Microseconds(row[0]), *row[1:])


async def seal(database: SqlDatabase) -> None:
    await run_round(sealer_job("seal", SqlChain(database, AUDIT_CHAIN), 3))


async def seqs(database: SqlDatabase, **filters: Any) -> list[int]:
    found = await SqlAuditStore(database).find(AuditFilter(**filters), None, 100)
    return [entry.row.seq for entry in found]


async def test_rows_are_found_by_who_what_to_what_and_when(store):
    first = (await seqs(store.database))[-1]
    assert await seqs(store.database) == [first + 3, first + 2, first + 1, first]
    assert await seqs(store.database, actor="op_a") == [first + 1, first]
    assert await seqs(store.database, action="account.suspend", subject="acct_2") == [first + 2]
    assert await seqs(store.database, begin=Microseconds(2), end=Microseconds(4)) == [first + 2, first + 1]
    [older] = await SqlAuditStore(store.database).find(AuditFilter(subject="acct_1"), first + 3, 5)
    assert (older.row.seq, older.detail, older.is_sealed) == (first, ROWS[0][4], False)


async def test_what_is_told_once_is_told_once(store):
    audit = SqlAuditStore(store.database)
    for detail in ("5 gift", "5 gift", "6 gift"):
        await audit.record("op_1", "credits.grant", "acct_9", detail, once=True)
    await audit.record("op_1", "credits.grant", "acct_9", "6 gift")
    found = await audit.find(AuditFilter(subject="acct_9"), None, 9)
    assert [entry.detail for entry in found] == ["6 gift", "6 gift", "5 gift"]


async def test_sealed_rows_verify_also_after_details_are_erased(store):
    audit = SqlAuditStore(store.database)
    before = await audit.verify(None)
    assert (before.violations, before.row_count, before.unsealed_count, before.head) == ((), 4, 4, GENESIS)
    await seal(store.database)
    sealed = await audit.verify(None)
    assert (sealed.violations, sealed.unsealed_count, sealed.erased_count) == ((), 0, 0)

    for count in (2, 0):
        assert await store.database.write(lambda c: erase_details(c, ["acct_1"])) == count
    unexplained = await audit.verify(None)
    lost = "its detail is gone, and no account was erased"
    first = (await seqs(store.database))[-1]
    assert unexplained == replace(sealed, erased_count=2, violations=((first, lost), (first + 3, lost)))
    erasure = (9, "op_a", ERASE, "acct_1", "asked for")
    await store.database.write(partial(record, row=erasure))
    after = await audit.verify(None)
    assert after == replace(sealed, erased_count=2, row_count=5, unsealed_count=1)
    found = await audit.find(AuditFilter(subject="acct_1"), None, 5)
    assert [(entry.row.actor, entry.detail, entry.is_sealed) for entry in found] == [
        ("op_a", "asked for", False),
        ("local-socket", None, True),
        ("op_a", None, True),
    ]


@AT_ONCE_IN_SQL
async def test_three_sealers_at_once_seal_each_row_once(store):
    for number in range(20):
        await store.database.write(partial(record, row=(10 + number, "op_a", "key.revoke", "key_1", "")))
    chains = [SqlChain(store.database, AUDIT_CHAIN) for _ in range(3)]

    async def work(chain: SqlChain[Any]) -> int:
        return sum([await chain.extend(2) for _ in range(20)])

    assert sum(await asyncio.gather(*map(work, chains))) == 24
    sealed = await SqlAuditStore(store.database).verify(None)
    assert (sealed.violations, sealed.row_count, sealed.unsealed_count) == ((), 24, 0)


async def test_a_head_that_was_written_down_shows_that_the_end_was_taken_off(store):
    audit = SqlAuditStore(store.database)
    await seal(store.database)
    head = (await audit.verify(None)).head
    await store.database.write(lambda c: record_audit(c, Microseconds(5), "op_b", "x", "y", "z"))
    await seal(store.database)
    later = await audit.verify(head)
    assert (later.violations, later.row_count) == ((), 2)

    def without_the_end(connection: Connection) -> None:
        disarm(connection)
        connection.execute(text("UPDATE audit_log SET chain_seq = NULL, prev_hash = NULL, hash = NULL"))
        raise Undone(_verify(connection, head).violations, _verify(connection, None).violations)

    def with_another_head(connection: Connection) -> None:
        disarm(connection)
        connection.execute(text("UPDATE audit_log SET actor = 'op_z' WHERE chain_seq = 4"))
        raise Undone(_verify(connection, head).violations)

    with pytest.raises(Undone) as raised:
        await store.database.write(with_another_head)
    assert [detail for _, detail in raised.value.args[0]] == ["link 4 is not what was sealed"]
    with pytest.raises(Undone) as raised:
        await store.database.write(without_the_end)
    since, whole = raised.value.args
    assert [seq for seq, _ in since] == [0]
    assert whole == ()


DAMAGES = {
    "another actor": (
        "UPDATE audit_log SET actor = 'op_b' WHERE chain_seq = 2",
        "link 2 is not what was sealed",
    ),
    "another moment": ("UPDATE audit_log SET at = 9 WHERE chain_seq = 2", "link 2 is not what was sealed"),
    "another digest": (
        "UPDATE audit_log SET detail_digest = hash WHERE chain_seq = 2",
        "link 2 is not what was sealed",
    ),
    "another detail": (
        "UPDATE audit_details SET detail = 'nothing' WHERE seq = (SELECT seq FROM audit_log WHERE chain_seq = 2)",
        "its detail is not what was written",
    ),
    "a row less": ("DELETE FROM audit_log WHERE chain_seq = 2", "link 2 is missing before it"),
}


async def test_what_was_sealed_is_named_when_it_is_not_as_it_was(store):
    await seal(store.database)

    def work(connection: Connection, statement: str) -> None:
        disarm(connection)
        if statement.startswith("DELETE"):
            connection.execute(text("DELETE FROM audit_details"))
        assert connection.execute(text(statement)).rowcount == 1
        raise Undone(_verify(connection, None).violations)

    for name, (statement, expected) in DAMAGES.items():
        with pytest.raises(Undone) as raised:
            await store.database.write(partial(work, statement=statement))
        assert expected in [detail for _, detail in raised.value.args[0]], name


REFUSED = [
    "UPDATE audit_log SET actor = 'other'",
    "UPDATE audit_log SET detail_digest = hash",
    "UPDATE audit_log SET hash = prev_hash",
    "UPDATE audit_log SET chain_seq = NULL",
    "DELETE FROM audit_log",
    "UPDATE audit_details SET detail = 'other'",
    "UPDATE audit_details SET salt = salt",
]


async def test_nothing_but_sealing_and_erasing_changes_the_log(store):
    await seal(store.database)
    for statement in REFUSED:
        with pytest.raises(Exception, match=r"append-only|never changed"):
            await store.database.write(partial(run, statement=statement))


REPLACING = [
    (
        "INSERT OR REPLACE INTO audit_log SELECT seq, at, 'other', action, subject, detail_digest, prev_hash, hash,"
        " chain_seq FROM audit_log LIMIT 1"
    ),
    (
        "INSERT OR REPLACE INTO audit_log SELECT seq + 100, at, 'other', action, subject, detail_digest, prev_hash, hash,"
        " chain_seq FROM audit_log LIMIT 1"
    ),
    "UPDATE OR REPLACE audit_log SET chain_seq = 1 WHERE chain_seq IS NULL",
    "INSERT OR REPLACE INTO audit_details SELECT seq, salt, 'other' FROM audit_details LIMIT 1",
    (
        "INSERT OR REPLACE INTO ledger_tx SELECT id, kind, idem_key, account_id, ref, 'other', at, NULL, NULL, NULL"
        " FROM ledger_tx LIMIT 1"
    ),
    (
        "INSERT OR REPLACE INTO ledger_tx SELECT 'other', kind, idem_key, account_id, ref, actor, at, NULL, NULL, NULL"
        " FROM ledger_tx LIMIT 1"
    ),
    (
        "INSERT OR REPLACE INTO ledger_entries SELECT tx_id, seq, ledger_account, grant_id, amount_microcredits + 1"
        " FROM ledger_entries LIMIT 1"
    ),
]


@pytest.mark.parametrize("statement", REPLACING)
async def test_on_sqlite_nothing_that_stays_is_replaced(statement: str, tmp_path: Path):
    opened = await open_store(SQLITE, tmp_path)
    await opened.open_account(ALICE)
    await opened.ledger.submit([issue("g", 100)])
    await opened.database.write(partial(record, row=ROWS[0]))
    await seal(opened.database)
    await opened.database.write(partial(record, row=ROWS[1]))
    assert await opened.database.read(lambda c: c.scalar(text("SELECT count(*) FROM ledger_entries")))

    def without_parents(connection: Connection) -> None:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))  # else these would refuse some of it
        connection.execute(text(statement))

    with pytest.raises(Exception, match=r"append-only"):
        await opened.database.write(without_parents)
    await opened.close()


# ------------------------------------------------------------------------------------------------ the upgrade


BEFORE = "0007"


def upgrade(connection: Connection, revision: str) -> None:
    with as_file(files("raseed.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def fill(connection: Connection) -> None:
    upgrade(connection, BEFORE)
    for at, actor, action, subject, detail in ROWS:
        connection.execute(
            text("INSERT INTO audit_log (at, actor, action, subject, detail) VALUES (:a, :b, :c, :d, :e)"),
            {"a": at, "b": actor, "c": action, "d": subject, "e": detail},
        )


def run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


async def check(database: SqlDatabase) -> None:
    await database.write(lambda c: record_audit(c, Microseconds(9), "op_a", "x", "acct_1", "after"))
    await seal(database)
    audit = SqlAuditStore(database)
    verified = await audit.verify(None)
    assert (verified.violations, verified.row_count, verified.erased_count) == ((), 5, 0)
    found = await audit.find(AuditFilter(), None, 10)
    assert [entry.detail for entry in reversed(found)] == [*(row[4] for row in ROWS), "after"]
    assert [entry.row.seq for entry in reversed(found)] == [1, 2, 3, 4, 5]
    head = await database.read(lambda c: chain_head(c, audit_log))
    assert head.seq == 5
    for statement in ("UPDATE audit_log SET subject = ''", "DELETE FROM audit_log"):
        with pytest.raises(Exception, match="append-only"):
            await database.write(partial(run, statement=statement))
    await database.close()


async def test_rows_of_before_keep_their_details_on_sqlite(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path / 'raseed.db'}")
    with engine.begin() as connection:
        fill(connection)
    engine.dispose()
    await check(await Database.open(tmp_path / "raseed.db"))


async def test_rows_of_before_keep_their_details_on_postgresql():
    server = shared_server()
    url = await server.create_database()
    async with migrating(url) as connection:
        await connection.run_sync(fill)
    await check(await PostgresDatabase.open(url))
    await server.drop_database(url)


class Undone(Exception):
    """Rolls the damage back, with what was found meanwhile."""


def disarm(connection: Connection) -> None:
    """Takes the triggers away until the transaction is rolled back."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    triggers = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for trigger in triggers:
        connection.execute(text(f'DROP TRIGGER "{trigger}"'))

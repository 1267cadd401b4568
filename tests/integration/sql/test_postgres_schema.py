"""PostgreSQL: that the migrations make the tables of the metadata, once, and that rows are found by their keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.resources import as_file, files

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from tests.contract.ledger.conftest import ACCOUNT
from tests.integration.sql.postgres_team import Team
from tests.support.postgres import shared_server
from tests.unit.billing.builders import ALICE, issue, place, settle

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.ledger.verify import verify
from raseed.adapters.sql.postgres import statements as postgres_statements
from raseed.adapters.sql.postgres.connect import LEDGER, connect, migrating
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.schema import SchemaTooNew
from raseed.adapters.sql.tables import metadata

APPEND_ONLY = [
    "UPDATE ledger_entries SET amount_microcredits = amount_microcredits + 1",
    "DELETE FROM ledger_entries",
    "TRUNCATE ledger_entries",
    "UPDATE ledger_tx SET at = 0",
    "DELETE FROM ledger_tx",
    "TRUNCATE ledger_tx CASCADE",
    "UPDATE audit_log SET actor = 'nobody'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log CASCADE",
]
READS_MAX = 12
"""Rows read in any one index or table for each pair of hold and settlement; a dozen foreign keys are checked."""


@pytest.fixture
async def team():
    opened = await Team.open(shared_server(), 1)
    await opened.open_accounts(ALICE)
    await opened.ledgers[0].submit([issue("g", 10**6), place("h1", 10), settle("h1", 5)])
    yield opened
    await opened.close()


async def test_the_migrations_make_the_tables_of_the_metadata(team):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await team.databases[0].read(differences) == []


async def test_every_number_has_64_bits(team):
    found = await team.databases[0].read(
        lambda c: c.execute(
            text(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type NOT IN ('bigint', 'text', 'bytea')"
            )
        ).all()
    )
    assert [tuple(row) for row in found] == [("alembic_version", "version_num", "character varying")]


async def test_what_was_booked_cannot_be_changed(team):
    connection = await asyncpg.connect(team.url)
    await connection.execute(
        "INSERT INTO audit_log (at, actor, action, subject, detail_digest) VALUES (1, 'a', 'b', 'c', '')"
    )
    for statement in APPEND_ONLY:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
    await connection.close()


async def test_workers_that_start_at_once_migrate_once():
    server = shared_server()
    url = await server.create_database()
    databases = await asyncio.gather(*(PostgresDatabase.open(url) for _ in range(3)))
    for database in databases:
        assert await database.is_ready()
        await database.close()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await PostgresDatabase.open(url)
    await server.drop_database(url)


async def test_a_database_of_the_first_version_is_brought_up_to_date_with_its_rows():
    server = shared_server()
    url = await server.create_database()
    async with migrating(url) as connection:
        await connection.run_sync(_first_version)
    database = await PostgresDatabase.open(url)
    ledger = PostgresLedger(database)
    await ledger.submit([place("h1", 10), settle("h1", 5)])
    balance = await ledger.balance(ALICE)
    assert balance is not None
    assert balance.spendable_microcredits == 95
    assert await database.read(verify) == []
    await database.close()
    await server.drop_database(url)


def _first_version(connection: Connection) -> None:
    with as_file(files("raseed.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    for statement in (
        "INSERT INTO accounts VALUES ('acct_alice', 'a@b', NULL, 'free', 'active', NULL, 0)",
        "INSERT INTO balances VALUES ('acct_alice', 100, 0, 0, 7)",
        "INSERT INTO grants VALUES ('grant_1', 'acct_alice', 'g', 'topup', 100, 100, 0, 50, 0, NULL, 'active', 0, '', 0, '')",
        "INSERT INTO ledger_tx VALUES ('ltx_1', 'grant', 'grant:acct_alice:g', 'acct_alice', 'grant_1', 'system', 0)",
        "INSERT INTO ledger_entries VALUES ('ltx_1', 0, 'sys:issued:topup', NULL, -100)",
        "INSERT INTO ledger_entries VALUES ('ltx_1', 1, 'cust:acct_alice:grant:grant_1', 'grant_1', 100)",
    ):
        connection.exec_driver_sql(statement)


# --------------------------------------------------------------------------------------------------- sessions


async def test_every_session_has_its_limits_and_commits_to_disk(team):
    limits = {
        "synchronous_commit": "on",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
    }
    query = "SELECT current_setting('{}')"
    database = team.databases[0]
    lane = database._writer._lanes[0]._connection or database._writer._lanes[1]._connection
    assert lane is not None
    for name, value in limits.items():
        asked = query.format(name)
        assert await lane.fetchval(asked) == value
        assert await database.read_point(lambda c, asked=asked: c.fetchval(asked)) == value
        assert await database.read(lambda c, asked=asked: c.scalar(text(asked))) == value
        assert await database.write(lambda c, asked=asked: c.scalar(text(asked))) == value
    isolation = text(query.format("transaction_isolation"))
    assert await database.read(lambda c: c.scalar(isolation)) == "repeatable read"
    assert await database.write(lambda c: c.scalar(isolation)) == "serializable"


@pytest.mark.parametrize("name", ["LOAD", "LOCK"])
async def test_a_statement_finds_its_rows_through_an_index_also_when_planned_on_empty_tables(team, name):
    connection = await connect(team.url, LEDGER)
    await connection.execute("ANALYZE")
    statement = getattr(postgres_statements, name)
    await connection.execute(f"PREPARE hot AS {statement}")
    arguments = ", ".join("'{}'" for number in range(1, 9) if f"${number}::" in statement)
    plan = [line for (line,) in await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot ({arguments})")]
    await connection.close()
    assert sum("Index Scan" in line for line in plan) == sum("Index Cond" in line for line in plan) > 0
    assert not [line for line in plan if "Seq Scan" in line]


async def test_a_batch_reads_as_many_rows_on_a_full_database_as_on_an_empty_one():
    """What was planned while the tables were known to be empty is what runs when they are not."""
    server, pairs = shared_server(), 2_000
    url = await server.create_database("migrated")
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    database = await PostgresDatabase.open(url)
    account = replace(ACCOUNT, id=ALICE, email="alice@example.com")
    await database.write(lambda c: create_account(c, account))
    await database.submit([issue("g", 10**6)])
    for start in range(0, pairs, 32):
        holds = [f"h{number}" for number in range(start, start + 32)]
        await database.submit([*(place(hold, 10) for hold in holds), *(settle(hold, 5) for hold in holds)])
    await database.close()  # sessions count when they end
    await asyncio.sleep(0.1)
    reads = await _reads(connection)
    await connection.close()
    await server.drop_database(url)
    assert {name: count for name, count in reads.items() if count > READS_MAX * pairs} == {}


async def _reads(connection: asyncpg.Connection) -> dict[str, int]:
    """Rows read so far, by index, and without one by table."""
    rows = await connection.fetch(
        "SELECT indexrelname AS name, idx_tup_read AS reads FROM pg_stat_user_indexes "
        "UNION ALL SELECT relname, seq_tup_read FROM pg_stat_user_tables"
    )
    return {row["name"]: row["reads"] for row in rows}

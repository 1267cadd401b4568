"""The tables on disk: that migrations and metadata agree, that booked rows stay, that look-ups use an index."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.contract.ledger.conftest import SqliteStore
from tests.unit.billing.builders import place, settle

from raseed.adapters.sql import migrations
from raseed.adapters.sql.migrations.versions import r0001_first_tables
from raseed.adapters.sql.schema import HEAD, SchemaTooNew
from raseed.adapters.sql.sqlite import ledger_statements
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.tables import metadata


def test_a_start_knows_the_newest_revision():
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == HEAD


async def test_the_migrations_make_the_tables_of_the_metadata(store):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await store.database.read(differences) == []


async def test_the_migrations_make_the_same_text_as_the_metadata(store):
    """Alembic compares no checks, no STRICT and no WITHOUT ROWID."""

    def migrated(connection: sqlite3.Connection) -> dict[str, str]:
        return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))

    def lines(sql: str) -> list[str]:
        """A column that a later revision added stands on the line of what was before it, with its check behind it."""
        parts = re.sub(r", (?=\w+ (?:TEXT|INTEGER|BLOB))| (?=CONSTRAINT ck_)", "\n", sql).splitlines()
        return sorted(part.strip().rstrip(",") for part in parts if part.strip(" \t()"))

    found = store.database.read_point(migrated)
    for table in metadata.sorted_tables:
        assert lines(found[table.name]) == lines(
            str(CreateTable(table).compile(dialect=SQLiteDialect_pysqlite()))
        )


def test_the_tables_and_the_first_migration_compile_for_postgresql():
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert "STRICT" not in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            str(CreateIndex(index).compile(dialect=dialect))
    script = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": script}
    )
    with Operations.context(context):
        r0001_first_tables.upgrade()
    assert "CREATE FUNCTION ledger_entries_append_only()" in script.getvalue()
    assert "WHERE status = 'active'" in script.getvalue()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_microcredits = amount_microcredits + 1",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_tx SET at = 0",
        "UPDATE ledger_tx SET account_id = 'acct_alice' || ''",
        "DELETE FROM ledger_tx",
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
    ],
)
async def test_what_was_booked_cannot_be_changed(store, statement):
    raw = sqlite3.connect(store.path, isolation_level=None)
    raw.execute(
        "INSERT INTO audit_log (at, actor, action, subject, detail_digest) VALUES (1, 'a', 'b', 'c', x'00')"
    )
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    store = await SqliteStore.open(tmp_path / "raseed.db")
    await store.close()
    raw = sqlite3.connect(store.path)
    [(newest,)] = raw.execute("SELECT version_num FROM alembic_version").fetchall()
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()

    with pytest.raises(SchemaTooNew, match="9999"):
        await Database.open(store.path)

    raw = sqlite3.connect(store.path)
    raw.execute("UPDATE alembic_version SET version_num = ?", (newest,))
    raw.commit()
    raw.close()
    await (await Database.open(store.path)).close()


async def test_the_hot_statements_find_their_rows_through_an_index(store):
    await store.ledger.submit([place("h1", 10), settle("h1", 5)])
    hot = {
        name: sql for name, sql in vars(ledger_statements).items() if name.startswith(("LOAD_", "UPDATE_"))
    }

    def plans(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
        for name, sql in hot.items():
            parameters = ["[]"] + [0] * (sql.count("?") - 1) if sql.count("?") else []
            for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters):
                yield name, detail

    scans = [
        (name, detail)
        for name, detail in store.database.read_point(lambda connection: list(plans(connection)))
        if detail.startswith("SCAN") and "VIRTUAL TABLE" not in detail and "ix_holds_open" not in detail
    ]
    assert scans == []

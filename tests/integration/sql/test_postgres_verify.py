"""The same invariants under the same names on PostgreSQL: each is broken behind the store's back and must be named."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text
from tests.contract.ledger.conftest import PostgresStore
from tests.integration.sql.test_verify import DAMAGES, MORE_DAMAGES, fill
from tests.support.postgres import shared_server
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.sql.ledger.verify import CHECKS, Violation, verify
from raseed.adapters.sql.postgres.connect import WORK, engine

IDS = {
    "claim-tx": "SELECT id FROM ledger_tx WHERE kind = 'claim'",
    "settle-tx": "SELECT id FROM ledger_tx WHERE ref = 'settled'",
    "expire-tx": "SELECT id FROM ledger_tx WHERE kind = 'expire'",
    "grant-g": "SELECT id FROM grants WHERE grant_key = 'g'",
}


@pytest.fixture(scope="module")
def filled():
    """The URL of a database with something for every invariant to be about. Damages to it are rolled back."""

    async def make() -> str:
        store = await PostgresStore.open()
        await store.open_account(ALICE)
        await store.ledger.submit([issue("g", 100)])
        await fill(store)
        assert await store.database.read(verify) == []
        await store.database.close()
        return store.url

    url = asyncio.run(make())
    yield url
    asyncio.run(shared_server().drop_database(url))


def found_after(connection: Connection, statements: list[str]) -> list[Violation]:
    """Not even the constraints are in the way of the damage."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    checks = text(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint "
        "WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    for table, name in connection.execute(checks).all():
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    changed = 0
    for statement in statements:
        with_ids = statement
        for name, query in IDS.items():
            with_ids = with_ids.replace(name, connection.scalar(text(query)) or "")
        changed += connection.execute(text(with_ids)).rowcount
    assert changed > 0, "nothing was damaged"
    return verify(connection)


@pytest.mark.parametrize(
    ("invariant", "statements"),
    [
        *((name, DAMAGES[name]) for name in CHECKS),
        *((name, [statement]) for name, statement in MORE_DAMAGES),
    ],
)
async def test_a_broken_invariant_is_named(filled, invariant, statements):
    own = engine(filled, WORK, size=1)
    async with own.connect() as connection:
        found = await connection.run_sync(found_after, statements)
        await connection.rollback()
    await own.dispose()
    assert invariant in {violation.invariant for violation in found}
    assert all(violation.id and violation.detail for violation in found)

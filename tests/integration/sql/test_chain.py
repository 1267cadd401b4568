"""Every committed transaction becomes one link of one chain, and one that is changed afterwards is named."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import Connection, text
from tests.contract.ledger.conftest import (
    AT_ONCE_IN_SQL,
    POSTGRES,
    SQLITE,
    PostgresStore,
    SqlStore,
    open_store,
)
from tests.integration.sql.test_verify import fill
from tests.unit.billing.builders import ALICE, issue, place, settle

from raseed.adapters.sql.hash_chain import SqlChain, chain_head
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.ledger.tables import ledger_tx
from raseed.adapters.sql.ledger.verify import Violation, verify
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.chain import NO_LINKS, sealer_job
from raseed.core.jobs import run_round


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    await opened.ledger.submit([issue("g", 100)])
    await fill(opened)
    yield opened
    await opened.close()


def ledger_chain(database: SqlDatabase) -> SqlChain[Any]:
    return SqlChain(database, LEDGER_CHAIN)


async def sealed(store: SqlStore) -> list[tuple[str, int]]:
    """Ids and numbers of the links."""
    query = text("SELECT id, chain_seq FROM ledger_tx WHERE chain_seq IS NOT NULL ORDER BY chain_seq")
    return await store.database.read(lambda c: [(row[0], row[1]) for row in c.execute(query)])


async def booked(store: SqlStore) -> int:
    """How many transactions there are."""
    return await store.database.read(lambda c: c.scalar(text("SELECT count(*) FROM ledger_tx")) or 0)


async def seal(store, transactions_max=3) -> None:
    await run_round(sealer_job("seal", ledger_chain(store.database), transactions_max))


async def test_all_that_is_committed_is_sealed_and_what_comes_later_behind_it(store):
    assert await store.database.read(lambda c: chain_head(c, ledger_tx)) == NO_LINKS
    await seal(store)
    before = await sealed(store)
    assert [seq for _, seq in before] == list(range(1, await booked(store) + 1))
    assert [id_ for id_, _ in before] == sorted(id_ for id_, _ in before)
    await seal(store)
    assert await sealed(store) == before

    await store.ledger.submit([place("late", 3), settle("late", 1)])
    await store.restart()
    await seal(store)
    assert (await sealed(store))[:-1] == before
    assert await store.database.read(verify) == []


@AT_ONCE_IN_SQL
async def test_three_sealers_at_once_seal_nothing_twice(store):
    await store.ledger.submit([issue(f"more {number}", 1) for number in range(40)])
    chains = [ledger_chain(store.database) for _ in range(3)]

    async def work(chain: SqlChain[Any]) -> int:
        return sum([await chain.extend(2) for _ in range(30)])

    counts = await asyncio.gather(*map(work, chains))
    assert sum(counts) == await booked(store)
    assert [seq for _, seq in await sealed(store)] == list(range(1, await booked(store) + 1))
    assert await store.database.read(verify) == []


@AT_ONCE_IN_SQL
async def test_a_sealer_that_dies_is_continued_by_the_next_life(store):
    chain = ledger_chain(store.database)
    assert await chain.extend(2) == 2
    dying = asyncio.create_task(chain.extend(2))
    await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await store.restart()
    assert len(await sealed(store)) in {2, 4}
    await seal(store)
    assert [seq for _, seq in await sealed(store)] == list(range(1, await booked(store) + 1))
    assert await store.database.read(verify) == []


async def test_a_sealer_that_read_an_older_head_writes_nothing(store):
    fast = ledger_chain(store.database)

    class Overtaken:
        """A database on which somebody else seals between what is read and what is written."""

        read = store.database.read

        async def write(self, work: Any) -> Any:
            assert await fast.extend(3) == 3
            return await store.database.write(work)

    assert await ledger_chain(cast("SqlDatabase", Overtaken())).extend(2) == 0
    assert len(await sealed(store)) == 3
    assert await fast.extend(99) == await booked(store) - 3


async def test_a_transaction_that_commits_later_than_higher_ids_is_not_passed_over():
    store = await PostgresStore.open()
    await store.open_account(ALICE)
    slow = await asyncpg.connect(store.url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(
        "INSERT INTO ledger_tx (id, kind, idem_key, account_id, ref, actor, at) "
        "VALUES ('ltx_0', 'adjust', 'slow', 'acct_alice', 'x', 'system', 0)"
    )
    await slow.execute(
        "INSERT INTO ledger_entries "
        "VALUES ('ltx_0', 0, 'sys:clawback', NULL, 1), ('ltx_0', 1, 'sys:clawback', NULL, -1)"
    )
    await store.ledger.submit([issue("g", 100)])
    await seal(store)
    [(first, _)] = await sealed(store)
    await transaction.commit()
    await slow.close()
    await seal(store)
    assert await sealed(store) == [(first, 1), ("ltx_0", 2)]
    await store.close()


# ------------------------------------------------------------------------------------------------- tampering

LINK_3 = "(SELECT id FROM ledger_tx WHERE chain_seq = 3)"
ENTRIES_3 = f"UPDATE ledger_entries SET {{}} WHERE tx_id = {LINK_3}"
DAMAGES = {
    "another actor": (["UPDATE ledger_tx SET actor = 'other' WHERE chain_seq = 3"], ["link 3 is not what"]),
    "other amounts": ([ENTRIES_3.format("amount_microcredits = 2 * amount_microcredits")], ["link 3 is not"]),
    "other accounts": ([ENTRIES_3.format("ledger_account = 'sys:mine'")], ["link 3 is not what was sealed"]),
    "one entry less": ([f"DELETE FROM ledger_entries WHERE seq = 0 AND tx_id = {LINK_3}"], ["link 3 is not"]),
    "one entry more": (
        [f"INSERT INTO ledger_entries SELECT id, 9, 'sys:x', NULL, 1 FROM ledger_tx WHERE id = {LINK_3}"],
        ["link 3 is not what was sealed"],
    ),
    "another hash": (
        ["UPDATE ledger_tx SET hash = prev_hash WHERE chain_seq = 3"],
        ["link 3 is not what was sealed", "link 4 does not name the one before it"],
    ),
    "no link": (
        ["UPDATE ledger_tx SET chain_seq = NULL, prev_hash = NULL, hash = NULL WHERE chain_seq = 3"],
        ["link 3 is missing before it"],
    ),
    "no place": (
        ["UPDATE ledger_tx SET chain_seq = NULL WHERE chain_seq = 3"],
        ["has a hash but no place in the chain", "link 3 is missing before it"],
    ),
}


class Undone(Exception):
    """Rolls the damage back, with what was found meanwhile."""

    def __init__(self, found: list[Violation]) -> None:
        super().__init__()
        self.found = [each.detail for each in found if each.invariant == "chain_is_unbroken"]


@pytest.mark.parametrize("name", DAMAGES)
async def test_what_was_sealed_is_named_when_it_is_not_as_it_was(store, name):
    statements, expected = DAMAGES[name]
    await seal(store)

    def work(connection: Connection) -> None:
        _disarm(connection)
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, "nothing was damaged"
        raise Undone(verify(connection))

    with pytest.raises(Undone) as raised:
        await store.database.write(work)
    assert len(raised.value.found) == len(expected)
    assert all(found.startswith(begin) for found, begin in zip(raised.value.found, expected, strict=True))


@pytest.mark.parametrize(
    "change", ["chain_seq = NULL", "chain_seq = 99", "hash = prev_hash", "prev_hash = hash"]
)
async def test_a_transaction_is_sealed_once(store, change):
    await seal(store)
    with pytest.raises(Exception, match="append-only"):
        await store.database.write(lambda c: c.execute(text(f"UPDATE ledger_tx SET {change}")))


def _disarm(connection: Connection) -> None:
    """Takes the triggers away until the transaction is rolled back."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    triggers = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for trigger in triggers:
        connection.execute(text(f'DROP TRIGGER "{trigger}"'))

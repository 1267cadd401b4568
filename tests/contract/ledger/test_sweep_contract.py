"""Holds of dead workers are settled once, by however many sweepers, whenever they are killed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, func, select
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, LEASE, extend, issue, place

from raseed.adapters.sql.tables import usage_events
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import HoldState
from raseed.core.billing.ports import Ledger
from raseed.core.billing.service import HoldService, Owner
from raseed.core.ids import HoldId

HOLDS = 40


@pytest.fixture(params=[SQLITE, POSTGRES, POSTGRES_3])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    await opened.ledger.submit([issue("g", 1_000)])
    await opened.ledger.submit([place(f"h{number}", 10) for number in range(HOLDS)])
    await opened.ledger.submit([extend(f"h{number}", 10, tokens=3) for number in range(HOLDS)])
    opened.clock.advance(LEASE)
    yield opened
    await opened.close()


def sweeper(ledger: Ledger, name: str) -> HoldService:
    return HoldService(ledger, Owner(name, 1), HoldPolicy())


async def charged(store: SqlStore) -> tuple[int, int]:
    """How many usage events, and what they cost in all."""

    def work(connection: Connection) -> tuple[int, int]:
        cost = func.coalesce(func.sum(usage_events.c.cost_microcredits), 0)
        [(count, total)] = connection.execute(select(func.count(), cost).select_from(usage_events))
        return count, int(total)

    return await store.database.read(work)


async def test_sweepers_at_once_settle_each_hold_once(store):
    swept = await asyncio.gather(*(sweeper(store.ledger, f"core-{number}").sweep() for number in range(3)))
    assert sum(swept) >= HOLDS  # a repeat answers the first outcome, so a slower one may count them too
    assert await charged(store) == (HOLDS, 3 * HOLDS)
    assert await sweeper(store.ledger, "core-9").sweep() == 0


async def test_a_sweep_that_dies_is_continued_by_the_next_life(store):
    dying = asyncio.create_task(sweeper(store.ledger, "core-0").sweep())
    await asyncio.sleep(0.002)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await store.restart()
    await sweeper(store.ledger, "core-0").sweep()
    assert await charged(store) == (HOLDS, 3 * HOLDS)


async def test_holds_of_living_runs_hide_no_dead_one(store):
    """They are more than the ledger finds at once, and lapsed longer: their worker could not reach the database."""
    alive = [HoldId(f"h{number}") for number in range(HOLDS)] + [
        HoldId(f"a{number}") for number in range(300)
    ]
    await store.ledger.submit([place(hold, 1) for hold in alive[HOLDS:]])
    store.clock.advance(1)
    await store.ledger.submit([place("dead", 1, owner_instance="core-9")])
    store.clock.advance(LEASE)
    assert await sweeper(store.ledger, "core-0").sweep(alive) == 1
    dead = await store.ledger.hold(HoldId("dead"))
    assert dead is not None
    assert dead.state is HoldState.SWEPT
    assert await charged(store) == (1, 0)

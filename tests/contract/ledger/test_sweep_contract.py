"""Holds of dead workers are settled once, by however many sweepers, whenever they are killed."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, func, select, update
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB, COMPLETED, LEASE, extend, issue, place, settle, used

from raseed.adapters.sql.ledger.tables import holds, usage_events, usage_sums
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import HoldState, Meter, PriceSnapshot, Rate
from raseed.core.billing.ports import Ledger
from raseed.core.billing.service import HoldService, Owner, Payer
from raseed.core.errors import RaseedError
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


async def test_one_that_cannot_be_written_is_passed_over_and_told(store, caplog):
    """Its account's sums are full: whatever is added to them, the database refuses."""
    caplog.set_level(logging.CRITICAL)
    await store.ledger.submit([settle("h0", 3)])
    await store.database.write(full_sums(2**63 - 1))
    await store.open_account(BOB)
    await store.ledger.submit([issue("g", 10, BOB), place("bobs", 10, account_id=BOB)])
    store.clock.advance(LEASE)

    batch = await sweeper(store.ledger, "core-0").sweep_batch(None)

    assert (batch.settled, len(batch.unwritable)) == (1, HOLDS - 1)
    bobs = await store.ledger.hold(HoldId("bobs"))
    assert bobs is not None
    assert bobs.state is HoldState.SWEPT
    owner = HoldService(store.ledger, Owner("worker-1", 1), HoldPolicy())
    settling = owner.settle(Payer(account_id=ALICE, api_key_id=None), HoldId("h1"), used(3), COMPLETED)
    with pytest.raises(RaseedError, match="cannot write"):
        await asyncio.wait_for(settling, 10)
    await store.database.write(full_sums(3))
    assert await sweeper(store.ledger, "core-0").sweep() == HOLDS - 1


def full_sums(tokens: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(
        update(usage_sums).where(usage_sums.c.account_id == ALICE).values(output_tokens=tokens)
    )


async def test_a_checkpoint_that_costs_more_than_can_be_booked_holds_nobody_up(store):
    price = PriceSnapshot(model="painter", version="1", rates=(Rate(Meter.IMAGES, 1_000_000),))
    await store.ledger.submit([place("huge", 1, price=price)])
    huge = update(holds).where(holds.c.id == "huge").values(checkpoint=json.dumps([["images", 10**15]]))
    await store.database.write(lambda connection: connection.execute(huge))
    store.clock.advance(LEASE)
    assert await sweeper(store.ledger, "core-0").sweep() == HOLDS + 1
    assert await charged(store) == (HOLDS + 1, 3 * HOLDS + 1)

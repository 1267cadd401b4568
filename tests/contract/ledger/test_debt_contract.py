"""What every ledger store promises of accounts that may owe: never more than the limit, whatever runs at once."""

from __future__ import annotations

import asyncio

from tests.contract.ledger.conftest import AT_ONCE, Store
from tests.unit.billing.builders import ALICE, LEASE, extend, issue, place, release, settle, sweep

from raseed.core.billing.commands import Command, Held, Refused, Result
from raseed.core.billing.model import BalanceView

LIMIT = 100


async def short(store: Store, *holds: str) -> None:
    """Alice has ten for each of the holds, and nothing beside."""
    await store.open_account(ALICE)
    await store.ledger.submit([issue("g", 10 * len(holds)), *(place(hold, 10) for hold in holds)])


async def one(store: Store, command: Command) -> Result:
    [result] = await store.ledger.submit([command])
    return result


async def balance(store: Store) -> BalanceView:
    found = await store.ledger.balance(ALICE)
    assert found is not None
    return found


async def test_from_an_extension_on_debt_to_its_repayment(store):
    await short(store, "h1")
    held = await one(store, extend("h1", 60, tokens=20, debt_limit=LIMIT))
    assert isinstance(held, Held)
    assert held.amount_microcredits == 60
    assert (await balance(store)).held_microcredits == 10
    hold = await store.ledger.hold(held.hold_id)
    assert hold is not None
    assert (hold.amount_microcredits, hold.debt_microcredits) == (60, 50)

    await store.ledger.submit([settle("h1", 45)])
    assert (await balance(store)).debt_microcredits == 35
    assert isinstance(await one(store, place("h2", 1)), Refused)
    await store.ledger.submit([issue("top-up", 50), issue("top-up", 50)])
    repaid = await balance(store)
    assert (repaid.debt_microcredits, repaid.spendable_microcredits) == (0, 15)
    assert isinstance(await one(store, place("h2", 15)), Held)


async def test_a_hold_is_placed_grown_and_ended_in_one_batch(store):
    await store.open_account(ALICE)
    await store.ledger.submit(
        [issue("g", 10), place("h1", 10), extend("h1", 30, debt_limit=LIMIT), settle("h1", 30)]
    )
    assert (await balance(store)).debt_microcredits == 20


async def test_the_accounts_own_limit_and_its_end(store):
    await short(store, "h1")
    await store.set_debt_limit(ALICE, 5)
    assert (await balance(store)).own_debt_limit_microcredits == 5
    refused = await one(store, extend("h1", 16, debt_limit=LIMIT))
    assert isinstance(refused, Refused)
    assert refused.spendable_microcredits == 5
    await store.set_debt_limit(ALICE, None)
    assert (await balance(store)).own_debt_limit_microcredits is None
    assert isinstance(await one(store, extend("h1", 110, debt_limit=LIMIT)), Held)


async def test_a_sweep_owes_what_the_checkpoint_says_and_a_release_nothing(store):
    await short(store, "h1", "h2")
    await store.ledger.submit(
        [extend("h1", 40, tokens=25, debt_limit=LIMIT), extend("h2", 40, debt_limit=LIMIT)]
    )
    store.clock.advance(LEASE)
    await store.ledger.submit([sweep("h1")])
    assert (await balance(store)).debt_microcredits == 15
    await store.ledger.submit([release("h2")])
    end = await balance(store)
    assert (end.debt_microcredits, end.spendable_microcredits, end.held_microcredits) == (5, 0, 0)


async def test_it_is_all_there_after_a_restart(store):
    await short(store, "h1", "h2")
    await store.set_debt_limit(ALICE, 60)
    await store.ledger.submit([extend("h1", 40, debt_limit=0), settle("h1", 35)])
    await store.ledger.submit([extend("h2", 30, debt_limit=0)])
    await store.restart()
    refused = await one(store, extend("h2", 46, debt_limit=0))
    assert isinstance(refused, Refused)
    assert refused.spendable_microcredits == 15
    assert isinstance(await one(store, extend("h2", 45, debt_limit=0)), Held)


@AT_ONCE
async def test_many_at_once_owe_no_more_than_the_limit(store):
    """Each grows by steps until it is refused, and uses all that it got. The last unit of the limit is reached."""
    holds = [f"h{number}" for number in range(12)]
    await short(store, *holds)

    async def run(hold: str) -> int:
        level = 10
        while True:
            result = await one(store, extend(hold, level + 7, tokens=level, debt_limit=LIMIT))
            if isinstance(result, Refused):
                break
            level += 7
        while level < 200 and isinstance(await one(store, extend(hold, level + 1, debt_limit=LIMIT)), Held):
            level += 1
        await store.ledger.submit([settle(hold, level)])
        return level

    levels = await asyncio.gather(*map(run, holds))
    assert sum(levels) == 10 * len(holds) + LIMIT
    assert (await balance(store)).debt_microcredits == LIMIT


@AT_ONCE
async def test_a_limit_that_is_lowered_meanwhile_holds_from_then_on(store):
    holds = [f"h{number}" for number in range(8)]
    await short(store, *holds)

    async def grow(hold: str) -> None:
        for level in range(11, 40):
            await one(store, extend(hold, level, debt_limit=LIMIT))

    async def lower() -> int:
        await store.set_debt_limit(ALICE, 20)
        return (await balance(store)).debt_microcredits

    await asyncio.gather(*map(grow, holds), lower())
    for hold in holds:
        refused = await one(store, extend(hold, 500, debt_limit=LIMIT))
        assert isinstance(refused, Refused)
    await store.ledger.submit([settle(hold, 500) for hold in holds])
    assert (await balance(store)).debt_microcredits <= LIMIT
    assert isinstance(await one(store, place("new", 1)), Refused)


@AT_ONCE
async def test_grants_at_once_repay_to_the_unit(store):
    await short(store, "h1")
    await store.ledger.submit([extend("h1", 110, debt_limit=LIMIT), settle("h1", 110)])
    await asyncio.gather(*(one(store, issue(f"g{number % 15}", 10)) for number in range(30)))
    end = await balance(store)
    assert (end.debt_microcredits, end.spendable_microcredits) == (0, 50)

"""What every ledger store promises of credit that goes back with a payment's money: all of it is answered for, once."""

from __future__ import annotations

import asyncio

from tests.contract.ledger.conftest import AT_ONCE, Store
from tests.unit.billing.builders import ALICE, BOB, DAY, issue, place, release, settle

from raseed.core.billing.commands import Granted, Held, Refusal, Refused, TakeBack, TakenBack, TakeShortfall
from raseed.core.ids import GrantId


def refund(
    key: str, amount: int, grant_id: GrantId, shortfall: TakeShortfall = TakeShortfall.DEBT
) -> TakeBack:
    return TakeBack(
        account_id=ALICE, take_key=key, grant_id=grant_id, amount_microcredits=amount, shortfall=shortfall
    )


async def paid(store: Store, amount: int = 100, expires_at: int | None = None) -> GrantId:
    await store.open_account(ALICE)
    [granted] = await store.ledger.submit([issue("payment:1", amount, expires_at=expires_at)])
    assert isinstance(granted, Granted)
    return granted.grant_id


async def taken(store: Store, command: TakeBack) -> TakenBack:
    [result] = await store.ledger.submit([command])
    assert isinstance(result, TakenBack), result
    return result


async def owed(store: Store) -> tuple[int, int]:
    """(debt, spendable)"""
    balance = await store.ledger.balance(ALICE)
    assert balance is not None
    return balance.debt_microcredits, balance.spendable_microcredits


async def test_from_what_is_free_to_what_is_owed_and_all_of_it_after_a_restart(store):
    grant = await paid(store)
    await store.ledger.submit([place("spent", 30), settle("spent", 30), place("h", 20)])
    first, second = refund("r:1", 100, grant), refund("r:2", 50, grant)
    one = await taken(store, first)
    assert (one.amount_microcredits, one.debt_microcredits, one.still_held_microcredits) == (50, 0, 20)
    await store.ledger.submit([settle("h", 5)])
    two = await taken(store, second)
    assert (two.amount_microcredits, two.debt_microcredits, two.still_held_microcredits) == (15, 35, 0)
    assert await owed(store) == (35, 0)

    await store.restart()
    for command, before in ((first, one), (second, two)):
        again = await taken(store, command)
        assert again.replayed
        assert (again.parts, again.debt_microcredits) == (before.parts, before.debt_microcredits)
        assert again.settled_microcredits == before.settled_microcredits
    [other] = await store.ledger.submit([refund("r:1", 50, grant)])
    assert isinstance(other, Refused)
    assert other.refusal is Refusal.REUSED_WITH_OTHER_INPUT
    await store.ledger.submit([issue("next", 40)])
    assert await owed(store) == (0, 5)


async def test_a_grant_of_which_nothing_is_left_is_owed_whole(store):
    """Spent, or expired and booked: it is none of the account's live grants any more."""
    grant = await paid(store, expires_at=store.clock.now() + DAY)
    await store.ledger.submit([place("h", 60), settle("h", 60)])
    store.clock.advance(DAY)
    await store.ledger.submit([issue("other", 1)])
    await store.restart()
    result = await taken(store, refund("r", 100, grant))
    assert (result.parts, result.debt_microcredits) == ((), 100)
    assert await owed(store) == (99, 0)


async def test_what_is_written_off_is_nobodys_debt(store):
    grant = await paid(store)
    await store.ledger.submit([place("h", 100), settle("h", 100)])
    command = refund("r", 100, grant, TakeShortfall.WRITE_OFF)
    for _ in range(2):
        result = await taken(store, command)
        assert (result.written_off_microcredits, result.settled_microcredits) == (100, 100)
    assert await owed(store) == (0, 0)


async def test_a_grant_of_another_account_is_none(store):
    grant = await paid(store)
    await store.open_account(BOB)
    command = TakeBack(
        account_id=BOB,
        take_key="r",
        grant_id=grant,
        amount_microcredits=1,
        shortfall=TakeShortfall.DEBT,
    )
    [result] = await store.ledger.submit([command])
    assert isinstance(result, Refused)
    assert result.refusal is Refusal.GRANT_UNKNOWN


async def test_a_grant_is_given_spent_and_refunded_in_one_batch(store):
    grant = await paid(store)
    batch = [place("h", 100), settle("h", 90), refund("r", 100, grant), issue("next", 95), place("h2", 5)]
    *_, refunded, _, held = await store.ledger.submit(batch)
    assert isinstance(refunded, TakenBack)
    assert (refunded.amount_microcredits, refunded.debt_microcredits) == (10, 90)
    assert isinstance(held, Held)
    assert await owed(store) == (0, 0)


@AT_ONCE
async def test_refunds_at_once_with_the_requests_that_spend_the_grant(store):
    """Each is asked for until it is done: in the end the account owes what it spent of the payment, and no more."""
    grant = await paid(store)

    async def spend(number: int) -> int:
        hold = f"h{number}"
        [held] = await store.ledger.submit([place(hold, 10)])
        if not isinstance(held, Held):
            return 0
        [settled] = await store.ledger.submit([release(hold) if number % 3 == 0 else settle(hold, 7)])
        assert not isinstance(settled, Refused)
        return 0 if number % 3 == 0 else 7

    async def give_back(number: int) -> int:
        left, step = 25, 0
        while left:
            command = refund(f"r{number}:{step}", left, grant)
            results = await asyncio.gather(*(taken(store, command) for _ in range(2)))
            assert len({result.settled_microcredits for result in results}) == 1
            assert sorted(result.replayed for result in results) == [False, True]
            left -= results[0].settled_microcredits
            step += 1
            await asyncio.sleep(0.001)
        return 25

    outcomes = await asyncio.gather(*map(spend, range(12)), *map(give_back, range(4)))
    spent, back = sum(outcomes[:12]), sum(outcomes[12:])
    assert back == 100
    debt, spendable = await owed(store)
    assert (debt, spendable) == (spent, 0)

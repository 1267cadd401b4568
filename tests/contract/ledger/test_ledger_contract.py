"""What every ledger store promises, whatever it is made of. The rules themselves are tested in unit/billing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.contract.ledger.conftest import AT_ONCE, Store
from tests.unit.billing.builders import (
    ALICE,
    BOB,
    DAY,
    LEASE,
    extend,
    issue,
    place,
    release,
    settle,
    sweep,
    used,
)

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import (
    Granted,
    Held,
    Refusal,
    Refused,
    Settled,
    TakeBack,
    TakenBack,
)
from raseed.core.billing.model import HoldState
from raseed.core.ids import AccountId, HoldId


async def alice_with(store: Store, amount: int) -> None:
    await store.open_account(ALICE)
    await store.ledger.submit([issue("g", amount)])


async def spendable(store: Store, account_id: AccountId = ALICE) -> int:
    balance = await store.ledger.balance(account_id)
    assert balance is not None
    return balance.spendable_microcredits


async def test_a_request_from_hold_to_settlement(store):
    await alice_with(store, 100)
    [held] = await store.ledger.submit([place("h1", 60)])
    [grown] = await store.ledger.submit([extend("h1", 80, tokens=50)])
    [settled] = await store.ledger.submit([settle("h1", 70)])

    assert isinstance(held, Held)
    assert isinstance(grown, Held)
    assert isinstance(settled, Settled)
    assert (held.amount_microcredits, grown.amount_microcredits) == (60, 80)
    assert (settled.cost_microcredits, settled.spendable_microcredits) == (70, 30)
    hold = await store.ledger.hold(HoldId("h1"))
    assert hold is not None
    assert (hold.state, hold.cost_microcredits, hold.checkpoint) == (HoldState.SETTLED, 70, used(70))


async def test_unknown_things_are_none(store):
    assert await store.ledger.balance(ALICE) is None
    assert await store.ledger.hold(HoldId("h1")) is None


async def test_commands_of_one_call_see_each_other_in_order(store):
    await store.open_account(ALICE)
    results = await store.ledger.submit(
        [issue("g", 100), place("h1", 60), place("h2", 60), settle("h1", 10), place("h3", 60), release("h3")]
    )
    assert [type(result) for result in results] == [Granted, Held, Refused, Settled, Held, Settled]
    assert await spendable(store) == 90


async def test_a_refused_command_never_undoes_its_neighbours(store):
    await alice_with(store, 100)
    first, refused, last = await store.ledger.submit([place("h1", 40), place("h2", 500), place("h3", 40)])
    assert isinstance(first, Held)
    assert isinstance(refused, Refused)
    assert isinstance(last, Held)
    assert await spendable(store) == 20


async def test_no_commands_no_results(store):
    assert await store.ledger.submit([]) == []


async def test_more_commands_than_a_batch_holds(store):
    await alice_with(store, 1000)
    results = await store.ledger.submit([place(f"h{number}", 1) for number in range(300)])
    assert all(isinstance(result, Held) for result in results)
    assert await spendable(store) == 700


async def test_every_command_can_be_sent_again_after_a_restart(store):
    await alice_with(store, 100)
    commands = [
        issue("more", 7),
        place("h1", 30),
        settle("h1", 12),
        place("h2", 30),
        release("h2"),
        place("h3", 30),
        sweep("h3", instance="worker-1", epoch=2),
    ]
    first = await store.ledger.submit(commands)
    before = await store.ledger.balance(ALICE)
    await store.restart()

    again = await store.ledger.submit(commands)

    assert await store.ledger.balance(ALICE) == before
    assert all(not isinstance(result, Refused) and result.replayed for result in again)
    for one, other in zip(first, again, strict=True):
        assert not isinstance(one, Refused)
        if isinstance(one, Settled):
            assert isinstance(other, Settled)
            assert (one.cost_microcredits, one.lines, one.shortfall_microcredits) == (
                other.cost_microcredits,
                other.lines,
                other.shortfall_microcredits,
            )


async def test_credit_that_is_taken_back_is_taken_once_also_after_a_restart(store):
    await alice_with(store, 100)
    store.clock.advance(1)  # so that one of the grants is the newest
    [granted] = await store.ledger.submit([issue("more", 50)])
    assert isinstance(granted, Granted)
    part = TakeBack(account_id=ALICE, take_key="part", grant_id=None, amount_microcredits=20)
    void = TakeBack(account_id=ALICE, take_key="void", grant_id=granted.grant_id, amount_microcredits=None)
    first = await store.ledger.submit([part, place("h1", 5), void])
    await store.restart()

    again = await store.ledger.submit([part, void, replace(part, amount_microcredits=21)])

    taken = [result for result in (*first, *again) if isinstance(result, TakenBack)]
    assert [result.replayed for result in taken] == [False, False, True, True]
    assert [result.amount_microcredits for result in taken] == [20, 30, 20, 30]
    assert taken[0].parts == taken[2].parts
    assert isinstance(again[-1], Refused)
    assert again[-1].refusal is Refusal.REUSED_WITH_OTHER_INPUT
    assert await spendable(store) == 95


async def test_an_id_cannot_be_used_for_something_else(store):
    await alice_with(store, 100)
    await store.open_account(BOB)
    await store.ledger.submit([place("h1", 10)])
    results = await store.ledger.submit(
        [place("h1", 10, input_hash="other"), place("h1", 10, account_id=BOB), issue("g", 101)]
    )
    assert [isinstance(r, Refused) and r.refusal for r in results] == [Refusal.REUSED_WITH_OTHER_INPUT] * 3


@AT_ONCE
async def test_many_at_once_hold_exactly_what_is_there(store):
    """However the calls fall into batches: a balance of 100 admits ten holds of ten, and no eleventh."""
    await alice_with(store, 100)
    results = await asyncio.gather(*(store.ledger.submit([place(f"h{n}", 10)]) for n in range(50)))
    assert sum(isinstance(result, Held) for [result] in results) == 10
    assert {result.refusal for [result] in results if isinstance(result, Refused)} == {
        Refusal.HELD_BY_OPEN_REQUESTS
    }


@AT_ONCE
async def test_two_settlements_at_once_charge_once(store):
    await alice_with(store, 100)
    await store.ledger.submit([place("h1", 50)])
    results = await asyncio.gather(*(store.ledger.submit([settle("h1", 20)]) for _ in range(5)))
    assert sorted(r.replayed for [r] in results if isinstance(r, Settled)) == [False, True, True, True, True]
    assert await spendable(store) == 80


@AT_ONCE
async def test_a_settlement_and_a_sweep_at_once_end_the_hold_once(store):
    await alice_with(store, 100)
    await store.ledger.submit([place("h1", 50)])
    store.clock.advance(LEASE)
    [one], [other] = await asyncio.gather(
        store.ledger.submit([settle("h1", 20)]), store.ledger.submit([sweep("h1")])
    )
    assert sorted([type(one).__name__, type(other).__name__]) == ["Refused", "Settled"]


async def test_a_suspended_account_gets_no_hold(store):
    await alice_with(store, 100)
    await store.set_status(ALICE, AccountStatus.SUSPENDED)
    [refused] = await store.ledger.submit([place("h1", 1)])
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.ACCOUNT_NOT_ACTIVE


async def test_expiry_needs_no_help_to_be_seen(store):
    await store.open_account(ALICE)
    await store.ledger.submit([issue("g", 100, expires_at=store.clock.now() + DAY)])
    store.clock.advance(DAY)
    assert await spendable(store) == 0
    await store.ledger.submit([issue("new", 5)])
    balance = await store.ledger.balance(ALICE)
    assert balance is not None
    assert [grant.amount_microcredits for grant in balance.grants] == [5]


async def test_credit_expires_again_after_the_clock_was_turned_back(store):
    """Two workers' clocks differ by as much as that, and a clock that is set right may step back."""
    await store.open_account(ALICE)
    await store.ledger.submit([issue("short", 100, expires_at=store.clock.now() + DAY), issue("long", 100)])
    await store.ledger.submit([place("h1", 40)])
    store.clock.advance(DAY)
    await store.ledger.submit([place("h2", 30)])
    store.clock.advance(-1)
    await store.ledger.submit([release("h1")])
    assert await spendable(store) == 70 + 40
    store.clock.advance(1)
    [settled] = await store.ledger.submit([settle("h2", 20)])
    assert isinstance(settled, Settled)
    assert settled.cost_microcredits == 20
    assert await spendable(store) == 80


async def test_a_hold_remembers_its_allocations_over_extensions(store):
    await store.open_account(ALICE)
    await store.ledger.submit([issue("a", 10, priority=1), issue("b", 10, priority=2), place("h1", 5)])
    await store.ledger.submit([extend("h1", 8)])
    await store.ledger.submit([extend("h1", 15)])
    hold = await store.ledger.hold(HoldId("h1"))
    assert hold is not None
    assert [allocation.amount_microcredits for allocation in hold.allocations] == [10, 5]


async def test_holds_to_sweep_are_those_of_earlier_lives_and_those_that_lapsed(store):
    await alice_with(store, 100)
    await store.ledger.submit([place("old life", 1)])
    await store.ledger.submit([place("new life", 1, owner_epoch=2)])
    await store.ledger.submit([place("other", 1, owner_instance="worker-2")])
    await store.ledger.submit([place("done", 1), settle("done", 1)])

    async def found(instance: str, epoch: int) -> set[str]:
        return {str(hold.id) for hold in await store.ledger.holds_to_sweep(instance, epoch)}

    assert await found("worker-1", 1) == set()
    assert await found("worker-1", 2) == {"old life"}
    store.clock.advance(LEASE - 1)
    await store.ledger.submit([extend("old life", 0)])
    store.clock.advance(1)
    assert await found("worker-3", 1) == {"new life", "other"}
    assert len(await store.ledger.holds_to_sweep("worker-1", 2, limit=2)) == 2
    [first, *others] = await store.ledger.holds_to_sweep("worker-1", 2)
    assert await store.ledger.holds_to_sweep("worker-1", 2, after=first) == others
    assert await store.ledger.holds_to_sweep("worker-1", 2, after=first, limit=1) == others[:1]
    assert await store.ledger.holds_to_sweep("worker-1", 2, after=others[-1]) == []
    assert [allocation.amount_microcredits for allocation in first.allocations] == [1]

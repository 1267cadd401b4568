"""What every ledger store promises of API keys with a spend cap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.ledger.conftest import AT_ONCE, Store
from tests.unit.billing.builders import ALICE, DAY, LEASE, extend, issue, place, release, settle, sweep

from raseed.core.billing.commands import Command, Held, PlaceHold, Refusal, Refused, Result, Settled
from raseed.core.billing.spend_caps import CapWindow, SpendCap
from raseed.core.ids import ApiKeyId

CAPPED = ApiKeyId("key_capped")
FREE = ApiKeyId("key_free")


async def capped(store: Store, limit: int, window: CapWindow = CapWindow.LIFETIME) -> None:
    await store.open_account(ALICE)
    await store.ledger.submit([issue("g", 1_000)])
    await store.set_cap(CAPPED, SpendCap(limit, window))
    await store.set_cap(FREE, None)


def by_key(hold: str, want: int, least: int | None = None, **fields: Any) -> PlaceHold:
    return place(hold, want, least, **({"api_key_id": CAPPED} | fields))


async def one(store: Store, command: Command) -> Result:
    [result] = await store.ledger.submit([command])
    return result


def refusal(result: Result) -> Refusal | None:
    return result.refusal if isinstance(result, Refused) else None


async def test_charges_and_holds_together_stay_within_the_cap(store):
    await capped(store, 100)
    await store.ledger.submit([by_key("h1", 50), settle("h1", 30)])
    assert isinstance(await one(store, by_key("h2", 40)), Held)

    held_by_the_key = await one(store, by_key("h3", 50, 31))
    for_ever = await one(store, by_key("h4", 71))
    what_is_left = await one(store, by_key("h5", 50, 30))

    assert refusal(held_by_the_key) is Refusal.HELD_BY_OPEN_REQUESTS
    assert refusal(for_ever) is Refusal.SPEND_CAP_REACHED
    assert isinstance(for_ever, Refused)
    assert for_ever.spendable_microcredits == 30
    assert isinstance(what_is_left, Held)
    assert what_is_left.amount_microcredits == 30


async def test_other_keys_of_the_account_are_not_concerned(store):
    await capped(store, 10)
    results = await store.ledger.submit(
        [by_key("h1", 10), by_key("h2", 500, api_key_id=FREE), by_key("h3", 490, api_key_id=None)]
    )
    assert all(isinstance(result, Held) for result in results)


async def test_an_extension_is_refused_by_the_cap_and_moves_nothing(store):
    await capped(store, 100)
    await store.ledger.submit([by_key("h1", 60)])

    refused = await one(store, extend("h1", 101, tokens=9))
    grown = await one(store, extend("h1", 100))

    assert refusal(refused) is Refusal.SPEND_CAP_REACHED
    assert isinstance(refused, Refused)
    assert refused.spendable_microcredits == 40
    assert isinstance(grown, Held)
    assert grown.amount_microcredits == 100


async def test_what_ends_a_hold_frees_what_it_did_not_charge(store):
    await capped(store, 100)
    await store.ledger.submit([by_key("h1", 40), by_key("h2", 40), by_key("h3", 20)])
    await store.ledger.submit([extend("h3", 20, tokens=5)])
    store.clock.advance(LEASE)
    await store.ledger.submit([settle("h1", 10), release("h2"), sweep("h3")])

    assert refusal(await one(store, by_key("h4", 86))) is Refusal.SPEND_CAP_REACHED
    assert isinstance(await one(store, by_key("h5", 85)), Held)


async def test_what_was_used_beyond_the_hold_is_the_houses_not_the_keys(store):
    await capped(store, 100)
    await store.ledger.submit([by_key("h1", 60), settle("h1", 90)])
    assert isinstance(await one(store, by_key("h2", 40)), Held)


async def test_a_repeated_settlement_counts_once(store):
    await capped(store, 100)
    await store.ledger.submit([by_key("h1", 50), settle("h1", 50), settle("h1", 50), by_key("h1", 50)])
    assert isinstance(await one(store, by_key("h2", 50)), Held)


@pytest.mark.parametrize(
    ("window", "days"), [(CapWindow.DAY, 1), (CapWindow.WEEK, 7), (CapWindow.MONTH, 31)], ids=str
)
async def test_a_new_window_frees_what_was_charged_but_not_what_is_held(store, window, days):
    await capped(store, 100, window)
    await store.ledger.submit([by_key("h1", 60), settle("h1", 60), by_key("h2", 30)])
    assert refusal(await one(store, by_key("h3", 41))) is Refusal.SPEND_CAP_REACHED

    store.clock.advance(days * DAY)
    full = await one(store, by_key("h4", 71))
    held = await one(store, by_key("h5", 70))

    assert refusal(full) is Refusal.HELD_BY_OPEN_REQUESTS
    assert isinstance(held, Held)
    [settled] = await store.ledger.submit([settle("h2", 30)])
    assert isinstance(settled, Settled)
    assert refusal(await one(store, by_key("h6", 71))) is Refusal.SPEND_CAP_REACHED


async def test_a_clock_that_is_set_back_opens_no_second_window(store):
    await capped(store, 100, CapWindow.DAY)
    await store.ledger.submit([by_key("h1", 100), settle("h1", 100)])
    store.clock.advance(-DAY)
    assert refusal(await one(store, by_key("h2", 1))) is Refusal.SPEND_CAP_REACHED
    store.clock.advance(2 * DAY)
    assert isinstance(await one(store, by_key("h3", 100)), Held)


async def test_a_cap_that_is_set_while_the_clock_is_back_opens_no_older_window(store):
    await capped(store, 100, CapWindow.DAY)
    await store.ledger.submit([by_key("h1", 100), settle("h1", 100)])
    store.clock.advance(-DAY)
    await store.set_cap(CAPPED, SpendCap(100, CapWindow.DAY))
    store.clock.advance(DAY)
    assert refusal(await one(store, by_key("h2", 1))) is Refusal.SPEND_CAP_REACHED


async def test_a_cap_counts_what_the_key_used_before(store):
    await capped(store, 0)
    await store.set_cap(CAPPED, None)
    await store.ledger.submit([by_key("h1", 30), settle("h1", 30)])
    store.clock.advance(DAY)
    await store.ledger.submit([by_key("h2", 25), settle("h2", 25), by_key("h3", 20)])

    await store.set_cap(CAPPED, SpendCap(100))
    of_its_life = await one(store, by_key("h4", 26, 26))
    await store.set_cap(CAPPED, SpendCap(100, CapWindow.DAY))
    of_today = await one(store, by_key("h5", 56, 56))
    await store.set_cap(CAPPED, SpendCap(10))
    lowered = await one(store, by_key("h6", 1))
    [ended] = await store.ledger.submit([settle("h3", 20)])

    assert refusal(of_its_life) is Refusal.HELD_BY_OPEN_REQUESTS
    assert refusal(of_today) is Refusal.HELD_BY_OPEN_REQUESTS
    assert refusal(lowered) is Refusal.SPEND_CAP_REACHED
    assert isinstance(ended, Settled)
    assert ended.cost_microcredits == 20


@AT_ONCE
async def test_many_at_once_hold_exactly_what_the_cap_admits(store):
    await capped(store, 100)
    results = await asyncio.gather(*(one(store, by_key(f"h{n}", 10)) for n in range(50)))
    assert sum(isinstance(result, Held) for result in results) == 10


async def test_a_run_that_costs_nothing_needs_no_room(store):
    await capped(store, 0)
    assert isinstance(await one(store, by_key("h1", 0)), Held)

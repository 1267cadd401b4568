"""What every ledger store promises of caps that several spenders share: a member's, and that of a key which made others."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.ledger.conftest import AT_ONCE, Store
from tests.unit.billing.builders import ALICE, DAY, LEASE, extend, issue, place, release, settle, sweep

from raseed.core.billing.commands import Command, Held, PlaceHold, Refusal, Refused, Result
from raseed.core.billing.spend_caps import CapWindow, SpendCap, key_bucket, member_bucket
from raseed.core.ids import ApiKeyId, PersonId

MONA, OMAR = PersonId("acct_mona"), PersonId("acct_omar")
PARENT, CHILD, OWN = ApiKeyId("key_parent"), ApiKeyId("key_child"), ApiKeyId("key_own")


async def organisation(store: Store) -> None:
    """Alice's account is one. Mona made a key, which made another; and one of her own beside it."""
    await store.open_account(ALICE)
    await store.ledger.submit([issue("g", 1_000)])
    await store.add_key(PARENT, created_by=MONA)
    await store.add_key(CHILD, parent_id=PARENT, created_by=MONA)
    await store.add_key(OWN, created_by=MONA)


def by_session(hold: str, want: int, person_id: PersonId = MONA, least: int | None = None) -> PlaceHold:
    return place(hold, want, least, person_id=person_id)


def by_child(hold: str, want: int, least: int | None = None) -> PlaceHold:
    return place(hold, want, least, api_key_id=CHILD, parent_key_id=PARENT, person_id=MONA)


def by_key(hold: str, want: int, key_id: ApiKeyId = OWN, least: int | None = None) -> PlaceHold:
    return place(hold, want, least, api_key_id=key_id, person_id=MONA)


async def one(store: Store, command: Command) -> Result:
    [result] = await store.ledger.submit([command])
    return result


def refusal(result: Result) -> Refusal | None:
    return result.refusal if isinstance(result, Refused) else None


async def test_a_member_is_capped_over_session_and_keys_together(store):
    await organisation(store)
    await store.set_member_cap(MONA, SpendCap(100))
    await store.ledger.submit([by_session("h1", 30), settle("h1", 30), by_key("h2", 30), by_child("h3", 30)])

    waits, never = await store.ledger.submit([by_session("h4", 11), by_key("h5", 71)])
    part = await one(store, by_child("h6", 50, 5))
    other = await one(store, by_session("h7", 500, OMAR))
    nobodys = await one(store, place("h8", 300))

    assert refusal(waits) is Refusal.HELD_BY_OPEN_REQUESTS
    assert refusal(never) is Refusal.SPEND_CAP_REACHED
    assert isinstance(never, Refused)
    assert (never.bucket_id, never.spendable_microcredits) == (member_bucket(ALICE, MONA), 10)
    assert isinstance(part, Held)
    assert part.amount_microcredits == 10
    assert isinstance(other, Held)
    assert isinstance(nobodys, Held)


async def test_a_key_is_capped_with_those_that_it_made(store):
    await organisation(store)
    await store.set_cap(PARENT, SpendCap(50))
    await store.ledger.submit([by_child("h1", 20), settle("h1", 15), by_key("h2", 20, PARENT)])

    refused = await one(store, by_child("h3", 36))
    beside = await one(store, by_key("h4", 500, OWN))
    grown = await one(store, extend("h2", 36))

    assert refusal(refused) is Refusal.SPEND_CAP_REACHED
    assert isinstance(refused, Refused)
    assert refused.bucket_id == key_bucket(PARENT)
    assert isinstance(beside, Held)
    assert refusal(grown) is Refusal.SPEND_CAP_REACHED
    assert isinstance(await one(store, extend("h2", 35)), Held)


async def test_the_least_that_any_bucket_has_left_is_granted(store):
    await organisation(store)
    await store.set_cap(CHILD, SpendCap(40))
    await store.set_cap(PARENT, SpendCap(30))
    await store.set_member_cap(MONA, SpendCap(35))
    held = await one(store, by_child("h1", 100, 1))
    assert isinstance(held, Held)
    assert held.amount_microcredits == 30
    await store.set_cap(PARENT, SpendCap(500))
    refused = await one(store, extend("h1", 39))
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.bucket_id) == (Refusal.SPEND_CAP_REACHED, member_bucket(ALICE, MONA))
    assert refused.spendable_microcredits == 5


@pytest.mark.parametrize("end", ["settle", "release", "sweep"])
async def test_every_bucket_gets_back_what_a_hold_took_there(store, end):
    """Also after a restart, and whatever caps were made and lifted meanwhile."""
    await organisation(store)
    await store.set_cap(PARENT, SpendCap(100))
    await store.set_member_cap(MONA, SpendCap(100))
    await store.ledger.submit([by_child("h1", 60)])
    await store.ledger.submit([extend("h1", 80, tokens=10)])
    await store.set_cap(CHILD, SpendCap(100))
    await store.set_cap(PARENT, None)
    await store.set_cap(PARENT, SpendCap(100))
    await store.restart()
    store.clock.advance(LEASE)
    await store.ledger.submit(
        [{"settle": settle("h1", 10), "release": release("h1"), "sweep": sweep("h1")}[end]]
    )
    left = 100 if end == "release" else 90
    for hold, command in (
        ("over", by_child("over", left + 1)),
        ("parent", by_key("parent", left + 1, PARENT)),
        ("session", by_session("session", left + 1)),
    ):
        assert refusal(await one(store, command)) is Refusal.SPEND_CAP_REACHED, hold
    assert isinstance(await one(store, by_child("all", left)), Held)


async def test_a_new_cap_counts_what_was_used_before_and_is_held(store):
    await organisation(store)
    await store.ledger.submit([by_session("h1", 20), settle("h1", 20), by_child("h2", 20), settle("h2", 20)])
    store.clock.advance(DAY)
    await store.ledger.submit([by_key("h3", 10), settle("h3", 10), by_session("h4", 5), by_child("h5", 5)])

    await store.set_member_cap(MONA, SpendCap(61))
    of_all = [refusal(await one(store, by_session(f"s{n}", n))) for n in (12, 2)]
    await store.set_member_cap(MONA, SpendCap(25, CapWindow.DAY))
    of_today = [refusal(await one(store, by_session(f"d{n}", n))) for n in (16, 6)]
    await store.set_cap(PARENT, SpendCap(30))
    of_parent = [refusal(await one(store, by_child(f"p{n}", n))) for n in (11, 6)]

    expected = [Refusal.SPEND_CAP_REACHED, Refusal.HELD_BY_OPEN_REQUESTS]
    assert (of_all, of_today, of_parent) == (expected, expected, expected)
    await store.ledger.submit([settle("h4", 5), settle("h5", 5)])
    await store.set_member_cap(MONA, None)
    assert isinstance(await one(store, by_session("free", 500)), Held)


@AT_ONCE
async def test_many_at_once_with_session_and_keys_hold_exactly_what_the_cap_admits(store):
    await organisation(store)
    await store.set_member_cap(MONA, SpendCap(100))
    await store.set_cap(PARENT, SpendCap(40))
    asks = [(by_session, by_child, by_key)[number % 3](f"h{number}", 10) for number in range(45)]
    results = await asyncio.gather(*(one(store, ask) for ask in asks))
    held = [ask for ask, result in zip(asks, results, strict=True) if isinstance(result, Held)]
    assert len(held) == 10
    assert sum(ask.api_key_id == CHILD for ask in held) <= 4

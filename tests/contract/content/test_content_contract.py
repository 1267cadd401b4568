"""What every content store promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, update
from tests.contract.content.conftest import Opened
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.content_tables import content_accounts, content_items
from raseed.core.clock import SECOND
from raseed.core.content.ports import ABSENT, ANY, ContentKind
from raseed.core.content.purge import purge_job
from raseed.core.errors import NotFound, RequestTooLarge, StorageQuotaExceeded
from raseed.core.ids import AccountId
from raseed.core.jobs import run_round

AT_ONCE = pytest.mark.parametrize("opened", [SQLITE, POSTGRES, POSTGRES_3], indirect=True)
KIND = ContentKind.IDEMPOTENT
SECRET = b"what the customer wrote"


async def put(
    opened: Opened,
    name: str = "a",
    data: bytes = SECRET,
    account_id: AccountId = ALICE,
    *,
    ttl_s: int = 60,
    if_match: str = ANY,
) -> str | None:
    return await opened.content.put(account_id, KIND, name, data, ttl_s=ttl_s, if_match=if_match)


async def data_of(opened: Opened, name: str = "a", account_id: AccountId = ALICE) -> bytes | None:
    item = await opened.content.get(account_id, KIND, name)
    return None if item is None else item.data


async def stored_bytes(opened: Opened, account_id: AccountId = ALICE) -> int:
    query = select(content_accounts.c.stored_bytes).where(content_accounts.c.account_id == account_id)
    return await opened.store.database.read(lambda connection: connection.scalar(query) or 0)


async def test_what_is_stored_is_read_also_after_a_restart(opened):
    version = await put(opened)
    await opened.store.restart()
    item = await opened.content.get(ALICE, KIND, "a")
    assert (item.data, item.version) == (SECRET, version)


async def test_an_item_is_its_accounts_alone(opened):
    await put(opened)
    assert await data_of(opened, account_id=BOB) is None
    assert not await opened.content.delete(BOB, KIND, "a")
    assert await data_of(opened) == SECRET


async def test_an_item_is_replaced_under_its_condition_only(opened):
    first = await put(opened, data=b"1", if_match=ABSENT)
    assert first
    assert await put(opened, data=b"2", if_match=ABSENT) is None
    second = await put(opened, data=b"3", if_match=first)
    assert second
    assert await put(opened, data=b"4", if_match=first) is None
    assert await data_of(opened) == b"3"
    assert await put(opened, data=b"5")
    assert await data_of(opened) == b"5"
    assert await put(opened, name="none", if_match=second) is None


@AT_ONCE
async def test_of_many_who_write_first_one_does(opened):
    versions = await asyncio.gather(*(put(opened, data=b"%d" % i, if_match=ABSENT) for i in range(20)))
    [winner] = [number for number, version in enumerate(versions) if version]
    assert await data_of(opened) == b"%d" % winner


async def test_what_is_over_is_not_seen_and_makes_room(opened):
    await put(opened, ttl_s=60)
    opened.store.clock.advance(60 * SECOND)
    assert await data_of(opened) is None
    assert not await opened.content.delete(ALICE, KIND, "a")
    await put(opened, ttl_s=60)
    opened.store.clock.advance(61 * SECOND)
    assert await put(opened, data=b"new", if_match=ABSENT)
    assert await data_of(opened) == b"new"


async def test_deleting_frees_what_was_taken(opened):
    await put(opened)
    assert await stored_bytes(opened) > 0
    assert await opened.content.delete(ALICE, KIND, "a")
    assert await data_of(opened) is None
    assert await stored_bytes(opened) == 0
    assert not await opened.content.delete(ALICE, KIND, "a")


async def test_an_item_has_a_longest(opened):
    assert await put(opened, data=b"x" * 1_000)
    with pytest.raises(RequestTooLarge):
        await put(opened, name="b", data=b"x" * 1_001)
    assert await data_of(opened, "b") is None


async def test_an_account_keeps_so_much_and_not_more(opened):
    for name in ("a", "b"):
        await put(opened, name, b"x" * 1_000)
    with pytest.raises(StorageQuotaExceeded):
        await put(opened, "c", b"x" * 1_000)
    assert await data_of(opened, "c") is None
    assert await put(opened, "a", b"y" * 1_000), "what is replaced makes room"
    assert await put(opened, "c", b"x" * 1_000, BOB), "the limit is each account's own"
    await opened.content.delete(ALICE, KIND, "b")
    assert await put(opened, "c", b"x" * 1_000)


async def test_an_account_that_is_none_stores_nothing(opened):
    with pytest.raises(NotFound):
        await put(opened, account_id=AccountId("acct_nobody"))


async def test_nothing_of_it_is_readable_on_the_disk(opened):
    await put(opened)
    query = select(content_items.c.data)
    [sealed] = await opened.store.database.read(lambda connection: connection.execute(query).scalars().all())
    assert SECRET[:8] not in sealed


async def test_what_was_moved_to_another_name_does_not_open(opened):
    await put(opened)
    statement = update(content_items).values(name="b")
    await opened.store.database.write(lambda connection: connection.execute(statement).rowcount)
    with pytest.raises(InvalidTag):
        await data_of(opened, "b")


async def test_what_was_erased_stays_so_and_the_account_begins_anew(opened):
    await put(opened)
    await put(opened, account_id=BOB)
    await opened.content.erase(ALICE)
    await opened.content.erase(ALICE)
    assert await data_of(opened) is None
    assert await data_of(opened, account_id=BOB) == SECRET
    assert not await opened.content.delete(ALICE, KIND, "a")
    await put(opened, "b", b"second life")
    assert await data_of(opened, "b") == b"second life"
    assert await put(opened, data=b"anew", if_match=ABSENT)
    assert await data_of(opened) == b"anew"


@AT_ONCE
async def test_three_purges_at_once_remove_each_item_once(opened):
    """What was removed twice would also be taken twice from what the account has stored."""
    for number in range(12):
        await put(opened, f"old-{number}", ttl_s=10)
    await put(opened, "young", ttl_s=1_000)
    opened.store.clock.advance(100 * SECOND)

    async def work() -> int:
        content = opened.content
        return sum([await content.purge(3) for _ in range(12)])

    assert sum(await asyncio.gather(*(work() for _ in range(3)))) == 12
    size = select(content_items.c.size_bytes)
    assert await stored_bytes(opened) == await opened.store.database.read(lambda c: c.scalar(size)) > 0


async def test_a_purge_removes_what_is_over_in_batches(opened):
    for number in range(3):
        await put(opened, f"old-{number}", ttl_s=10 + number)
    await put(opened, "of an erased account", account_id=BOB, ttl_s=20)
    await opened.content.erase(BOB)
    await put(opened, "young", ttl_s=1_000)
    opened.store.clock.advance(100 * SECOND)
    young = await opened.content.get(ALICE, KIND, "young")
    assert await opened.content.purge(2) == 2
    await run_round(purge_job(opened.content))
    assert await opened.content.purge(10) == 0
    assert await opened.content.get(ALICE, KIND, "young") == young
    size = select(content_items.c.size_bytes)
    assert await stored_bytes(opened) == await opened.store.database.read(lambda c: c.scalar(size))


async def test_responses_leave_room_for_keys(opened):
    """An account that keeps as many as it may still gets the results of its keys kept."""

    async def keep(name: str) -> Any:
        return await opened.content.put(ALICE, ContentKind.RESPONSE, name, b"x" * 500, ttl_s=60)

    for number in range(4):
        assert await keep(f"resp_{number}")
    with pytest.raises(StorageQuotaExceeded):
        await keep("resp_4")
    assert await put(opened, data=b"x" * 500)

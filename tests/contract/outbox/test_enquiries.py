"""Messages by the contact form: few from one place, few in a day, each told once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, select
from tests.contract.ledger.conftest import SqlStore

from raseed.adapters.sql.accounts.sign_in_codes import write_tallies
from raseed.adapters.sql.accounts.tables import sign_in_tallies
from raseed.adapters.sql.messaging.enquiries import SqlEnquiryStore
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.accounts.code_limits import Tally
from raseed.core.clock import DAY, HOUR
from raseed.core.errors import NotFound, RateLimited, RequestInvalid
from raseed.core.messaging.enquiries import FROM_NETWORK, FROM_ONE, OF_ALL_PER_DAY, TEXT_CHARS_MAX, Enquiries

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE, THERE = "192.0.2.7", "2001:db8::1"
HOURLY, DAILY = (window.count for window in FROM_ONE)


@pytest_asyncio.fixture(loop_scope="module")
async def enquiries(store: SqlStore) -> Enquiries:
    await store.database.write(lambda connection: connection.execute(delete(sign_in_tallies)).rowcount)
    return form(store)


def form(store: SqlStore, *, has_readers: bool = True) -> Enquiries:
    return Enquiries(
        SqlEnquiryStore(store.database), lambda of: f"test:{of}", store.clock, has_readers=has_readers
    )


async def told(store: SqlStore) -> list[Any]:
    def work(connection: Connection) -> list[Any]:
        return list(connection.execute(select(outbox.c.account_id, outbox.c.kind, outbox.c.parameters)))

    return await store.database.read(work)


def write(enquiries: Enquiries, text: str, address: str = HERE) -> Any:
    return enquiries.send(reply_to=" noor@example.com ", text=text, address=address)


async def outcomes(writing: Callable[[int], Any], count: int) -> list[bool]:
    """Of so many at once: who was taken."""
    found = await asyncio.gather(*(writing(number) for number in range(count)), return_exceptions=True)
    assert all(each is None or isinstance(each, RateLimited) for each in found), found
    return [each is None for each in found]


async def test_it_is_a_notice_to_the_operators_and_the_same_again_is_none(store, enquiries):
    for _ in range(2 * DAILY):  # however often a client tries again
        await write(enquiries, "أين رصيدي؟\n<b>now</b>")
    parameters = '{"reply_to": "noor@example.com", "text": "أين رصيدي؟\\n<b>now</b>"}'
    assert await told(store) == [(None, "enquiry", parameters)]


async def test_few_from_one_address_also_at_once_and_others_are_not_in_its_way(store, enquiries):
    taken = await outcomes(lambda number: write(enquiries, f"at once {number}"), 4 * HOURLY)
    assert sum(taken) == HOURLY == len(await told(store))
    await write(enquiries, "from elsewhere", THERE)
    with pytest.raises(RateLimited):
        await write(enquiries, "one more", "192.0.2.7")
    store.clock.advance(HOUR)
    await write(enquiries, "an hour later")


async def test_few_from_one_network_in_an_hour(store, enquiries):
    taken = await outcomes(lambda number: write(enquiries, f"{number}", f"2001:db8:0:{number}::1"), 20)
    assert sum(taken) == FROM_NETWORK[0].count == len(await told(store))
    await write(enquiries, "from elsewhere", "2001:db8:1::1")


async def test_few_of_everybody_in_a_day(store, enquiries):
    now = store.clock.now()
    full = {"test:": Tally(sent=OF_ALL_PER_DAY - 1, day=now // DAY)}
    await store.database.write(lambda connection: write_tallies(connection, full, now))
    await write(enquiries, "the last one", HERE)
    with pytest.raises(RateLimited):
        await write(enquiries, "one too many", THERE)
    store.clock.advance(DAY)
    await write(enquiries, "tomorrow", THERE)


async def test_what_is_no_message_is_refused_and_nobody_is_told(store, enquiries):
    for text in ("", "  \n", "x" * (TEXT_CHARS_MAX + 1)):
        with pytest.raises(RequestInvalid):
            await write(enquiries, text)
    for reply_to in ("", "a ", "x" * 255):
        with pytest.raises(RequestInvalid):
            await enquiries.send(reply_to=reply_to, text="hello", address=HERE)
    with pytest.raises(NotFound):
        await write(form(store, has_readers=False), "hello")
    assert await told(store) == []

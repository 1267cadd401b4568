"""Sessions: how long one lives, what ends it, and how soon every worker knows."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from tests.contract.sign_in.conftest import AT_ONCE, ON_BOTH
from tests.support.sign_in import ORIGIN, House

from raseed.adapters.sql.accounts.accounts import set_status
from raseed.adapters.sql.accounts.sessions import SqlSessionStore
from raseed.adapters.sql.accounts.tables import sessions
from raseed.adapters.sql.tables import metadata
from raseed.core.accounts.model import AccountStatus
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.scopes import OWN_ACCOUNT
from raseed.core.accounts.sessions import CACHE_S, SessionLimits, csrf_token_of
from raseed.core.changes import TRUST_S
from raseed.core.clock import DAY, HOUR, MINUTE, SECOND
from raseed.core.errors import AccountSuspended, NotFound, PermissionDenied, Unauthenticated

OTHER = "+96599887766"


async def is_valid(house: House, token: str, door=None) -> bool:
    try:
        await (door or house.door).authenticator.authenticate(token)
    except Unauthenticated:
        return False
    return True


async def test_a_session_is_its_account_with_every_scope(house):
    entered = await house.enter()
    known = await house.door.authenticator.authenticate(entered.token)
    caller = known.caller
    assert (caller.account_id, caller.session_id) == (entered.account.id, entered.session.id)
    assert (caller.api_key_id, caller.scopes) == (None, OWN_ACCOUNT)
    assert known.csrf_token == entered.csrf_token


async def test_it_ends_after_an_hour_without_use(house):
    entered = await house.enter()
    for _ in range(3):
        house.clock.advance(HOUR - MINUTE)
        assert await is_valid(house, entered.token)
    house.clock.advance(HOUR)
    assert not await is_valid(house, entered.token)


@ON_BOTH
async def test_it_ends_after_a_day_however_much_it_is_used(house):
    entered = await house.enter()
    for _ in range(47):
        house.clock.advance(HOUR // 2)
        assert await is_valid(house, entered.token)
    house.clock.advance(HOUR // 2)
    assert not await is_valid(house, entered.token)
    store = SqlSessionStore(house.store.database)
    assert await store.purge_sessions(house.clock.now(), 10) == 1
    assert await store.purge_sessions(house.clock.now(), 10) == 0


async def test_what_is_no_token_costs_no_look_up(house):
    for text in ("", "rsd_sess_", "rsd_sess_" + "g" * 64, "rsd_live_x", "rsd_sess_" + "0" * 65):
        assert not await is_valid(house, text)
    assert not await is_valid(house, "rsd_sess_" + "0" * 64)


async def test_each_sign_in_is_a_session_and_ends_the_one_that_it_replaces(house):
    first = await house.enter()
    session = (await house.door.authenticator.authenticate(first.token)).session
    house.clock.advance(MINUTE)
    kept = await house.enter()
    house.clock.advance(MINUTE)
    second = await house.enter(replaces=session)
    assert not await is_valid(house, first.token)
    listed = await house.door.sessions.list_sessions(first.account.id)
    assert [each.id for each in listed] == [second.session.id, kept.session.id]
    assert [each.device for each in listed] == ["curl", "curl"]


@ON_BOTH
async def test_there_are_so_many_sessions_and_no_more(store):
    house = House(store, session_limits=SessionLimits(at_most=3))
    tokens = []
    for _ in range(5):
        tokens.append((await house.enter()).token)
        house.clock.advance(MINUTE)
    assert [await is_valid(house, token) for token in tokens] == [False, False, True, True, True]


@ON_BOTH
async def test_own_sessions_are_ended_and_those_of_others_are_not_found(house):
    mine, others = await house.enter(), await house.enter(OTHER)
    account = mine.account.id
    for session_id in (others.session.id, "ses_nothing"):
        with pytest.raises(NotFound):
            await house.door.sessions.end(account, session_id)
    assert await is_valid(house, others.token)
    house.clock.advance(MINUTE)
    second = await house.enter()
    assert await house.door.sessions.end_others(account, second.session.id) == 1
    assert not await is_valid(house, mine.token)
    await house.door.sessions.end(account, second.session.id)
    assert not await is_valid(house, second.token)
    assert await is_valid(house, others.token)
    with pytest.raises(NotFound):
        await house.door.sessions.end(account, second.session.id)


@AT_ONCE
async def test_every_worker_refuses_an_ended_session(house):
    """Within one poll of the feed; a worker that hears nothing distrusts what it remembers."""
    entered = await house.enter()
    for door in house.doors:
        await door.follower.start()
        assert await is_valid(house, entered.token, door)
    await house.door.sessions.end(entered.account.id, entered.session.id)
    assert not await is_valid(house, entered.token)
    for door in house.doors[1:]:
        assert await is_valid(house, entered.token, door)  # remembered: it has not polled yet
        await door.follower.poll()
        assert not await is_valid(house, entered.token, door)


async def test_a_worker_that_hears_nothing_asks_again(store):
    house = House(store, workers=2)
    entered = await house.enter()
    other = house.doors[1]
    await other.follower.start()
    assert await is_valid(house, entered.token, other)
    await house.door.sessions.end(entered.account.id, entered.session.id)
    house.clock.advance(int(TRUST_S * SECOND))
    assert not await is_valid(house, entered.token, other)


async def test_what_was_read_before_it_ended_is_not_remembered(house):
    """The look-up of one request and the end of the session cross."""
    entered = await house.enter()
    store = SqlSessionStore(house.store.database)
    read, ended = asyncio.Event(), asyncio.Event()

    class Slow:
        async def session_with_account(self, digest):
            found = await store.session_with_account(digest)
            read.set()
            await ended.wait()
            return found

        async def touch(self, session_id, at): ...

    house.door.authenticator._store = Slow()
    asking = asyncio.create_task(is_valid(house, entered.token))
    await read.wait()
    await house.door.sessions.end(entered.account.id, entered.session.id)
    ended.set()
    assert await asking
    assert not await is_valid(house, entered.token)


async def test_requests_at_once_write_the_last_use_once(house):
    entered = await house.enter()
    store, touches = house.door.authenticator._store, []

    class Counting:
        session_with_account = store.session_with_account

        async def touch(self, session_id, at):
            touches.append(session_id)
            await store.touch(session_id, at)

    house.door.authenticator._store = Counting()
    house.clock.advance(2 * MINUTE)
    assert all(await asyncio.gather(*(is_valid(house, entered.token) for _ in range(20))))
    assert len(touches) <= 10  # a look-up that was on its way may write once more
    [listed] = await house.door.sessions.list_sessions(entered.account.id)
    assert listed.last_used_at == house.clock.now()


async def test_a_suspended_account_has_no_sessions_that_work(house):
    entered = await house.enter()
    await house.door.follower.start()
    await house.door.authenticator.authenticate(entered.token)
    await house.store.database.write(
        lambda connection: set_status(connection, entered.account.id, AccountStatus.SUSPENDED)
    )
    await house.door.follower.poll()
    with pytest.raises(AccountSuspended):
        await house.door.authenticator.authenticate(entered.token)


async def test_a_remembered_session_costs_no_look_up(house):
    entered = await house.enter()
    await house.door.authenticator.authenticate(entered.token)
    store = house.door.authenticator._store
    house.door.authenticator._store = None
    house.clock.advance((CACHE_S - 1) * SECOND)
    assert await is_valid(house, entered.token)
    house.door.authenticator._store = store
    house.clock.advance(DAY)
    assert not await is_valid(house, entered.token)


PAGES: list[tuple[dict[str, str], bool]] = [
    ({"fetch_site": "same-origin"}, True),
    ({"fetch_site": "same-origin", "origin": "https://elsewhere.example"}, True),
    ({"origin": ORIGIN}, True),
    ({"origin": ORIGIN, "fetch_site": "cross-site"}, False),
    ({"fetch_site": "same-site"}, False),
    ({"origin": "https://elsewhere.example"}, False),
    ({"origin": "null"}, False),
    ({}, False),
]
"""What a browser says of a request, and whether it is of a page of ours."""


async def test_a_cookie_changes_something_only_for_a_page_of_ours(house):
    entered = await house.enter()
    resolve = house.door.authenticator.resolve

    async def may(page: dict[str, str], csrf_token: str) -> bool:
        shown = PresentedSession(token=entered.token, is_cookie=True, csrf_token=csrf_token, **page)
        try:
            await resolve(shown, changes=True)
        except PermissionDenied:
            return False
        return True

    for page, is_ours in PAGES:
        assert await may(page, entered.csrf_token) is is_ours, page
        assert not await may(page, "")
        assert not await may(page, csrf_token_of("rsd_sess_" + "0" * 64))
        await resolve(PresentedSession(token=entered.token, is_cookie=True, **page), changes=False)
    await resolve(PresentedSession(token=entered.token, is_cookie=False), changes=True)


async def test_tokens_are_stored_nowhere(house):
    entered = await house.enter()

    def dump(connection) -> str:
        return "\n".join(
            repr(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )

    text = await house.store.database.read(dump)
    for secret in (entered.token, entered.token[9:], entered.csrf_token, entered.device_token):
        assert secret not in text
        assert secret not in repr(entered)
    [row] = await house.store.database.read(lambda c: c.execute(select(sessions)).all())
    assert len(row.digest) == 32

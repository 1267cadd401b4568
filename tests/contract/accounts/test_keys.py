"""Keys on every store: made once, changed by those who may, followed by the keys that they made."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select
from tests.contract.accounts.conftest import AT_ONCE, BOB, ON_DATABASES, OPERATOR, PEPPERS, SESSION, Desk
from tests.contract.ledger.conftest import ACCOUNT
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.accounts import api_keys
from raseed.adapters.sql.accounts.accounts import set_status
from raseed.adapters.sql.accounts.sessions import end_session
from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.tables import changes
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.key_bounds import KeyLimits, KeyMode, parse_network
from raseed.core.accounts.key_ports import KeyUse, Repeppered
from raseed.core.accounts.key_rules import KeyPatch, KeySpec
from raseed.core.accounts.key_service import By, KeyTerms, Made, keys_max
from raseed.core.accounts.key_uses import KeyUses
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import AccountStatus, Caller, OwnLimit, Tier
from raseed.core.accounts.scopes import KEY_DEFAULT, OWN_ACCOUNT, SCOPES_OF, Role, Scope
from raseed.core.billing.spend_caps import CapWindow, SpendCap
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.errors import (
    AccountSuspended,
    Conflict,
    KeyLimitReached,
    NotFound,
    PermissionDenied,
    RequestReusedWithOtherInput,
    Unauthenticated,
)
from raseed.core.ids import AccountId, ApiKeyId, PersonId, SessionId

ALL = KeySpec(name="all", scopes=frozenset(Scope))
MINE = KeySpec(name="mine", scopes=OWN_ACCOUNT)
WIDE = KeySpec(scopes=KEY_DEFAULT | {Scope.KEYS_READ, Scope.KEYS_WRITE})


def session(role: Role = Role.OWNER, account_id: AccountId = ALICE) -> By:
    caller = Caller(
        account_id=account_id,
        session_id=SESSION,
        person_id=PersonId("person_1"),
        tier=Tier.FREE,
        scopes=SCOPES_OF[role],
    )
    return By.of(caller)


async def as_key(desk: Desk, made: Made) -> By:
    return By.of(await desk.authenticator.authenticate(made.text, "192.0.2.1"))


async def test_a_key_is_stored_as_it_was_asked_for(desk):
    asked = KeySpec(
        name="build server",
        mode=KeyMode.TEST,
        scopes=frozenset({Scope.INFERENCE, Scope.MODELS_READ}),
        allowed_models=frozenset({"a/b:c", "with space"}),
        allowed_networks=(parse_network("192.0.2.0/24"), parse_network("2001:db8::/32")),
        expires_at=Microseconds(desk.clock.now() + DAY),
        limits=KeyLimits(requests_per_minute=5, tokens_per_minute=6, concurrency=7),
        cap=SpendCap(9, CapWindow.DAY),
    )
    made = await desk.keys.create(OPERATOR, ALICE, asked)
    assert made.text.startswith("rsd_test_")
    found = await desk.keys.find(ALICE, made.key.id)
    assert found == made.key
    assert (found.name, found.mode, found.scopes) == (asked.name, asked.mode, asked.scopes)
    assert (found.allowed_models, found.allowed_networks) == (asked.allowed_models, asked.allowed_networks)
    assert (found.expires_at, found.limits) == (asked.expires_at, asked.limits)
    assert found.spend is not None
    assert found.spend.cap == asked.cap
    caller = await desk.authenticator.authenticate(made.text, "192.0.2.1")
    assert (caller.account_id, caller.api_key_id) == (ALICE, found.id)
    assert (caller.scopes, caller.allowed_models, caller.limits) == (
        found.scopes,
        found.allowed_models,
        found.limits,
    )


async def test_what_is_left_out_is_the_default(desk):
    made = (await desk.keys.create(OPERATOR, ALICE, KeySpec())).key
    assert (made.scopes, made.mode) == (KEY_DEFAULT, KeyMode.LIVE)
    assert made.expires_at == desk.clock.now() + 365 * DAY
    never = await desk.keys.create(OPERATOR, ALICE, KeySpec(expires_at=None))
    by_profile = await desk.worker(KeyTerms(life_days=None)).create(OPERATOR, ALICE, KeySpec())
    assert never.key.expires_at is by_profile.key.expires_at is None


async def test_lists_are_newest_first_in_pages_and_ones_own(desk):
    made = [(await desk.keys.create(OPERATOR, ALICE, KeySpec())).key.id for _ in range(5)]
    await desk.keys.create(OPERATOR, BOB, KeySpec())
    first = await desk.keys.list_keys(ALICE, "", 3)
    rest = await desk.keys.list_keys(ALICE, first[-1].id, 3)
    assert [key.id for key in [*first, *rest]] == sorted(made, reverse=True)


async def test_the_same_request_makes_one_key(desk):
    made = await desk.keys.create(OPERATOR, ALICE, KeySpec(name="a"), "r")
    again = await desk.keys.create(OPERATOR, ALICE, KeySpec(name="a"), "r")
    assert (again.key.id, again.text) == (made.key.id, "")
    with pytest.raises(RequestReusedWithOtherInput):
        await desk.keys.create(OPERATOR, ALICE, KeySpec(name="b"), "r")
    assert (await desk.keys.create(OPERATOR, BOB, KeySpec(name="a"), "r")).text


@AT_ONCE
async def test_the_same_request_at_once_makes_one_key(desk):
    made = await asyncio.gather(*(desk.worker().create(OPERATOR, ALICE, KeySpec(), "r") for _ in range(9)))
    assert len({one.key.id for one in made}) == 1
    assert len([one.text for one in made if one.text]) == 1


@AT_ONCE
async def test_no_more_keys_than_the_tier_allows_also_at_once(desk):
    terms = KeyTerms(keys_max=lambda account: 3 if account.id == ALICE else None)
    made = await asyncio.gather(
        *(desk.worker(terms).create(session(), ALICE, KeySpec()) for _ in range(9)), return_exceptions=True
    )
    refused = [one for one in made if isinstance(one, KeyLimitReached)]
    assert len(refused) == 6
    assert len(made) - len(refused) == 3
    assert "3 API keys" in refused[0].message
    [one, *_] = [one for one in made if isinstance(one, Made)]
    await desk.keys.revoke(OPERATOR, one.key.id, account_id=None)
    await desk.worker(terms).create(session(), ALICE, KeySpec())
    await desk.worker(terms).create(session(account_id=BOB), BOB, KeySpec())
    await desk.worker(terms).create(OPERATOR, ALICE, KeySpec())


async def test_another_accounts_key_is_not_there(desk):
    bobs = (await desk.keys.create(OPERATOR, BOB, KeySpec())).key.id
    alice = session()
    for attempt in (
        desk.keys.find(ALICE, bobs),
        desk.keys.update(alice, bobs, KeyPatch(name="mine"), account_id=ALICE),
        desk.keys.update(alice, bobs, KeyPatch(cap=None), account_id=ALICE),
        desk.keys.set_cap("person_1", bobs, SpendCap(1), account_id=ALICE),
        desk.keys.rotate(alice, bobs, account_id=ALICE),
        desk.keys.revoke(alice, bobs, account_id=ALICE),
        desk.keys.revoke(alice, ApiKeyId("key_none"), account_id=ALICE),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await desk.keys.find(BOB, bobs)).name == ""


async def test_a_patch_changes_what_it_speaks_of(desk):
    made = (await desk.keys.create(OPERATOR, ALICE, ALL)).key
    patch = KeyPatch(
        name="new", allowed_models=frozenset({"m"}), expires_at=None, concurrency=2, cap=SpendCap(5)
    )
    changed = await desk.keys.update(session(), made.id, patch, account_id=ALICE)
    assert changed.spend is not None
    assert replace(changed, spend=None) == replace(
        made,
        name="new",
        allowed_models=frozenset({"m"}),
        expires_at=None,
        limits=KeyLimits(concurrency=2),
    )
    lifted = await desk.keys.update(
        session(), made.id, KeyPatch(allowed_models=None, concurrency=None, cap=None), account_id=ALICE
    )
    assert lifted == replace(made, name="new", expires_at=None)


async def test_a_session_gives_what_it_has_and_changes_what_may_do_no_more(desk):
    with pytest.raises(PermissionDenied) as refused:
        await desk.keys.create(session(Role.ADMIN), ALICE, MINE)
    assert refused.value.param == "scopes"
    owners = (await desk.keys.create(session(), ALICE, MINE)).key
    for attempt in (
        desk.keys.rotate(session(Role.ADMIN), owners.id, account_id=ALICE),
        desk.keys.update(session(Role.ADMIN), owners.id, KeyPatch(name="x"), account_id=ALICE),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    admins = (await desk.keys.create(session(Role.ADMIN), ALICE, KeySpec())).key
    with pytest.raises(PermissionDenied):
        await desk.keys.update(session(Role.ADMIN), admins.id, KeyPatch(scopes=OWN_ACCOUNT), account_id=ALICE)
    assert (await desk.keys.revoke(session(Role.ADMIN), owners.id, account_id=ALICE)).revoked_at is not None


async def test_only_operators_let_a_key_charge_and_whoever_changes_it_leaves_it_that(desk):
    metering = frozenset({Scope.INFERENCE, Scope.METERING_WRITE})
    plain = (await desk.keys.create(session(), ALICE, KeySpec())).key
    for attempt in (
        desk.keys.create(session(), ALICE, KeySpec(scopes=metering)),
        desk.keys.update(session(), plain.id, KeyPatch(scopes=metering), account_id=ALICE),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    given = (await desk.keys.create(OPERATOR, ALICE, KeySpec(scopes=metering))).key
    for role in (Role.OWNER, Role.ADMIN):
        await desk.keys.rotate(session(role), given.id, account_id=ALICE)
        renamed = await desk.keys.update(session(role), given.id, KeyPatch(name=role), account_id=ALICE)
        assert renamed.scopes == metering


async def test_a_key_makes_keys_that_reach_no_further(desk):
    networks = (parse_network("192.0.2.0/24"),)
    spec = replace(WIDE, allowed_models=frozenset({"a", "b"}), allowed_networks=networks, mode=KeyMode.TEST)
    parent = await desk.keys.create(OPERATOR, ALICE, spec)
    by = await as_key(desk, parent)
    child = (await desk.keys.create(by, ALICE, KeySpec())).key
    assert child.parent_id == parent.key.id
    assert replace(child.bounds, scopes=spec.scopes) == parent.key.bounds
    assert child.scopes == KEY_DEFAULT
    for more, field in (
        (KeySpec(scopes=frozenset({Scope.METERING_WRITE})), "scopes"),
        (KeySpec(allowed_models=frozenset({"a", "c"})), "allowed_models"),
        (KeySpec(allowed_networks=(parse_network("192.0.0.0/16"),)), "allowed_addresses"),
        (KeySpec(expires_at=None), "expires_at"),
        (KeySpec(mode=KeyMode.LIVE), "mode"),
    ):
        with pytest.raises(PermissionDenied) as refused:
            await desk.keys.create(by, ALICE, more)
        assert refused.value.param == field


async def test_a_key_changes_itself_and_its_own_and_widens_nothing(desk):
    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    sibling = (await desk.keys.create(OPERATOR, ALICE, KeySpec())).key
    by = await as_key(desk, parent)
    child = (await desk.keys.create(by, ALICE, KeySpec(cap=SpendCap(5)))).key
    for attempt in (
        desk.keys.update(by, sibling.id, KeyPatch(name="x"), account_id=ALICE),
        desk.keys.rotate(by, sibling.id, account_id=ALICE),
        desk.keys.revoke(by, sibling.id, account_id=ALICE),
        desk.keys.update(by, child.id, KeyPatch(scopes=OWN_ACCOUNT), account_id=ALICE),
        desk.keys.update(by, parent.key.id, KeyPatch(expires_at=None), account_id=ALICE),
        desk.keys.update(by, parent.key.id, KeyPatch(cap=SpendCap(1)), account_id=ALICE),
        desk.keys.report_unauthorised_use(by, ALICE, replace_keys=True),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    raised = await desk.keys.update(by, child.id, KeyPatch(cap=SpendCap(6)), account_id=ALICE)
    assert raised.spend is not None
    assert (await desk.keys.rotate(by, parent.key.id, account_id=ALICE)).text
    narrowed = KeyPatch(scopes=WIDE.scopes - {Scope.BILLING_READ})
    assert (await desk.keys.update(by, parent.key.id, narrowed, account_id=ALICE)).scopes == narrowed.scopes


async def test_neither_a_child_nor_a_key_with_limits_makes_keys(desk):
    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    child = await desk.keys.create(await as_key(desk, parent), ALICE, WIDE)
    limited = [
        await desk.keys.create(OPERATOR, ALICE, replace(WIDE, limits=KeyLimits(**{name: 9})))
        for name in KeyLimits.__slots__
    ]
    for maker in (child, *limited):
        with pytest.raises(PermissionDenied):
            await desk.keys.create(await as_key(desk, maker), ALICE, KeySpec())
    for by in (OPERATOR, session(), await as_key(desk, parent)):
        with pytest.raises(Conflict):
            await desk.keys.update(by, parent.key.id, KeyPatch(requests_per_minute=5), account_id=ALICE)
    await desk.keys.revoke(OPERATOR, child.key.id, account_id=None)
    await desk.keys.update(session(), parent.key.id, KeyPatch(requests_per_minute=5), account_id=ALICE)


async def test_a_key_with_a_cap_makes_keys_and_one_that_made_keys_gets_a_cap(desk):
    """What they spend counts in its own: `tests/contract/ledger/test_member_caps.py`."""
    capped = await desk.keys.create(OPERATOR, ALICE, replace(WIDE, cap=SpendCap(10)))
    by = await as_key(desk, capped)
    made = await desk.keys.create(by, ALICE, KeySpec())
    caller = await desk.authenticator.authenticate(made.text)
    assert (caller.parent_key_id, caller.spender_id) == (capped.key.id, None)
    lowered = await desk.keys.set_cap("local-socket", capped.key.id, SpendCap(1))
    assert lowered.spend is not None
    with pytest.raises(PermissionDenied):
        await desk.keys.update(by, capped.key.id, KeyPatch(cap=None), account_id=ALICE)


async def test_children_follow_when_their_maker_is_narrowed_or_revoked(desk):
    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    by = await as_key(desk, parent)
    child = await desk.keys.create(by, ALICE, KeySpec(scopes=frozenset({Scope.INFERENCE, Scope.KEYS_READ})))
    await desk.authenticator.authenticate(child.text)
    narrowed = KeyPatch(scopes=frozenset({Scope.INFERENCE, Scope.KEYS_WRITE}))
    await desk.keys.update(session(), parent.key.id, narrowed, account_id=ALICE)
    caller = await desk.authenticator.authenticate(child.text)
    assert caller.scopes == frozenset({Scope.INFERENCE})
    await desk.keys.revoke(session(), parent.key.id, account_id=ALICE)
    for made in (parent, child):
        with pytest.raises(Unauthenticated):
            await desk.authenticator.authenticate(made.text)


async def test_a_rotation_is_done_once_for_each_request(desk):
    made = await desk.keys.create(OPERATOR, ALICE, KeySpec())
    rotated = await desk.keys.rotate(session(), made.key.id, account_id=ALICE, request_id="r")
    again = await desk.keys.rotate(session(), made.key.id, account_id=ALICE, request_id="r")
    assert (again.text, again.key.last4) == ("", rotated.key.last4)
    for text in (made.text, rotated.text):
        assert (await desk.authenticator.authenticate(text)).api_key_id == made.key.id
    other = await desk.keys.rotate(session(), made.key.id, account_id=ALICE, request_id="s", grace_s=0)
    assert other.text
    with pytest.raises(Unauthenticated):
        await desk.authenticator.authenticate(rotated.text)


async def test_a_key_that_is_used_moves_to_the_newest_pepper(desk):
    made = await desk.keys.create(OPERATOR, ALICE, KeySpec())
    both = Peppers({**PEPPERS.by_version, 2: b"q" * 32})
    uses = KeyUses(desk.store)
    await Authenticator(desk.store, both, desk.clock, uses.note).authenticate(made.text)
    await uses.flush()
    moved = await desk.keys.find(ALICE, made.key.id)
    assert (moved.pepper_version, moved.last_used_at) == (2, desk.clock.now() - desk.clock.now() % DAY)
    without_old = Authenticator(desk.store, Peppers({2: b"q" * 32}), desk.clock, uses.note)
    assert (await without_old.authenticate(made.text)).api_key_id == made.key.id
    await desk.keys.rotate(OPERATOR, made.key.id, account_id=None)
    rotated = (await desk.keys.find(ALICE, made.key.id)).digest
    await desk.store.note_uses([KeyUse(made.key.id, Microseconds(0), Repeppered(made.key.digest, b"x", 2))])
    assert (await desk.keys.find(ALICE, made.key.id)).digest == rotated


async def test_a_revoked_key_stays_so(desk):
    made = (await desk.keys.create(OPERATOR, ALICE, KeySpec())).key
    revoked = await desk.keys.revoke(session(), made.id, account_id=ALICE)
    desk.clock.advance(DAY)
    assert await desk.keys.revoke(session(), made.id, account_id=ALICE) == revoked
    for attempt in (
        desk.keys.update(session(), made.id, KeyPatch(expires_at=None), account_id=ALICE),
        desk.keys.rotate(session(), made.id, account_id=ALICE),
    ):
        with pytest.raises(Conflict):
            await attempt


@pytest.mark.parametrize("replace_keys", [True, False])
async def test_unauthorised_use_ends_every_key_and_session_of_the_account(desk, replace_keys):
    ended: list[AccountId] = []

    class Sessions:
        async def end_others(self, account_id: AccountId, kept: SessionId | None) -> int:
            assert kept == (SESSION if len(ended) < 2 else None)  # his own last
            ended.append(account_id)
            return 1

    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    child = await desk.keys.create(await as_key(desk, parent), ALICE, KeySpec())
    bobs = await desk.keys.create(OPERATOR, BOB, KeySpec())
    keys = desk.worker(sessions=Sessions())
    made = await keys.report_unauthorised_use(session(), ALICE, replace_keys=replace_keys)
    assert set(ended) == {ALICE, "person_1"}  # in the account, and of whoever acts for it
    for old in (parent, child):
        with pytest.raises(Unauthenticated):
            await desk.authenticator.authenticate(old.text)
    await desk.authenticator.authenticate(bobs.text)
    assert {one.key.id for one in made} == {parent.key.id, child.key.id}
    if replace_keys:
        for one in made:
            assert (await desk.authenticator.authenticate(one.text)).api_key_id == one.key.id
    else:
        assert {one.text for one in made} == {""}


@ON_DATABASES
async def test_many_keys_are_changed_some_at_a_time_and_others_write_between(desk, monkeypatch):
    monkeypatch.setattr(api_keys, "BATCH", 2)
    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    by = await as_key(desk, parent)
    made = [parent, *[await desk.keys.create(by, ALICE, KeySpec()) for _ in range(2)]]
    made += [await desk.keys.create(OPERATOR, ALICE, KeySpec()) for _ in range(3)]
    later: list[Made] = []
    database = desk.sql.database
    write = database.write

    async def write_and_make(work: Any) -> Any:
        done = await write(work)
        monkeypatch.setattr(database, "write", write)
        if not later:  # by somebody who was let in before
            later.append(await desk.keys.create(OPERATOR, ALICE, KeySpec()))
        monkeypatch.setattr(database, "write", write_and_make)
        return done

    monkeypatch.setattr(database, "write", write_and_make)
    replaced = await desk.keys.report_unauthorised_use(session(), ALICE, replace_keys=True)
    assert {each.key.id for each in replaced} == {each.key.id for each in [*made, *later]}
    assert all(each.text for each in replaced)
    for old in [*made, *later]:
        with pytest.raises(Unauthenticated):
            await desk.authenticator.authenticate(old.text)
    revoked = await desk.keys.report_unauthorised_use(session(), ALICE, replace_keys=False)
    assert {each.key.id for each in revoked} == {each.key.id for each in replaced}
    assert all(each.key.revoked_at is not None for each in revoked)


@ON_DATABASES
async def test_a_key_that_he_may_not_change_stops_all_before_the_first_is(desk, monkeypatch):
    monkeypatch.setattr(api_keys, "BATCH", 1)
    made = [await desk.keys.create(OPERATOR, ALICE, spec) for spec in (KeySpec(), KeySpec(), ALL)]
    with pytest.raises(PermissionDenied):
        await desk.keys.report_unauthorised_use(session(Role.ADMIN), ALICE, replace_keys=True)
    for each in made:
        await desk.authenticator.authenticate(each.text)


def test_two_hundred_keys_unless_the_tier_or_operators_say_otherwise():
    own = [replace(ACCOUNT, own_limits=((OwnLimit.KEYS, count),)) for count in (500, None)]
    assert [keys_max(ACCOUNT, of_tier) for of_tier in (None, 3, 1_000)] == [200, 3, 1_000]
    assert [keys_max(account, 3) for account in own] == [500, None]


async def refused_with(desk: Desk, by: By, key: Made, *errors: type[Exception]) -> None:
    """Nothing that he does with keys is done."""
    before = await desk.keys.list_keys(ALICE, "", 99)
    for attempt in (
        desk.keys.create(by, ALICE, KeySpec()),
        desk.keys.rotate(by, key.key.id, account_id=ALICE),
        desk.keys.update(by, key.key.id, KeyPatch(name="x"), account_id=ALICE),
    ):
        with pytest.raises(errors):
            await attempt
    assert await desk.keys.list_keys(ALICE, "", 99) == before


@ON_DATABASES
async def test_who_was_let_in_with_what_ended_since_makes_and_changes_no_key(desk: Desk) -> None:
    made = await desk.keys.create(OPERATOR, ALICE, WIDE)
    by_key = await as_key(desk, made)
    await desk.sql.database.write(lambda c: end_session(c, ALICE, SESSION))
    await refused_with(desk, session(), made, Unauthenticated)
    with pytest.raises(Unauthenticated):
        await desk.keys.report_unauthorised_use(session(), ALICE, replace_keys=True)
    await desk.keys.revoke(OPERATOR, made.key.id, account_id=None)
    await refused_with(desk, by_key, made, Unauthenticated, PermissionDenied)


@ON_DATABASES
async def test_in_an_account_that_is_not_active_nobody_makes_or_changes_a_key(desk: Desk) -> None:
    made = await desk.keys.create(OPERATOR, ALICE, WIDE)
    by_key = await as_key(desk, made)

    async def move(status: AccountStatus) -> None:
        await desk.sql.database.write(lambda c: set_status(c, ALICE, status))

    await move(AccountStatus.SUSPENDED)
    for by in (session(), by_key):
        await refused_with(desk, by, made, AccountSuspended)
    await desk.keys.create(OPERATOR, ALICE, KeySpec())
    await move(AccountStatus.CLOSED)
    await refused_with(desk, session(), made, AccountSuspended)
    with pytest.raises(Conflict):
        await desk.keys.create(OPERATOR, ALICE, KeySpec())


@ON_DATABASES
async def test_of_many_changes_in_an_hour_some_are_told_and_then_that_there_were_more(desk: Desk) -> None:
    desk.clock.advance(HOUR - desk.clock.now() % HOUR)
    made, bobs = [await desk.keys.create(OPERATOR, account, KeySpec()) for account in (ALICE, BOB)]

    async def told() -> Counter[tuple[str, str]]:
        query = select(outbox.c.account_id, outbox.c.kind)
        found = await desk.sql.database.read(lambda c: [tuple(row) for row in c.execute(query)])
        return Counter(found)

    for _ in range(13):
        await desk.keys.rotate(OPERATOR, made.key.id, account_id=None)
    await desk.keys.rotate(OPERATOR, bobs.key.id, account_id=None)
    created = {(account, "key_created"): 1 for account in (ALICE, BOB)}
    assert await told() == created | {
        (ALICE, "key_rotated"): 10,
        (ALICE, "keys_changed"): 1,
        (BOB, "key_rotated"): 1,
    }
    desk.clock.advance(HOUR)
    await desk.keys.rotate(OPERATOR, made.key.id, account_id=None)
    assert (await told())[ALICE, "key_rotated"] == 11


@AT_ONCE
async def test_changes_are_announced_told_and_audited_with_themselves(desk: Desk) -> None:
    parent = await desk.keys.create(OPERATOR, ALICE, WIDE)
    child = (await desk.keys.create(await as_key(desk, parent), ALICE, KeySpec())).key
    models = KeyPatch(allowed_models=frozenset({"m"}))
    await desk.keys.update(session(), parent.key.id, models, account_id=ALICE)
    await desk.keys.rotate(session(), parent.key.id, account_id=ALICE)
    await desk.keys.revoke(session(), parent.key.id, account_id=ALICE)
    await desk.keys.revoke(session(), parent.key.id, account_id=ALICE)

    async def rows(*columns: ColumnElement[Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await desk.sql.database.read(
            lambda c: [tuple(row) for row in c.execute(select(*columns))]
        )
        return found

    announced = await rows(changes.c.kind, changes.c.id)
    both = [("key", parent.key.id), ("key", child.id)]
    assert announced == [*both, ("key", parent.key.id), *both]
    told = await rows(outbox.c.kind, outbox.c.account_id)
    assert sorted(told) == [(f"key_{what}", ALICE) for what in ("created", "created", "revoked", "rotated")]
    details = select(audit_log.c.actor, audit_log.c.action, audit_details.c.detail).join(audit_details)
    audited = await desk.sql.database.read(
        lambda c: [tuple(row) for row in c.execute(details.order_by(audit_log.c.seq))]
    )
    assert [row[:2] for row in audited if row[1].startswith("key.")] == [
        ("local-socket", "key.create"),
        (parent.key.id, "key.create"),
        ("person_1", "key.update"),
        ("person_1", "key.rotate"),
        ("person_1", "key.revoke"),
    ]
    assert audited[4][2].endswith("allowed_models=m")
    assert not any(text in str(audited) for text in (parent.text, parent.text[-49:-6]))

"""Who is what in an organisation: what each role may do to whom, and that an owner always remains."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, update
from tests.contract.ledger.conftest import KEY
from tests.contract.organisations.conftest import AT_ONCE, ON_BOTH
from tests.support.organisations import Club
from tests.support.sign_in import House

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.admin.tables import audit_log
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.organisations.tables import memberships
from raseed.core.accounts.key_rules import KeyPatch, KeySpec
from raseed.core.accounts.key_service import By, Made
from raseed.core.accounts.model import AccountKind, Tier
from raseed.core.accounts.organisations import OrganisationLimits
from raseed.core.accounts.scopes import KEY_DEFAULT, KEY_SCOPES_OF, OWN_ACCOUNT, SCOPES_OF, Role, Scope
from raseed.core.errors import (
    Conflict,
    NotFound,
    PermissionDenied,
    RaseedError,
    RequestInvalid,
    Unauthenticated,
)
from raseed.core.ids import ApiKeyId
from raseed.core.messaging.notices import NoticeKind
from raseed.core.messaging.ports import Channel

ADA, BOB, CYD, DAN = "ada@example.com", "bob@example.com", "+96550123456", "dan@example.com"


@ON_BOTH
async def test_an_organisation_has_a_wallet_of_its_own_and_its_founder_owns_it(club, store):
    owner = await club.founded(ADA)
    caller = await owner.caller()
    mine = await owner.caller(account="")
    assert (caller.account_id, caller.role) == (owner.organisation, Role.OWNER)
    assert caller.account_id != mine.account_id
    assert (caller.person_id, caller.session_id) == (mine.person_id, mine.session_id)
    assert (caller.scopes, mine.scopes, mine.role) == (SCOPES_OF[Role.OWNER], OWN_ACCOUNT, None)
    found = await club.office.service.get(caller)
    assert (found.name, found.account.kind, found.account.tier) == (
        "Gulf Shipping",
        AccountKind.ORGANISATION,
        Tier.FREE,
    )
    assert await owner.roles() == {ADA: "owner"}
    assert (await store.ledger.balance(owner.organisation)).spendable_microcredits == 0


async def test_members_act_with_the_scopes_of_their_role_and_strangers_find_nothing(club):
    owner = await club.founded(ADA)
    for address, role in ((BOB, "admin"), (CYD, "billing"), (DAN, "member")):
        person = await owner.brings(address, role)
        caller = await person.caller()
        assert (caller.account_id, caller.role, caller.scopes) == (
            owner.organisation,
            Role(role),
            SCOPES_OF[Role(role)],
        )
        assert caller.keys_of == (caller.person_id if role == "member" else None)
    assert await owner.roles() == {ADA: "owner", BOB: "admin", CYD: "billing", DAN: "member"}
    stranger = await club.person("eve@example.com")
    for account in (owner.organisation, "acct_nothing", (await owner.caller(account="")).account_id):
        with pytest.raises(NotFound):
            await stranger.caller(account=account)


async def test_an_admin_changes_those_below_and_nobody_else(club):
    owner = await club.founded(ADA)
    admin, member = await owner.brings(BOB, "admin"), await owner.brings(DAN)
    await admin.appoints(member, "billing")
    before = await owner.roles()
    assert before == {ADA: "owner", BOB: "admin", DAN: "billing"}
    for by, whom, role in ((admin, member, "admin"), (admin, owner, "member"), (member, admin, "member")):
        with pytest.raises(PermissionDenied):
            await by.appoints(whom, role)
        with pytest.raises(PermissionDenied):
            await member.removes(whom if whom is not member else admin)
    assert await owner.roles() == before
    await admin.removes(member)
    assert await owner.roles() == {ADA: "owner", BOB: "admin"}


async def test_nobody_raises_himself_and_everybody_may_leave(club):
    owner = await club.founded(ADA)
    for address, role in ((BOB, "admin"), (CYD, "billing"), (DAN, "member")):
        person = await owner.brings(address, role)
        for raised in ("owner", "admin"):
            with pytest.raises(PermissionDenied):
                await person.appoints(person, raised)
        with pytest.raises(RequestInvalid, match="leave"):
            await person.removes(person)
        await club.office.service.leave(await person.caller())
        assert await owner.roles() == {ADA: "owner"}
        with pytest.raises(NotFound):
            await person.caller()


async def test_the_last_owner_stays(club):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "owner")
    await owner.appoints(owner, "admin")
    for attempt in (other.appoints(other, "admin"), club.office.service.leave(await other.caller())):
        with pytest.raises(Conflict, match="at least one owner"):
            await attempt
    with pytest.raises(Conflict, match="at least one owner"):
        await club.office.admin.remove_member(
            owner.organisation, await other.id(), keep_keys=False, actor="op_1"
        )
    assert await owner.roles() == {ADA: "admin", BOB: "owner"}


@AT_ONCE
async def test_of_two_owners_who_demote_each_other_at_once_one_remains(club):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "owner")
    first, second = await owner.id(), await other.id()
    for _ in range(5):
        callers = [(await owner.caller(), second), (await other.caller(), first)]
        outcomes = await asyncio.gather(
            *(
                club.offices[number % len(club.offices)].service.change_role(caller, target, "member")
                for number, (caller, target) in enumerate(callers * 3)
            ),
            return_exceptions=True,
        )
        assert all(isinstance(each, RaseedError) for each in outcomes if isinstance(each, BaseException))
        left = await club.office.members.members(owner.organisation, "", 10)
        [kept] = [each for each in left if each.role is Role.OWNER]
        demoted = second if kept.person_id == first else first
        await club.office.admin.set_member(owner.organisation, demoted, "owner", actor="op_1")
        for office in club.offices:
            office.resolver.forget_account(owner.organisation)


@AT_ONCE
async def test_of_all_owners_who_leave_at_once_one_remains(club):
    owner = await club.founded(ADA)
    people = [owner, await owner.brings(BOB, "owner"), await owner.brings(DAN, "owner")]
    callers = [await person.caller() for person in people]
    outcomes = await asyncio.gather(
        *(
            club.offices[number % len(club.offices)].service.leave(caller)
            for number, caller in enumerate(callers)
        ),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "NoneType", "NoneType"]
    [left] = await club.office.members.members(owner.organisation, "", 10)
    assert left.role is Role.OWNER


@AT_ONCE
async def test_every_worker_follows_a_change_of_role_and_a_removal(club):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    for office in club.offices:
        await office.follower.start()
        assert (await other.caller(office)).role is Role.ADMIN
    await owner.appoints(other, "member")
    for office in club.offices:
        await office.follower.poll()
        assert (await other.caller(office)).scopes == SCOPES_OF[Role.MEMBER]
    await owner.removes(other)
    for office in club.offices:
        await office.follower.poll()
        with pytest.raises(NotFound):
            await other.caller(office)


async def test_a_membership_is_asked_about_again_when_nothing_was_heard_for_two_seconds(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    await club.office.follower.start()
    assert (await other.caller()).role is Role.ADMIN
    quietly = update(memberships).where(memberships.c.role == "admin").values(role="member")
    await store.database.write(lambda connection: connection.execute(quietly).close())
    assert (await other.caller()).role is Role.ADMIN
    club.clock.advance(2_000_000)
    assert (await other.caller()).role is Role.MEMBER


@ON_BOTH
async def test_the_keys_of_who_is_removed_are_revoked_with_it_unless_they_are_kept(club, store):
    owner = await club.founded(ADA)
    first, second = await owner.brings(BOB, "admin"), await owner.brings(DAN, "admin")
    await make_key(store, "key_a", owner.organisation, await owner.id())
    await make_key(store, "key_b", owner.organisation, await first.id())
    await make_key(store, "key_d", owner.organisation, await second.id())
    await make_key(store, "key_own", (await first.caller(account="")).account_id, await first.id())
    await owner.removes(first)
    await owner.removes(second, keep_keys=True)
    assert await valid_keys(store) == {"key_a", "key_d", "key_own"}
    of_keys = select(audit_log.c.action, audit_log.c.subject).where(audit_log.c.subject.like("key_%"))
    actions = await store.database.read(lambda connection: list(map(tuple, connection.execute(of_keys))))
    assert actions == [("key.revoke", "key_b")]


async def test_who_leaves_leaves_no_keys(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    await make_key(store, "key_b", owner.organisation, await other.id())
    await club.office.service.leave(await other.caller())
    assert await valid_keys(store) == set()


async def test_a_key_that_operators_let_charge_is_changed_by_owners_and_admins_and_keeps_that(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    operator, charging = By(actor="local-socket"), frozenset({Scope.METERING_WRITE})
    keys = club.office.keys
    key = (await keys.create(operator, owner.organisation, KeySpec(scopes=charging))).key
    for member in (owner, other):
        by = By.of(await member.caller())
        with pytest.raises(PermissionDenied):
            await keys.create(by, owner.organisation, KeySpec(scopes=charging))
        await keys.update(by, key.id, KeyPatch(name="renamed"), account_id=owner.organisation)
        rotated = await keys.rotate(by, key.id, account_id=owner.organisation)
        assert rotated.key.scopes == charging


async def test_who_was_let_in_before_he_was_removed_makes_no_key_that_outlives_it(club, store):
    """His caller is believed for two seconds more on other workers."""
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    keys, of_owner, caller = club.office.keys, By.of(await owner.caller()), await other.caller()
    kept = (await keys.create(of_owner, owner.organisation, KeySpec())).key
    await owner.appoints(other, "member")
    for attempt in (
        keys.create(By.of(caller), owner.organisation, KeySpec(scopes=frozenset({"keys:write"}))),
        keys.rotate(By.of(caller), kept.id, account_id=owner.organisation),
    ):
        with pytest.raises(PermissionDenied, match="has changed"):
            await attempt
    await owner.removes(other)
    for attempt in (
        keys.create(By.of(caller), owner.organisation, KeySpec()),
        keys.rotate(By.of(caller), kept.id, account_id=owner.organisation),
        keys.revoke(By.of(caller), kept.id, account_id=owner.organisation),
        keys.report_unauthorised_use(By.of(caller), owner.organisation, replace_keys=True),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await keys.find(owner.organisation, kept.id)).past is None
    assert await valid_keys(store) == {kept.id}


@ON_BOTH
async def test_secrets_that_he_was_told_go_with_whoever_is_removed(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    keys, organisation = club.office.keys, owner.organisation
    by_owner, by_other = By.of(await owner.caller()), By.of(await other.caller())
    wide = KeySpec(scopes=frozenset({"inference", "keys:write"}))

    async def made(*rotations: By) -> list[Made]:
        """A key of the owner's and what it became."""
        first = await keys.create(by_owner, organisation, wide)
        return [
            first,
            *[await keys.rotate(by, first.key.id, account_id=organisation) for by in rotations],
        ]

    told, told_before = await made(by_other), await made(by_other, by_owner)
    long_ago, never = await made(by_other, by_owner, by_owner), await made(by_owner)
    itself = await made(by_other)
    by_itself = By.of(await club.office.authenticator.authenticate(itself[-1].text))
    itself.append(await keys.rotate(by_itself, itself[0].key.id, account_id=organisation))
    await owner.removes(other)
    club.office.authenticator.forget_account(organisation)

    async def valid(texts: list[Made]) -> list[bool]:
        found = await asyncio.gather(
            *(club.office.authenticator.authenticate(each.text) for each in texts), return_exceptions=True
        )
        return [not isinstance(each, Unauthenticated) for each in found]

    assert await valid(told) == [False, False]
    assert await valid(told_before) == [False, False, True]
    assert await valid(long_ago) == [False, False, True, True]
    assert await valid(never) == [True, True]
    assert await valid(itself) == [False, False, False]


@ON_BOTH
async def test_a_secret_that_he_was_told_does_no_more_than_his_new_role(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    keys, organisation = club.office.keys, owner.organisation
    by_owner, by_other = By.of(await owner.caller()), By.of(await other.caller())
    wide = KeySpec(scopes=frozenset({"inference", "keys:write"}))
    told, again, narrow = [
        (await keys.create(by_owner, organisation, spec)).key.id
        for spec in (wide, wide, KeySpec(scopes=frozenset({"inference"})))
    ]
    for key_id in (told, again, narrow):
        await keys.rotate(by_other, key_id, account_id=organisation)
    for key_id in (again, narrow):
        await keys.rotate(by_owner, key_id, account_id=organisation)
    await owner.appoints(other, "member")
    found = [await keys.find(organisation, key_id) for key_id in (told, again, narrow)]
    assert [key.scopes for key in found] == [{"inference"}, wide.scopes, {"inference"}]
    assert [key.past is None for key in found] == [False, True, False]


@AT_ONCE
async def test_no_key_that_is_made_during_a_removal_outlives_it(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    by, person = By.of(await other.caller()), await other.id()
    offices = [club.offices[number % len(club.offices)] for number in range(12)]
    made = [office.keys.create(by, owner.organisation, KeySpec()) for office in offices]
    removal = club.office.service.remove(await owner.caller(), person, keep_keys=False)
    outcomes = await asyncio.gather(*made[:6], removal, *made[6:], return_exceptions=True)
    assert {type(each) for each in outcomes if isinstance(each, BaseException)} <= {NotFound}
    assert await valid_keys(store) == set()


@ON_BOTH
async def test_a_key_does_no_more_than_its_maker_may_put_into_one(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "owner")
    await make_key(store, "key_wide", owner.organisation, await other.id(), OWN_ACCOUNT)
    await make_key(store, "key_narrow", owner.organisation, await other.id(), {Scope.INFERENCE})
    await owner.appoints(other, "member")
    await owner.appoints(other, "admin")
    scopes = await store.database.read(
        lambda connection: {
            row.id: set(row.scopes.split())
            for row in connection.execute(select(api_keys.c.id, api_keys.c.scopes))
        }
    )
    assert scopes == {"key_wide": set(KEY_SCOPES_OF[Role.MEMBER]), "key_narrow": {"inference"}}


async def test_notices_about_an_organisation_go_to_who_has_owned_it_for_longest(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "owner")
    await make_key(store, "key_b", owner.organisation, await other.id())
    await club.office.service.leave(await other.caller())
    [told] = [
        due for due in await SqlOutbox(store.database).claim(10, 1) if due.account_id == owner.organisation
    ]
    assert (told.kind, told.addresses) == (NoticeKind.KEY_REVOKED, {Channel.EMAIL: ADA})


async def test_each_change_is_in_the_audit_log(club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    await owner.appoints(other, "billing")
    await owner.removes(other)
    rows = await store.database.read(
        lambda connection: [
            (row.actor, row.action)
            for row in connection.execute(
                select(audit_log).where(audit_log.c.action.like("organisation.%")).order_by(audit_log.c.seq)
            )
        ]
    )
    first, second = await owner.id(), await other.id()
    assert rows == [
        (first, "organisation.create"),
        (first, "organisation.invite"),
        (second, "organisation.join"),
        (first, "organisation.role"),
        (first, "organisation.remove"),
    ]


async def test_an_organisation_is_opened_from_an_own_account_of_a_tier_that_may(club):
    owner = await club.founded(ADA)
    with pytest.raises(PermissionDenied, match="own account"):
        await club.office.service.create(await owner.caller(), "Another")
    poor = replace(await owner.caller(account=""), tier=Tier.PRO)
    with pytest.raises(PermissionDenied, match="of: free"):
        await club.office.service.create(poor, "Another")


async def test_one_person_owns_so_many_and_operators_open_more(store):
    club = Club(House(store), OrganisationLimits(owned_max=2))
    owner = await club.founded(ADA)
    caller, person = await owner.caller(account=""), await owner.id()
    await club.office.service.create(caller, "Second")
    with pytest.raises(Conflict, match="no more"):
        await club.office.service.create(caller, "Third")
    third = await club.office.admin.create("Third", person, "pro", actor="op_1")
    assert third.account.tier is Tier.PRO
    mine = await club.office.service.belongings(caller, "", 10)
    assert {each.organisation.name for each in mine} == {"Gulf Shipping", "Second", "Third"}
    everything = await club.office.admin.list_organisations("", 2)
    assert len(await club.office.admin.list_organisations(everything[-1].id, 2)) == 1


async def test_operators_make_members_without_an_invitation(club):
    owner = await club.founded(ADA)
    await club.person(BOB)
    admin, organisation = club.office.admin, owner.organisation
    for role in ("billing", "billing", "admin"):
        made = await admin.set_member(organisation, BOB, role, actor="op_1")
        assert (made.role, made.added_by, made.email) == (role, "op_1", BOB)
    assert await owner.roles() == {ADA: "owner", BOB: "admin"}
    assert [each.email for each in await admin.members(organisation, "", 5)] == [ADA, BOB]
    for where, who in (
        (organisation, "nobody@example.com"),
        ("acct_nobody", BOB),
        (organisation, organisation),
    ):
        with pytest.raises(NotFound):
            await admin.set_member(where, who, "billing", actor="op_1")
    with pytest.raises(RequestInvalid):
        await admin.set_member(organisation, BOB, "king", actor="op_1")
    removed = await admin.remove_member(organisation, BOB, keep_keys=False, actor="op_1")
    assert removed.email == BOB
    with pytest.raises(NotFound):
        await admin.remove_member(organisation, BOB, keep_keys=False, actor="op_1")


async def test_who_acts_for_no_organisation_is_told_how(club):
    person = await club.person(ADA)
    for use in (club.office.service.get, club.office.service.leave):
        with pytest.raises(RequestInvalid, match="raseed-account"):
            await use(await person.caller())


async def make_key(store, key_id, account_id, person_id, scopes=KEY_DEFAULT) -> None:
    def work(connection) -> None:
        key = replace(KEY, id=ApiKeyId(key_id), account_id=account_id, public_id=key_id)
        insert_key(connection, replace(key, scopes=frozenset(scopes), created_by=person_id))

    await store.database.write(work)


async def valid_keys(store) -> set[str]:
    query = select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None))
    return set(await store.database.read(lambda connection: list(connection.scalars(query))))

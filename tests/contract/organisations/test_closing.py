"""What a person's closed account leaves behind in organisations: no membership, no key, and never one without an owner."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from tests.contract.ledger.conftest import SqlStore
from tests.contract.organisations.conftest import ON_BOTH
from tests.support.organisations import Club

from raseed.adapters.sql.accounts.api_keys import SqlKeyStore
from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.erasure import SqlErasureStore
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import Account, AccountStatus
from raseed.core.accounts.scopes import Role
from raseed.core.errors import Conflict, InvitationRejected, Unauthenticated
from raseed.core.ids import AccountId

ADA, BOB = "ada@example.com", "bob@example.com"


async def close(store: SqlStore, person: str) -> Account:
    closed = await SqlStandingStore(store.database).close(AccountId(person), "fraud", "op_1", forfeit=True)
    assert closed is not None
    return closed


@ON_BOTH
async def test_a_closed_person_leaves_every_organisation_with_the_keys_that_he_made(club: Club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    invited = await other.invites("eve@example.com")
    keys = club.office.keys
    of_owner = await keys.create(By.of(await owner.caller()), AccountId(owner.organisation), KeySpec())
    of_other = await keys.create(By.of(await other.caller()), AccountId(owner.organisation), KeySpec())
    closed = await close(store, await other.id())
    assert closed.status is AccountStatus.CLOSED
    assert await owner.roles() == {ADA: "owner"}
    for made, is_valid in ((of_owner, True), (of_other, False)):
        assert ((await keys.find(AccountId(owner.organisation), made.key.id)).revoked_at is None) is is_valid
    database, _ledger = store.next_worker()
    authenticator = Authenticator(SqlKeyStore(database), Peppers({1: b"k" * 32}), club.clock)
    assert (await authenticator.authenticate(of_owner.text)).account_id == owner.organisation
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(of_other.text)
    eve = await club.person("eve@example.com")
    with pytest.raises(InvitationRejected):
        await eve.accepts(invited)


@ON_BOTH
async def test_the_only_owner_is_not_closed_before_the_organisation_has_another_or_is_closed(club, store):
    owner = await club.founded(ADA)
    other, person, standing = await owner.brings(BOB), await owner.id(), SqlStandingStore(store.database)
    with pytest.raises(Conflict, match="only owner") as refused:
        await close(store, person)
    assert refused.value.metadata["organisations"] == owner.organisation
    assert (await standing.standing(person)).owns == (owner.organisation,)
    assert (await owner.caller()).role is Role.OWNER, "nothing of the refused closing stays"
    await owner.appoints(other, "owner")
    assert (await close(store, person)).status is AccountStatus.CLOSED
    assert await other.roles() == {BOB: "owner"}
    second = await other.id()
    await close(store, owner.organisation)
    assert (await standing.standing(second)).owns == ()
    assert (await close(store, second)).status is AccountStatus.CLOSED


@ON_BOTH
async def test_erasing_ends_memberships_that_an_old_closing_left(club: Club, store):
    owner = await club.founded(ADA)
    other = await owner.brings(BOB, "admin")
    made = await club.office.keys.create(
        By.of(await other.caller()), AccountId(owner.organisation), KeySpec()
    )
    person = await other.id()
    quietly = update(accounts).where(accounts.c.id == person).values(status=AccountStatus.CLOSED.value)
    await store.database.write(lambda connection: connection.execute(quietly).close())
    await SqlErasureStore(store.database).erase(AccountId(person), "asked for", "op_1")
    assert [
        each.person_id for each in await club.office.members.members(AccountId(owner.organisation), "", 9)
    ] == [await owner.id()]
    assert (await club.office.keys.find(AccountId(owner.organisation), made.key.id)).revoked_at is not None


async def test_an_account_that_is_closed_joins_nothing(club: Club, store):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB)
    other = await club.person(BOB)
    caller, person = await other.caller(), await other.id()
    await close(store, person)
    with pytest.raises(InvitationRejected):
        await club.office.service.accept(caller, code)
    with pytest.raises(Conflict, match="closed"):
        await club.office.admin.set_member(owner.organisation, person, "member", actor="op_1")

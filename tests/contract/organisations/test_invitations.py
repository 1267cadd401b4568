"""Invitations: for one person, once, for a week, and so many of them; who gets one learns nothing of others."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select
from tests.contract.organisations.conftest import AT_ONCE, ON_BOTH
from tests.support.organisations import Club
from tests.support.sign_in import House

from raseed.adapters.sql.accounts.accounts import set_status
from raseed.adapters.sql.admin.tables import audit_log
from raseed.adapters.sql.organisations.tables import invitations, memberships
from raseed.core.accounts.model import AccountStatus
from raseed.core.accounts.organisation_service import purge_invitations_job
from raseed.core.accounts.organisations import OrganisationLimits
from raseed.core.clock import DAY
from raseed.core.errors import (
    Conflict,
    InvitationRejected,
    NotFound,
    PermissionDenied,
    RequestInvalid,
    TooManyInvitations,
)

ADA, BOB, CYD, DAN = "ada@example.com", "bob@example.com", "+96550123456", "dan@example.com"


@ON_BOTH
async def test_a_stranger_joins_with_what_was_sent_to_him_once(club, store):
    owner = await club.founded(ADA)
    code = await owner.invites(CYD, "billing", language="ar")
    message = club.sent[-1]
    assert (message.channel, message.to, message.language, message.template) == (
        "whatsapp",
        CYD,
        "ar",
        "invitation",
    )
    assert message.parameters == {"organisation": "Gulf Shipping", "code": code, "days": "7"}
    other = await club.person(CYD)
    joined = await other.accepts(code)
    assert (joined.organisation.id, joined.role) == (owner.organisation, "billing")
    assert (await other.accepts(code)).joined_at == joined.joined_at  # a retry
    assert await count(store, memberships) == 2
    await owner.removes(other)
    with pytest.raises(InvitationRejected):
        await other.accepts(code)


async def test_the_secret_is_not_in_the_database(club, store):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB)
    row = await store.database.read(lambda connection: connection.execute(select(invitations)).one())
    assert code not in repr(row)
    assert code.removeprefix("rsd_inv_") not in repr(row)


async def test_it_is_for_the_person_whose_address_it_was_sent_to(club):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB)
    for address in ("bobby@example.com", CYD):
        other = await club.person(address)
        with pytest.raises(InvitationRejected):
            await other.accepts(code)
    bob = await club.person(BOB)
    for wrong in ("", "rsd_inv_", code[:-1], code.upper(), f"rsd_inv_{'0' * 32}"):
        with pytest.raises(InvitationRejected):
            await bob.accepts(wrong)
    await bob.accepts(f" {code} ")


@ON_BOTH
async def test_it_ends_after_a_week_and_when_it_is_revoked_or_sent_again(club):
    owner = await club.founded(ADA)
    bob = await club.person(BOB)
    first = await owner.invites(BOB)
    second = await owner.invites(BOB)
    service = club.office.service
    [listed] = await service.invitations(await owner.caller(), "", 10)
    with pytest.raises(InvitationRejected):
        await bob.accepts(first)
    await service.revoke_invitation(await owner.caller(), listed.id)
    with pytest.raises(InvitationRejected):
        await bob.accepts(second)
    with pytest.raises(NotFound):
        await service.revoke_invitation(await owner.caller(), listed.id)
    late = await owner.invites(BOB)
    club.clock.advance(7 * DAY)
    bob, owner = await club.person(BOB), await again(club, owner)
    assert await service.invitations(await owner.caller(), "", 10) == []
    with pytest.raises(InvitationRejected):
        await bob.accepts(late)


async def test_it_ends_with_the_role_of_who_made_it(club):
    owner = await club.founded(ADA)
    admin = await owner.brings(BOB, "admin")
    code = await admin.invites(DAN)
    await owner.appoints(admin, "member")
    dan = await club.person(DAN)
    with pytest.raises(InvitationRejected):
        await dan.accepts(code)
    await owner.appoints(admin, "admin")
    code = await admin.invites(DAN)
    await owner.removes(admin)
    with pytest.raises(InvitationRejected):
        await dan.accepts(code)


async def test_an_admin_invites_those_below_and_nobody_else(club):
    owner = await club.founded(ADA)
    admin = await owner.brings(BOB, "admin")
    await admin.invites(CYD, "billing")
    before = len(club.sent)
    with pytest.raises(PermissionDenied):
        await admin.invites(DAN, "admin")
    assert len(club.sent) == before
    await owner.invites(DAN, "admin")
    listed = await club.office.service.invitations(await owner.caller(), "", 10)
    [sent] = [each for each in listed if each.identifier.value == DAN]
    with pytest.raises(PermissionDenied):
        await club.office.service.revoke_invitation(await admin.caller(), sent.id)


async def test_the_answer_is_the_same_whether_or_not_somebody_has_an_account(club):
    owner = await club.founded(ADA)
    await club.person(BOB)
    service, caller = club.office.service, await owner.caller()
    known = await service.invite(caller, phone="", email=BOB, role="member")
    unknown = await service.invite(caller, phone="", email=DAN, role="member")
    assert [known.role, known.expires_at] == [unknown.role, unknown.expires_at]
    assert len(club.sent) == 2


async def test_members_and_oneself_are_not_invited(club):
    owner = await club.founded(ADA)
    await owner.brings(BOB)
    with pytest.raises(Conflict):
        await owner.invites(BOB)
    with pytest.raises(RequestInvalid):
        await owner.invites(ADA)
    for fields in ({"role": "king"}, {"role": "member", "language": "xx"}):
        with pytest.raises(RequestInvalid):
            await owner.invites(DAN, **fields)


async def test_who_became_a_member_otherwise_is_told(club):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB, "admin")
    bob = await club.person(BOB)
    await club.office.admin.set_member(owner.organisation, await bob.id(), "member", actor="op_1")
    with pytest.raises(Conflict):
        await bob.accepts(code)
    assert (await owner.roles())[BOB] == "member"


async def test_those_of_an_organisation_that_was_suspended_are_not_valid(club, store):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB)
    await store.database.write(
        lambda connection: set_status(connection, owner.organisation, AccountStatus.SUSPENDED)
    )
    bob = await club.person(BOB)
    with pytest.raises(InvitationRejected):
        await bob.accepts(code)


@ON_BOTH
async def test_there_are_so_many_a_day_and_to_one_person(store):
    limits = OrganisationLimits(invitations_per_day=4, invitations_to_one_per_day=2)
    club = Club(House(store), limits)
    owner = await club.founded(ADA)
    another = await club.founded(DAN, "Another")
    await owner.invites(BOB)
    await another.invites(BOB)
    for by in (owner, another):
        with pytest.raises(TooManyInvitations):
            await by.invites(BOB)
    for number in range(3):
        await owner.invites(f"x{number}@example.com")
    with pytest.raises(TooManyInvitations):
        await owner.invites(CYD)
    assert len(club.sent) == 5
    club.clock.advance(DAY)
    owner = await again(club, owner)
    await owner.invites(BOB)


async def test_one_person_has_many_addresses_and_is_invited_as_one(store):
    club = Club(House(store), OrganisationLimits(invitations_to_one_per_day=2))
    owner = await club.founded(ADA)
    for first, second, third in (
        ("noor+1@example.com", "noor+2@example.com", "noor@example.com"),
        ("n.oor@gmail.com", "no.or+x@googlemail.com", "noor@gmail.com"),
    ):
        await owner.invites(first)
        await owner.invites(second)
        with pytest.raises(TooManyInvitations):
            await owner.invites(third)


async def test_invitations_leave_the_rest_of_the_days_messages_to_codes(store):
    """Of whoever they are; each channel has its own."""
    club = Club(House(store), OrganisationLimits(messages_per_day=4))
    owners = [await club.founded(ADA), await club.founded(DAN, "Another")]  # two codes by e-mail
    for number, owner in enumerate(owners):
        await owner.invites(f"x{number}@example.com")
    for owner in owners:
        with pytest.raises(TooManyInvitations):
            await owner.invites("noor@example.com")
    await club.person(BOB)
    await owners[0].invites(CYD)
    club.clock.advance(DAY)
    await (await again(club, owners[0])).invites("noor@example.com")


async def test_an_organisation_has_so_many_members_with_those_that_are_invited(store):
    club = Club(House(store), OrganisationLimits(members_max=3))
    owner = await club.founded(ADA)
    await owner.brings(BOB)
    await owner.invites(CYD)
    await owner.invites(CYD)  # in place of the one before
    with pytest.raises(Conflict, match="at most 3 members"):
        await owner.invites(DAN)
    club.clock.advance(7 * DAY)
    await (await again(club, owner)).invites(DAN)  # the other one is over


@AT_ONCE
async def test_a_hundred_acceptances_at_once_are_one_membership(club, store):
    owner = await club.founded(ADA)
    code = await owner.invites(BOB)
    bob = await club.person(BOB)
    callers = [await bob.caller(office) for office in club.offices]
    joined = await asyncio.gather(
        *(
            club.offices[number % len(callers)].service.accept(callers[number % len(callers)], code)
            for number in range(100)
        )
    )
    assert len({each.joined_at for each in joined}) == 1
    assert await count(store, memberships) == 2
    joins = select(func.count()).where(audit_log.c.action == "organisation.join")
    assert await store.database.read(lambda connection: connection.scalar(joins)) == 1


@AT_ONCE
async def test_invitations_at_once_do_not_pass_the_limit_of_the_day(store):
    club = Club(House(store, workers=store.workers), OrganisationLimits(invitations_per_day=5))
    owner = await club.founded(ADA)
    caller = await owner.caller()
    outcomes = await asyncio.gather(
        *(
            club.offices[number % len(club.offices)].service.invite(
                caller, phone="", email=f"x{number}@example.com", role="member"
            )
            for number in range(20)
        ),
        return_exceptions=True,
    )
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert {type(each) for each in refused} == {TooManyInvitations}
    assert (len(refused), len(club.sent)) == (15, 5)


async def test_what_cannot_be_accepted_any_more_is_deleted_with_its_address(club, store):
    owner = await club.founded(ADA)
    await owner.invites(BOB)
    job = purge_invitations_job(club.office.invitations, club.clock)
    club.clock.advance(7 * DAY)
    await job.batch()
    assert await count(store, invitations) == 1
    club.clock.advance(DAY)
    await job.batch()
    assert await count(store, invitations) == 0


async def again(club: Club, person):
    """He signs in once more: his session was over."""
    other = await club.person(person.address)
    other.organisation = person.organisation
    return other


async def count(store, table) -> int:
    query = select(func.count()).select_from(table)
    return int(await store.database.read(lambda connection: connection.scalar(query)))

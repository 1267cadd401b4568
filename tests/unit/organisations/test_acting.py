"""Acting for an organisation: what is remembered of a membership, and what must not be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.billing.builders import ManualClock

from raseed.core.accounts.acting import CACHE_S, ActingResolver
from raseed.core.accounts.model import Account, AccountKind, AccountStatus, Caller, Tier
from raseed.core.accounts.organisations import Member
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.scopes import OWN_ACCOUNT, SCOPES_OF, Role
from raseed.core.clock import SECOND, Microseconds
from raseed.core.errors import AccountSuspended, NotFound
from raseed.core.ids import AccountId, PersonId

ADA, ORG = PersonId("acct_ada"), AccountId("acct_org")


class Sessions:
    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        return Caller(account_id=AccountId(ADA), person_id=ADA, tier=Tier.FREE, scopes=OWN_ACCOUNT)


class Members:
    """A store that counts how often it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.role: Role | None = Role.ADMIN
        self.status = AccountStatus.ACTIVE
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def membership(self, organisation_id: AccountId, person_id: PersonId) -> Any:
        self.asked += 1
        self.is_asked.set()
        role, status = self.role, self.status
        await self.may_answer.wait()
        if role is None or organisation_id != ORG:
            return None
        member = Member(
            organisation_id=ORG, person_id=person_id, role=role, added_by=ADA, joined_at=Microseconds(0)
        )
        account = Account(
            id=ORG,
            email=None,
            phone_e164=None,
            tier=Tier.PRO,
            status=status,
            tier_expires_at=None,
            created_at=Microseconds(0),
            kind=AccountKind.ORGANISATION,
        )
        return member, account


class Acting:
    def __init__(self) -> None:
        self.members, self.clock = Members(), ManualClock()
        members: Any = self.members
        self.resolver = ActingResolver(Sessions(), members, self.clock)

    async def caller(self, account: str = ORG) -> Caller:
        presented = PresentedSession(token="t", is_cookie=False, account=account)
        return await self.resolver.resolve(presented, changes=False)


async def test_a_session_that_names_no_account_or_its_own_is_left_alone():
    acting = Acting()
    for account in ("", ADA):
        caller = await acting.caller(account)
        assert (caller.account_id, caller.role, caller.scopes) == (AccountId(ADA), None, OWN_ACCOUNT)
    assert acting.members.asked == 0


async def test_a_membership_is_read_once_and_again_after_its_time_or_when_it_is_forgotten():
    acting = Acting()
    for _ in range(2):
        await acting.caller()
    caller = await acting.caller()
    assert (caller.account_id, caller.tier, caller.scopes) == (ORG, Tier.PRO, SCOPES_OF[Role.ADMIN])
    assert acting.members.asked == 1
    acting.resolver.forget_account(AccountId("acct_other"))
    await acting.caller()
    assert acting.members.asked == 1
    acting.resolver.forget_account(ORG)
    await acting.caller()
    acting.clock.advance(CACHE_S * SECOND)
    await acting.caller()
    assert acting.members.asked == 3


async def test_a_worker_that_hears_nothing_asks_again():
    acting = Acting()
    acting.resolver.confirm()
    await acting.caller()
    acting.clock.advance(2 * SECOND)
    await acting.caller()
    assert acting.members.asked == 2
    acting.resolver.confirm()
    await acting.caller()
    assert acting.members.asked == 2


async def test_what_was_read_before_a_change_is_not_remembered_after_it():
    acting = Acting()
    acting.members.may_answer.clear()
    reading = asyncio.create_task(acting.caller())
    await acting.members.is_asked.wait()
    acting.members.role = Role.MEMBER
    acting.resolver.forget_account(ORG)
    acting.members.may_answer.set()
    assert (await reading).role is Role.ADMIN  # it began before
    assert (await acting.caller()).role is Role.MEMBER


async def test_who_is_no_member_is_asked_about_each_time():
    acting = Acting()
    for account in ("acct_x", "acct_x", ORG):
        acting.members.role = None
        with pytest.raises(NotFound):
            await acting.caller(account)
    acting.members.role = Role.BILLING
    assert (await acting.caller()).role is Role.BILLING


async def test_nobody_acts_for_an_organisation_that_is_not_active():
    acting = Acting()
    acting.members.status = AccountStatus.SUSPENDED
    with pytest.raises(AccountSuspended):
        await acting.caller()

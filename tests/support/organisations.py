"""Organisations as the workers of a test have them: sessions from a `House`, and the messages that invite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.support.sign_in import ORIGIN, TERMS, Door, House

from raseed.adapters.identity.phones import NumberingPlans
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.accounts.api_keys import SqlKeyStore
from raseed.adapters.sql.change_feed import SqlChangeFeed
from raseed.adapters.sql.organisations.invitations import SqlInvitationStore
from raseed.adapters.sql.organisations.organisations import SqlMemberStore
from raseed.core.accounts.acting import ActingResolver
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.identity import IdentifierKind, read_identifier
from raseed.core.accounts.key_service import KeyService
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import Caller, Tier
from raseed.core.accounts.organisation_service import OrganisationPolicy, OrganisationService
from raseed.core.accounts.organisations import Belonging, OrganisationLimits
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.service import AccountService
from raseed.core.admin.organisation_admin import OrganisationAdmin
from raseed.core.changes import ChangeFollower, ChangeKind
from raseed.core.ids import AccountId, PersonId
from raseed.core.messaging.ports import Language, Message

POLICY = OrganisationPolicy(tiers=frozenset({Tier.FREE}), language=Language.ENGLISH)


@dataclass
class Office:
    """What one worker has for it."""

    service: OrganisationService
    admin: OrganisationAdmin
    resolver: ActingResolver
    members: SqlMemberStore
    invitations: SqlInvitationStore
    keys: KeyService
    authenticator: Authenticator
    """Of keys."""
    follower: ChangeFollower


class Club:
    """Several offices over one store."""

    def __init__(self, house: House, limits: OrganisationLimits | None = None) -> None:
        self.house = house
        self.clock = house.clock
        self.sent: list[Message] = []
        self._limits = limits or OrganisationLimits()
        self.offices = [self._office(door) for door in house.doors]
        self.office = self.offices[0]

    def _office(self, door: Door) -> Office:
        database, _ledger = self.house.store.next_worker()
        members, invitations = SqlMemberStore(database), SqlInvitationStore(database)
        resolver = ActingResolver(door.authenticator, members, self.clock)
        store, key_store, peppers = SqlAccountStore(database), SqlKeyStore(database), Peppers({1: b"k" * 32})
        authenticator = Authenticator(key_store, peppers, self.clock)
        accounts = AccountService(store, authenticator, self.clock)

        def post(message: Message) -> bool:
            self.sent.append(message)
            return True

        def confirm() -> None:
            resolver.confirm()
            door.authenticator.confirm()

        return Office(
            service=OrganisationService(
                members=members,
                invitations=invitations,
                policy=POLICY,
                limits=self._limits,
                read_identifier=partial(
                    read_identifier, kinds=tuple(IdentifierKind), numbers=NumberingPlans(), terms=TERMS
                ),
                post=post,
                forget=resolver.forget_account,
                clock=self.clock,
            ),
            admin=OrganisationAdmin(members, accounts, resolver.forget_account),
            resolver=resolver,
            members=members,
            invitations=invitations,
            keys=KeyService(key_store, store, authenticator, peppers, self.clock),
            authenticator=authenticator,
            follower=ChangeFollower(
                SqlChangeFeed(database),
                {ChangeKind.ACCOUNT: lambda id_: resolver.forget_account(AccountId(id_))},
                confirm,
                print,
            ),
        )

    async def person(self, address: str) -> Person:
        """Somebody who signs in, for the first time or again."""
        return Person(self, address, (await self.house.enter(address)).token)

    async def founded(self, address: str = "owner@example.com", name: str = "Gulf Shipping") -> Person:
        """The owner of a new organisation, who acts for it."""
        owner = await self.person(address)
        organisation = await self.office.service.create(await owner.caller(), name)
        owner.organisation = organisation.id
        return owner

    @property
    def code(self) -> str:
        """The last invitation that was sent."""
        return self.sent[-1].parameters["code"]


@dataclass
class Person:
    club: Club
    address: str
    token: str
    organisation: AccountId | str = ""
    """For which he acts; empty: none."""

    async def caller(self, office: Office | None = None, *, account: str | None = None) -> Caller:
        presented = PresentedSession(
            token=self.token,
            is_cookie=False,
            origin=ORIGIN,
            account=self.organisation if account is None else account,
        )
        return await (office or self.club.office).resolver.resolve(presented, changes=True)

    async def id(self) -> PersonId:
        person_id = (await self.caller(account="")).person_id
        assert person_id is not None
        return person_id

    async def invites(self, address: str, role: str = "member", **fields: Any) -> str:
        by = {"phone": "", "email": address} if "@" in address else {"phone": address, "email": ""}
        await self.club.office.service.invite(await self.caller(), role=role, **by, **fields)
        return self.club.code

    async def accepts(self, code: str) -> Belonging:
        joined = await self.club.office.service.accept(await self.caller(account=""), code)
        self.organisation = joined.organisation.id
        return joined

    async def brings(self, address: str, role: str = "member") -> Person:
        """Somebody new, who was invited and came."""
        code = await self.invites(address, role)
        other = await self.club.person(address)
        await other.accepts(code)
        return other

    async def removes(self, other: Person, *, keep_keys: bool = False) -> None:
        await self.club.office.service.remove(await self.caller(), await other.id(), keep_keys=keep_keys)

    async def appoints(self, other: Person, role: str) -> None:
        await self.club.office.service.change_role(await self.caller(), await other.id(), role)

    async def roles(self) -> dict[str, str]:
        """Of the organisation that he acts for, by address."""
        members = await self.club.office.service.members(await self.caller(), "", 100)
        return {each.email or each.phone_e164 or "": each.role.value for each in members}

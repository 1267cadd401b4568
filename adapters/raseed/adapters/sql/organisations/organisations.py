"""Organisations and their members in SQL.

What a transaction decides by who is in an organisation is SERIALIZABLE on PostgreSQL and alone on SQLite: two owners who
demote each other at once are one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select

from raseed.adapters.sql.accounts.accounts import create_account, find_account
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.spend_caps import cap_text, set_member_cap
from raseed.adapters.sql.organisations.member_changes import appoint_member, other_owners, remove_member
from raseed.adapters.sql.organisations.memberships import (
    MEMBERS,
    ORGANISATIONS,
    add_member,
    already_member,
    find_member,
    find_organisation,
    member_of_row,
    no_organisation,
    organisation_of_row,
    role_of,
)
from raseed.adapters.sql.organisations.tables import memberships, organisations
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.model import Account, AccountKind, AccountStatus
from raseed.core.accounts.organisations import (
    Belonging,
    Member,
    NewOrganisation,
    Organisation,
    check_change,
    check_may_cap,
)
from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict, NotFound
from raseed.core.ids import AccountId, PersonId

T = TypeVar("T")

_members = memberships.c


class SqlMemberStore:
    """Implements `core.accounts.organisation_ports.MemberStore`. One writer at a time in each worker: many write the same
    rows, and PostgreSQL would have them begin anew.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def create(self, new: NewOrganisation, actor: str) -> Organisation:
        now = self._database.clock.now()

        def work(connection: Connection) -> Organisation:
            owner = _person(connection, new.owner)
            owned = select(func.count()).where(
                _members.person_id == new.owner, _members.role == Role.OWNER.value
            )
            if new.owned_max is not None and (connection.scalar(owned) or 0) >= new.owned_max:
                raise Conflict(f"You own {new.owned_max} organisations already: no more can be opened.")
            account = Account(
                id=new.id,
                email=None,
                phone_e164=None,
                tier=owner.tier if new.tier is None else new.tier,
                status=AccountStatus.ACTIVE,
                tier_expires_at=owner.tier_expires_at if new.tier is None else None,
                created_at=now,
                language=owner.language,
                kind=AccountKind.ORGANISATION,
            )
            create_account(connection, account)
            connection.execute(insert(organisations).values(account_id=new.id, name=new.name, created_at=now))
            add_member(connection, _new_member(new.id, new.owner, Role.OWNER, actor, now))
            self._audit(connection, actor, "organisation.create", new.id, f"owner={new.owner}")
            return Organisation(account=account, name=new.name)

        return await self._write(work)

    async def find(self, organisation_id: AccountId) -> Organisation | None:
        return await self._database.read(lambda connection: find_organisation(connection, organisation_id))

    async def list(self, after: str, limit: int) -> Sequence[Organisation]:
        query = ORGANISATIONS.order_by(organisations.c.account_id.desc()).limit(limit)
        if after:
            query = query.where(organisations.c.account_id < after)
        return await self._database.read(
            lambda connection: [organisation_of_row(row) for row in connection.execute(query)]
        )

    async def belongings(self, person_id: PersonId, after: str, limit: int) -> Sequence[Belonging]:
        query = (
            ORGANISATIONS.add_columns(_members.role, _members.joined_at)
            .join(memberships, _members.organisation_id == organisations.c.account_id)
            .where(_members.person_id == person_id)
            .order_by(_members.organisation_id.desc())
            .limit(limit)
        )
        if after:
            query = query.where(_members.organisation_id < after)
        return await self._database.read(
            lambda connection: [
                Belonging(
                    organisation=organisation_of_row(row),
                    role=Role(row.role),
                    joined_at=Microseconds(row.joined_at),
                )
                for row in connection.execute(query)
            ]
        )

    async def membership(
        self, organisation_id: AccountId, person_id: PersonId
    ) -> tuple[Member, Account] | None:
        def work(connection: Connection) -> tuple[Member, Account] | None:
            member = find_member(connection, organisation_id, person_id)
            account = None if member is None else find_account(connection, organisation_id)
            return None if member is None or account is None else (self._of_now(member), account)

        return await self._database.read(work)

    async def members(self, organisation_id: AccountId, after: str, limit: int) -> Sequence[Member]:
        query = (
            MEMBERS.where(_members.organisation_id == organisation_id, _members.person_id > after)
            .order_by(_members.person_id)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [self._of_now(member_of_row(row)) for row in connection.execute(query)]
        )

    async def add(self, organisation_id: AccountId, person_id: PersonId, role: Role, actor: str) -> Member:
        now = self._database.clock.now()

        def work(connection: Connection) -> Member:
            _person(connection, person_id)
            if find_organisation(connection, organisation_id) is None:
                raise no_organisation(organisation_id)
            if find_member(connection, organisation_id, person_id) is not None:
                raise already_member()
            add_member(connection, _new_member(organisation_id, person_id, role, actor, now))
            self._audit(connection, actor, "organisation.join", organisation_id, f"{person_id} role={role}")
            return _known(find_member(connection, organisation_id, person_id))

        return await self._write(work)

    async def change(
        self,
        organisation_id: AccountId,
        person_id: PersonId,
        role: Role | None,
        *,
        by: PersonId | None,
        actor: str,
        keep_keys: bool = False,
    ) -> Member:
        def work(connection: Connection) -> Member:
            own_role = None if by is None else role_of(connection, organisation_id, by)
            member = _present(find_member(connection, organisation_id, person_id), person_id)
            is_self = by == person_id
            others = other_owners(connection, member)
            check_change(own_role, member.role, role, is_self=is_self, other_owners=others)
            if role is member.role:
                return member
            now = self._database.clock.now()
            if role is None:
                remove_member(connection, member, actor, now, keep_keys=keep_keys, is_self=is_self)
                return member
            appoint_member(connection, member, role, actor, now)
            return _known(find_member(connection, organisation_id, person_id))

        return await self._write(work)

    async def set_cap(
        self,
        organisation_id: AccountId,
        person_id: PersonId,
        cap: SpendCap | None,
        *,
        by: PersonId | None,
        actor: str,
    ) -> Member:
        def work(connection: Connection) -> Member:
            own_role = None if by is None else role_of(connection, organisation_id, by)
            member = _present(find_member(connection, organisation_id, person_id), person_id)
            check_may_cap(own_role, member.role, is_self=by == person_id)
            set_member_cap(connection, organisation_id, person_id, cap, self._database.clock.now())
            detail = f"{person_id} {cap_text(cap)}"
            self._audit(connection, actor, "organisation.cap", organisation_id, detail)
            return self._of_now(_known(find_member(connection, organisation_id, person_id)))

        return await self._write(work)

    def _of_now(self, member: Member) -> Member:
        """With what he has spent in the window of this moment."""
        if member.spend is not None:
            member.spend.enter_window(self._database.clock.now())
        return member

    async def _write(self, work: Callable[[Connection], T]) -> T:
        async with self._turn:
            return await self._database.write(work)

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _present(member: Member | None, person_id: PersonId) -> Member:
    if member is None:
        raise NotFound("There is no such member.", metadata={"person": person_id})
    return member


def _person(connection: Connection, person_id: PersonId) -> Account:
    account = find_account(connection, person_id)
    if account is None or account.id != AccountId(person_id) or account.kind is not AccountKind.PERSON:
        raise NotFound(f"There is no account of a person {person_id!r}.", metadata={"account": person_id})
    if account.status is AccountStatus.CLOSED:
        raise Conflict("This person's account is closed.", metadata={"account": person_id})
    return account


def _new_member(
    organisation_id: AccountId, person_id: PersonId, role: Role, added_by: str, now: Microseconds
) -> Member:
    return Member(
        organisation_id=organisation_id, person_id=person_id, role=role, added_by=added_by, joined_at=now
    )


def _known(member: Member | None) -> Member:
    if member is None:
        raise NotFound("There is no such member.")
    return member

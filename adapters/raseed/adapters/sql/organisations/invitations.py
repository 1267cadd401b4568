"""Invitations to organisations in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from raseed.adapters.sql.accounts.accounts import find_account
from raseed.adapters.sql.accounts.sign_in_codes import read_tallies, take_turn, write_tallies
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.organisations.memberships import (
    add_member,
    already_member,
    find_member,
    find_organisation,
    role_of,
)
from raseed.adapters.sql.organisations.tables import invitations, memberships
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.code_limits import NOTHING, admit_to_budget, budget_of
from raseed.core.accounts.identity import Identifier, IdentifierKind
from raseed.core.accounts.model import Account, AccountStatus
from raseed.core.accounts.organisations import (
    Belonging,
    Invitation,
    Member,
    NewInvitation,
    OrganisationLimits,
    check_manages,
)
from raseed.core.accounts.scopes import Role
from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import Conflict, NotFound, RequestInvalid, TooManyInvitations
from raseed.core.ids import AccountId, InvitationId, PersonId

_rows = invitations.c


class SqlInvitationStore:
    """Implements `core.accounts.organisation_ports.InvitationStore`. One writer at a time in each worker, as for members."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def invite(self, new: NewInvitation, limits: OrganisationLimits, *, by: PersonId) -> None:
        asked = new.invitation

        def work(connection: Connection) -> None:
            take_turn(connection)
            check_manages(role_of(connection, asked.organisation_id, by), asked.role)
            _check_stranger(connection, asked, by)
            _check_limits(connection, asked, limits)
            again = (_rows.kind == asked.identifier.kind.value) & (_rows.identifier == asked.identifier.value)
            of_here = _is_open(asked.created_at) & (_rows.organisation_id == asked.organisation_id)
            connection.execute(update(invitations).where(of_here & again).values(ended_at=asked.created_at))
            _check_size(connection, asked, limits, of_here)
            _count_message(connection, asked, limits)
            connection.execute(
                insert(invitations).values(
                    id=asked.id,
                    digest=new.digest,
                    organisation_id=asked.organisation_id,
                    kind=asked.identifier.kind.value,
                    identifier=asked.identifier.value,
                    role=asked.role.value,
                    invited_by=asked.invited_by,
                    created_at=asked.created_at,
                    expires_at=asked.expires_at,
                )
            )
            detail = f"organisation={asked.organisation_id} role={asked.role}"
            self._audit(connection, by, "organisation.invite", asked.id, detail)

        async with self._turn:
            await self._database.write(work)

    async def open_invitations(
        self, organisation_id: AccountId, now: Microseconds, after: str, limit: int
    ) -> Sequence[Invitation]:
        query = (
            select(invitations)
            .where(_rows.organisation_id == organisation_id, _is_open(now))
            .order_by(_rows.id.desc())
            .limit(limit)
        )
        if after:
            query = query.where(_rows.id < after)
        return await self._database.read(
            lambda connection: [_invitation(row) for row in connection.execute(query)]
        )

    async def revoke(self, organisation_id: AccountId, invitation_id: InvitationId, *, by: PersonId) -> None:
        now = self._database.clock.now()

        def work(connection: Connection) -> None:
            role = role_of(connection, organisation_id, by)
            which = (_rows.organisation_id == organisation_id) & (_rows.id == invitation_id) & _is_open(now)
            row = connection.execute(select(invitations).where(which)).first()
            if row is None:
                raise NotFound("There is no such open invitation.", metadata={"invitation": invitation_id})
            check_manages(role, Role(row.role))
            connection.execute(update(invitations).where(which).values(ended_at=now))
            detail = f"organisation={organisation_id}"
            self._audit(connection, by, "organisation.revoke_invitation", invitation_id, detail)

        async with self._turn:
            await self._database.write(work)

    async def accept(self, digest: bytes, person_id: PersonId) -> Belonging | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> Belonging | None:
            row = connection.execute(select(invitations).where(_rows.digest == digest)).first()
            person = find_account(connection, person_id)
            if row is None or person is None or not _is_for(row, person):
                return None
            if person.status is not AccountStatus.ACTIVE:  # closed since the request was let in
                return None
            invitation = _invitation(row)
            organisation = find_organisation(connection, invitation.organisation_id)
            if organisation is None or organisation.account.status is not AccountStatus.ACTIVE:
                return None
            member = find_member(connection, organisation.id, person_id)
            if row.accepted_by == person_id and member is not None:
                return Belonging(organisation=organisation, role=member.role, joined_at=member.joined_at)
            if row.ended_at is not None or row.expires_at <= now:
                return None
            if member is not None:
                raise already_member()
            connection.execute(
                update(invitations)
                .where(_rows.id == invitation.id)
                .values(ended_at=now, accepted_by=person_id)
            )
            joined = Member(
                organisation_id=organisation.id,
                person_id=person_id,
                role=invitation.role,
                added_by=invitation.invited_by,
                joined_at=now,
            )
            add_member(connection, joined)
            detail = f"{person_id} role={joined.role} invitation={invitation.id}"
            self._audit(connection, person_id, "organisation.join", organisation.id, detail)
            return Belonging(organisation=organisation, role=joined.role, joined_at=now)

        async with self._turn:
            return await self._database.write(work)

    async def purge(self, before: Microseconds, limit: int) -> int:
        over = select(_rows.id).where(_rows.expires_at <= before).order_by(_rows.expires_at).limit(limit)

        def work(connection: Connection) -> int:
            ids = connection.scalars(over).all()
            gone = delete(invitations).where(_rows.id.in_(ids))
            return connection.execute(gone).rowcount if ids else 0

        return await self._database.write(work)

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _check_stranger(connection: Connection, asked: Invitation, by: PersonId) -> None:
    """That he is no member tells nothing about whether he has an account."""
    found = find_account(connection, asked.identifier.value)
    if found is None:
        return
    if PersonId(found.id) == by:
        raise RequestInvalid("You are a member already.", param=asked.identifier.kind)
    if find_member(connection, asked.organisation_id, PersonId(found.id)) is not None:
        raise already_member()


def _check_limits(connection: Connection, asked: Invitation, limits: OrganisationLimits) -> None:
    """Also those that ended count: each was a message."""
    recent = _rows.created_at > asked.created_at - DAY
    of_here = _rows.organisation_id == asked.organisation_id
    sent = connection.scalar(select(func.count()).select_from(invitations).where(of_here, recent)) or 0
    # A day's are no more than its messages. Which of them reach the same person is not for SQL to say.
    same_kind = _rows.kind == asked.identifier.kind.value
    to_one = sum(
        Identifier(asked.identifier.kind, value).person == asked.identifier.person
        for value in connection.scalars(select(_rows.identifier).where(same_kind, recent))
    )
    if sent >= limits.invitations_per_day or to_one >= limits.invitations_to_one_per_day:
        raise _too_many()


def _count_message(connection: Connection, asked: Invitation, limits: OrganisationLimits) -> None:
    """With the codes of the day, which go to strangers by the same channel."""
    budget = budget_of(asked.identifier.kind)
    before = read_tallies(connection, (budget,)).get(budget, NOTHING)
    counted = admit_to_budget(before, limits.messages_per_day, asked.created_at)
    if counted is None:
        raise _too_many()
    write_tallies(connection, {budget: counted}, asked.created_at)


def _too_many() -> TooManyInvitations:
    return TooManyInvitations("Too many invitations. Try again tomorrow.")


def _check_size(
    connection: Connection, asked: Invitation, limits: OrganisationLimits, is_open: ColumnElement[bool]
) -> None:
    members = select(func.count()).where(memberships.c.organisation_id == asked.organisation_id)
    open_ = select(func.count()).select_from(invitations).where(is_open)
    if (connection.scalar(members) or 0) + (connection.scalar(open_) or 0) >= limits.members_max:
        raise Conflict(
            f"An organisation has at most {limits.members_max} members, those that are invited included."
        )


def _is_open(now: int) -> ColumnElement[bool]:
    return _rows.ended_at.is_(None) & (_rows.expires_at > now)


def _is_for(row: Row[Any], person: Account) -> bool:
    own = person.phone_e164 if row.kind == IdentifierKind.PHONE else person.email
    return own is not None and own == row.identifier


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=InvitationId(row.id),
        organisation_id=AccountId(row.organisation_id),
        identifier=Identifier(IdentifierKind(row.kind), row.identifier),
        role=Role(row.role),
        invited_by=PersonId(row.invited_by),
        created_at=Microseconds(row.created_at),
        expires_at=Microseconds(row.expires_at),
    )

"""Who is in which organisation, in SQL: functions over a connection, for all who decide by it inside a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.accounts.accounts import account_of_row, announce
from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.ledger.spend_caps import bucket_of
from raseed.adapters.sql.ledger.tables import spend_buckets
from raseed.adapters.sql.organisations.tables import memberships, organisations
from raseed.core.accounts.organisations import Member, Organisation
from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import member_bucket
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict, NotFound
from raseed.core.ids import AccountId, PersonId

_members = memberships.c
_OF_CAPS = (
    "limit_microcredits",
    "cap_window",
    "window_begins_at",
    "charged_microcredits",
    "held_microcredits",
)
MEMBERS = (
    select(
        memberships, accounts.c.email, accounts.c.phone_e164, *(spend_buckets.c[name] for name in _OF_CAPS)
    )
    .join_from(memberships, accounts, accounts.c.id == _members.person_id)
    .outerjoin(
        spend_buckets, spend_buckets.c.id == _members.organisation_id.concat("/").concat(_members.person_id)
    )
)
ORGANISATIONS = select(accounts, organisations.c.name).join_from(
    organisations, accounts, accounts.c.id == organisations.c.account_id
)


def find_member(connection: Connection, organisation_id: AccountId, person_id: PersonId) -> Member | None:
    query = MEMBERS.where(_members.organisation_id == organisation_id, _members.person_id == person_id)
    row = connection.execute(query).first()
    return None if row is None else member_of_row(row)


def role_of(connection: Connection, organisation_id: AccountId, by: PersonId) -> Role:
    """Raises NotFound for who is no member."""
    member = find_member(connection, organisation_id, by)
    if member is None:
        raise no_organisation(organisation_id)
    return member.role


def find_organisation(connection: Connection, organisation_id: AccountId) -> Organisation | None:
    row = connection.execute(ORGANISATIONS.where(organisations.c.account_id == organisation_id)).first()
    return None if row is None else organisation_of_row(row)


def add_member(connection: Connection, member: Member) -> None:
    """Raises Conflict if the person is a member already."""
    try:
        connection.execute(
            insert(memberships).values(
                organisation_id=member.organisation_id,
                person_id=member.person_id,
                role=member.role.value,
                added_by=member.added_by,
                joined_at=member.joined_at,
            )
        )
    except IntegrityError as error:
        raise already_member() from error
    announce(connection, ChangeKind.ACCOUNT, member.organisation_id)


def organisation_of_row(row: Row[Any]) -> Organisation:
    return Organisation(account=account_of_row(row), name=row.name)


def no_organisation(organisation_id: AccountId) -> NotFound:
    return NotFound(
        f"There is no organisation {organisation_id!r}.", metadata={"organisation": organisation_id}
    )


def already_member() -> Conflict:
    return Conflict("This person is a member already.")


def member_of_row(row: Row[Any]) -> Member:
    return Member(
        organisation_id=AccountId(row.organisation_id),
        person_id=PersonId(row.person_id),
        role=Role(row.role),
        added_by=row.added_by,
        joined_at=Microseconds(row.joined_at),
        email=row.email,
        phone_e164=row.phone_e164,
        spend=bucket_of(row, member_bucket(row.organisation_id, row.person_id)),
    )

"""What goes with a membership that ends or changes, in SQL: invitations that were made and keys, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from raseed.adapters.sql.accounts.accounts import announce
from raseed.adapters.sql.accounts.api_keys import change_key, record_change
from raseed.adapters.sql.accounts.tables import accounts, api_keys
from raseed.adapters.sql.accounts.told_secrets import rotated_by, secrets_known
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.spend_caps import set_member_cap
from raseed.adapters.sql.organisations.memberships import MEMBERS, member_of_row
from raseed.adapters.sql.organisations.tables import invitations, memberships
from raseed.core.accounts.key_ports import Change, KeyAction
from raseed.core.accounts.model import AccountStatus, ApiKey
from raseed.core.accounts.organisations import Member
from raseed.core.accounts.scopes import KEPT_SCOPES_OF, Role
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId, ApiKeyId

_members = memberships.c


def other_owners(connection: Connection, member: Member) -> int:
    """Owners of the organisation beside this member."""
    others = select(func.count()).where(
        _members.organisation_id == member.organisation_id,
        _members.role == Role.OWNER.value,
        _members.person_id != member.person_id,
    )
    return connection.scalar(others) or 0


def owned_organisations(connection: Connection, person_id: AccountId) -> list[AccountId]:
    """Those that are not closed."""
    organisation = accounts.c.id == _members.organisation_id
    query = (
        select(_members.organisation_id)
        .join_from(memberships, accounts, organisation)
        .where(
            _members.person_id == person_id,
            _members.role == Role.OWNER.value,
            accounts.c.status != AccountStatus.CLOSED.value,
        )
        .order_by(_members.organisation_id)
    )
    return [AccountId(organisation_id) for organisation_id in connection.scalars(query)]


def leave_organisations(connection: Connection, person_id: AccountId, actor: str, now: Microseconds) -> None:
    """End every membership of a person, with the keys that he made. Nothing for an account that is no person's.

    Raises Conflict for the only owner of an organisation that is not closed: nobody could manage it any more.
    """
    of_person = MEMBERS.where(_members.person_id == person_id).order_by(_members.organisation_id)
    found = [member_of_row(row) for row in connection.execute(of_person)]
    owned = set(owned_organisations(connection, person_id))
    orphaned = [
        member.organisation_id
        for member in found
        if member.organisation_id in owned and not other_owners(connection, member)
    ]
    if orphaned:
        raise Conflict(
            f"The only owner of {', '.join(orphaned)}. Make somebody else an owner, or close it, before.",
            metadata={"account": person_id, "organisations": ",".join(orphaned)},
        )
    for member in found:
        remove_member(connection, member, actor, now, keep_keys=False, is_self=False)


def remove_member(
    connection: Connection, member: Member, actor: str, now: Microseconds, *, keep_keys: bool, is_self: bool
) -> None:
    connection.execute(delete(memberships).where(_is(member)))
    if member.spend is not None and not keep_keys:  # keys that stay, stay under it
        set_member_cap(connection, member.organisation_id, member.person_id, None, now)
    _end_invitations(connection, member, now)
    action = "organisation.leave" if is_self else "organisation.remove"
    record_audit(connection, now, actor, action, member.organisation_id, member.person_id)
    if not keep_keys:
        _change_keys(connection, member, actor, None, now)
    announce(connection, ChangeKind.ACCOUNT, member.organisation_id)


def appoint_member(connection: Connection, member: Member, role: Role, actor: str, now: Microseconds) -> None:
    connection.execute(update(memberships).where(_is(member)).values(role=role.value))
    _end_invitations(connection, member, now)
    detail = f"{member.person_id} role={role}"
    record_audit(connection, now, actor, "organisation.role", member.organisation_id, detail)
    _change_keys(connection, member, actor, role, now)
    announce(connection, ChangeKind.ACCOUNT, member.organisation_id)


def _end_invitations(connection: Connection, member: Member, now: Microseconds) -> None:
    """Those that he made: another may have to make them now."""
    connection.execute(
        update(invitations)
        .where(
            invitations.c.organisation_id == member.organisation_id,
            invitations.c.invited_by == member.person_id,
            invitations.c.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


def _change_keys(
    connection: Connection, member: Member, actor: str, role: Role | None, now: Microseconds
) -> None:
    """Narrow the keys that he made for the organisation to what the role may put into a key; without one, revoke.

    So with those of others whose secret he was told when he rotated them. If somebody has rotated such a key since, only
    the secret that he knows ends, which still counted in its grace.
    """

    def change(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
        if role is None:
            return replace(key, revoked_at=now)
        return replace(key, scopes=key.scopes & KEPT_SCOPES_OF[role])

    def forget_past(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
        is_within = role is not None and key.scopes <= KEPT_SCOPES_OF[role]
        return key if is_within else replace(key, past=None)

    of_his = select(api_keys.c.id).where(
        api_keys.c.account_id == member.organisation_id,
        api_keys.c.created_by == member.person_id,
        api_keys.c.revoked_at.is_(None),
    )
    action = KeyAction.REVOKE if role is None else KeyAction.UPDATE
    changes: list[tuple[str, Change, KeyAction]] = [
        (key_id, change, action) for key_id in connection.scalars(of_his.order_by(api_keys.c.id))
    ]
    for key in rotated_by(connection, member.organisation_id, member.person_id):
        newest, past = secrets_known(connection, key, member.person_id, now)
        if newest:
            changes.append((key.id, change, action))
        elif past:
            changes.append((key.id, forget_past, KeyAction.UPDATE))
    for key_id, changed, what in changes:
        found = change_key(connection, ApiKeyId(key_id), changed)
        assert found is not None, "a key is never deleted"
        record_change(connection, now, *found, actor, what)


def _is(member: Member) -> ColumnElement[bool]:
    return (_members.organisation_id == member.organisation_id) & (_members.person_id == member.person_id)

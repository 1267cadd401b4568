"""Whether who was let in a moment ago still may, inside the transaction of what he does. Workers remember callers for
seconds, and a request takes its time: a key that somebody makes after his session was ended would outlive that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, or_, select

from raseed.adapters.sql.accounts.tables import accounts, api_keys, sessions
from raseed.adapters.sql.organisations.memberships import role_of
from raseed.core.accounts.model import AccountStatus, Caller
from raseed.core.accounts.scopes import KEY_SCOPES_OF, SCOPES_OF, Role, Scope
from raseed.core.clock import Microseconds
from raseed.core.errors import AccountSuspended, Conflict, PermissionDenied, Unauthenticated
from raseed.core.ids import AccountId


def check_caller(
    connection: Connection, caller: Caller | None, account_id: AccountId, now: Microseconds
) -> None:
    """That the account that is acted in is active, and so is what the caller was let in with. None: an operator, for whom
    it only must not be closed. Raises Unauthenticated, AccountSuspended, Conflict.
    """
    status = connection.scalar(select(accounts.c.status).where(accounts.c.id == account_id))
    if caller is None:
        if status == AccountStatus.CLOSED:
            raise Conflict("This account is closed.", metadata={"account": account_id})
        return
    if status != AccountStatus.ACTIVE:
        raise AccountSuspended("This account is not active.")
    if caller.session_id is not None:
        _check_session(connection, caller, now)
    if caller.api_key_id is not None:
        _check_key(connection, caller, now)


def check_role(
    connection: Connection,
    caller: Caller | None,
    scopes: Collection[str],
    within: Mapping[Role, frozenset[Scope]] = KEY_SCOPES_OF,
) -> None:
    """That who acts for an organisation is still one who may give its keys these scopes. Raises NotFound for who is no
    member any more, PermissionDenied.
    """
    if caller is None or caller.role is None or caller.person_id is None:
        return
    role = role_of(connection, caller.account_id, caller.person_id)
    if Scope.KEYS_WRITE not in SCOPES_OF[role] or not set(scopes) <= within[role]:
        raise PermissionDenied("Your role in this organisation has changed.")


def _check_session(connection: Connection, caller: Caller, now: Microseconds) -> None:
    """The session is its person's, whose account may be another than the one that is acted in."""
    query = select(accounts.c.status).join_from(sessions, accounts, accounts.c.id == sessions.c.account_id)
    status = connection.scalar(query.where(sessions.c.id == caller.session_id, sessions.c.expires_at > now))
    if status is None:
        raise Unauthenticated("The session is over or was ended. Sign in again.")
    if status != AccountStatus.ACTIVE:
        raise AccountSuspended("This account is not active.")


def _check_key(connection: Connection, caller: Caller, now: Microseconds) -> None:
    keys = api_keys.c
    valid = select(keys.id).where(
        keys.id == caller.api_key_id,
        keys.revoked_at.is_(None),
        or_(keys.expires_at.is_(None), keys.expires_at > now),
    )
    if connection.execute(valid).first() is None:
        raise Unauthenticated("This API key is not valid any more.")

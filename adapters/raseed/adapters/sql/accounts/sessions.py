"""Sessions in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from raseed.adapters.sql.accounts.accounts import account_of_row, announce
from raseed.adapters.sql.accounts.tables import accounts, sessions
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.model import Account
from raseed.core.accounts.sign_in_model import NewSession, Session
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, SessionId

_sessions = sessions.c


def begin_session(connection: Connection, account_id: AccountId, new: NewSession) -> None:
    """The account's oldest sessions end for it if it has too many."""
    connection.execute(
        insert(sessions).values(
            id=new.id,
            digest=new.digest,
            account_id=account_id,
            device=new.device,
            created_at=new.begins_at,
            authenticated_at=new.begins_at,
            last_used_at=new.begins_at,
            expires_at=new.expires_at,
        )
    )
    beyond = (
        select(_sessions.id)
        .where(_sessions.account_id == account_id)
        .order_by(_sessions.id.desc())
        .offset(new.at_most)
        .limit(new.at_most)
    )
    for session_id in connection.scalars(beyond).all():
        end_session(connection, account_id, SessionId(session_id))


def end_session(connection: Connection, account_id: AccountId, session_id: SessionId) -> bool:
    """False if the account has no such session. Workers forget it when they see the change."""
    ended = connection.execute(
        delete(sessions).where(_sessions.id == session_id, _sessions.account_id == account_id)
    )
    if ended.rowcount == 0:
        return False
    announce(connection, ChangeKind.SESSION, session_id)
    return True


def end_sessions(connection: Connection, account_id: AccountId, kept: SessionId | None = None) -> int:
    """Every session of the account but one; how many there were."""
    ids = connection.scalars(select(_sessions.id).where(_sessions.account_id == account_id)).all()
    return sum(
        end_session(connection, account_id, SessionId(session_id)) for session_id in ids if session_id != kept
    )


class SqlSessionStore:
    """Implements `core.accounts.sign_in_ports.SessionStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def session_with_account(self, digest: bytes) -> tuple[Session, Account] | None:
        def work(connection: Connection) -> tuple[Session, Account] | None:
            row = connection.execute(select(sessions).where(_sessions.digest == digest)).first()
            if row is None:
                return None
            account = connection.execute(select(accounts).where(accounts.c.id == row.account_id)).one()
            return _session(row), account_of_row(account)

        return await self._database.read(work)

    async def touch(self, session_id: SessionId, at: Microseconds) -> None:
        used = update(sessions).where(_sessions.id == session_id).values(last_used_at=at)
        await self._database.write(lambda connection: connection.execute(used).close())

    async def list_sessions(self, account_id: AccountId, now: Microseconds) -> Sequence[Session]:
        query = (
            select(sessions)
            .where(_sessions.account_id == account_id, _sessions.expires_at > now)
            .order_by(_sessions.id.desc())
        )
        return await self._database.read(
            lambda connection: [_session(row) for row in connection.execute(query)]
        )

    async def end(self, account_id: AccountId, session_id: SessionId, actor: str) -> bool:
        def work(connection: Connection) -> bool:
            ended = end_session(connection, account_id, session_id)
            if ended:
                self._audit(connection, actor, "session.end", session_id, f"account={account_id}")
            return ended

        return await self._database.write(work)

    async def end_others(self, account_id: AccountId, kept: SessionId | None, actor: str) -> int:
        def work(connection: Connection) -> int:
            count = end_sessions(connection, account_id, kept)
            if count:
                self._audit(connection, actor, "session.end_others", account_id, f"count={count}")
            return count

        return await self._database.write(work)

    async def purge_sessions(self, now: Microseconds, limit: int) -> int:
        over = select(_sessions.id).where(_sessions.expires_at <= now).limit(limit)

        def work(connection: Connection) -> int:
            ids = connection.scalars(over).all()
            return connection.execute(delete(sessions).where(_sessions.id.in_(ids))).rowcount if ids else 0

        return await self._database.write(work)

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _session(row: Row[Any]) -> Session:
    return Session(
        id=SessionId(row.id),
        account_id=AccountId(row.account_id),
        device=row.device,
        created_at=Microseconds(row.created_at),
        authenticated_at=Microseconds(row.authenticated_at),
        last_used_at=Microseconds(row.last_used_at),
        expires_at=Microseconds(row.expires_at),
    )

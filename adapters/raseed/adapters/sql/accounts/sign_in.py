"""Accounts as people open and enter them, in SQL: the code is used up with what it was for, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.accounts.accounts import announce, create_account, find_account
from raseed.adapters.sql.accounts.sessions import begin_session, end_session, end_sessions
from raseed.adapters.sql.accounts.sign_in_codes import forgive, take_turn, use_up
from raseed.adapters.sql.accounts.tables import accounts, consents, verified_identities
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.contact_notice import identifiers_of
from raseed.core.accounts.identity import Identifier, IdentifierKind
from raseed.core.accounts.model import Account, AccountStatus
from raseed.core.accounts.sign_in_model import (
    Accepted,
    Changed,
    Identity,
    NewAccount,
    NewSession,
    Proven,
    Session,
    Terms,
)
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import Notice, NoticeKind

_identities = verified_identities.c


class SqlSignInStore:
    """Implements `core.accounts.sign_in_ports.SignInStore`. Its transactions take turns with those of the codes."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def account_of(self, proven: Proven) -> Account | None:
        return await self._database.read(
            lambda connection: find_account(connection, proven.code.identifier.value)
        )

    async def forgive(self, proven: Proven) -> None:
        now = self._database.clock.now()

        def work(connection: Connection) -> None:
            take_turn(connection)
            forgive(connection, proven, now)

        await self._database.write(work)

    async def sign_in(
        self,
        proven: Proven,
        identity: Identity,
        new_account: NewAccount | None,
        session: NewSession,
        replaces: Session | None,
        terms: Terms,
    ) -> Accepted | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> Accepted | None:
            take_turn(connection)
            if not use_up(connection, proven, now):
                return None
            account = find_account(connection, proven.code.identifier.value)
            is_new = account is None
            if account is None:
                if new_account is None:
                    raise Conflict("The account was closed at this moment.")
                account = _open(connection, new_account, proven.code.identifier, now)
            is_welcome_due = _verify(connection, identity, account.id, now, is_new=is_new)
            if account.status is not AccountStatus.ACTIVE:
                return Accepted(account=account, is_new=False, is_welcome_due=False, is_blocked=True)
            has_accepted_terms = _accept(connection, account.id, terms, now)
            if replaces is not None:
                end_session(connection, replaces.account_id, replaces.id)
            begin_session(connection, account.id, session)
            record_audit(connection, now, account.id, "session.begin", session.id, "")
            if not is_new and not proven.code.device:
                parameters = {"device": session.device or "–", "address": session.address}
                notice = Notice(
                    kind=NoticeKind.NEW_DEVICE, account_id=account.id, cause=session.id, parameters=parameters
                )
                enqueue(connection, notice, now)
            return Accepted(
                account=account,
                is_new=is_new,
                is_welcome_due=is_welcome_due,
                has_accepted_terms=has_accepted_terms,
            )

        async with self._turn:
            return await self._database.write(work)

    async def change_identifier(
        self, proven: Proven, identity: Identity, account_id: AccountId, session: NewSession
    ) -> Changed | None:
        now = self._database.clock.now()
        identifier = proven.code.identifier

        def work(connection: Connection) -> Changed | None:
            take_turn(connection)
            if not use_up(connection, proven, now):
                return None
            changed = _set_identifier(connection, identifier, identity, account_id, now)
            if changed is None:
                return None
            begin_session(connection, account_id, session)
            record_audit(connection, now, account_id, "account.identifier", account_id, identifier.kind)
            return changed

        return await self._database.write(work)

    async def set_identifier(
        self, identifier: Identifier, identity: Identity, account_id: AccountId, reason: str, actor: str
    ) -> Changed | None:
        """See `core.admin.contact_service.ContactStore`."""
        now = self._database.clock.now()

        def work(connection: Connection) -> Changed | None:
            take_turn(connection)
            changed = _set_identifier(connection, identifier, identity, account_id, now)
            if changed is not None:
                record_audit(connection, now, actor, "account.identifier", account_id, reason)
            return changed

        return await self._database.write(work)

    async def accept_terms(self, account_id: AccountId, terms: Terms, at: Microseconds) -> bool:
        run = self._database.write if terms.is_accepted else self._database.read
        return await run(lambda connection: _accept(connection, account_id, terms, at))

    async def welcomed(self, identity: Identity, at: Microseconds) -> None:
        welcomed = (
            update(verified_identities)
            .where(_identities.digest.in_(identity.digests.values()), _identities.welcomed_at.is_(None))
            .values(welcomed_at=at)
        )

        def work(connection: Connection) -> None:
            take_turn(connection)
            connection.execute(welcomed)

        await self._database.write(work)


def _open(connection: Connection, new: NewAccount, identifier: Identifier, now: Microseconds) -> Account:
    """Raises Conflict if another worker opened it at this moment."""
    is_phone = identifier.kind is IdentifierKind.PHONE
    account = Account(
        id=new.id,
        email=None if is_phone else identifier.value,
        phone_e164=identifier.value if is_phone else None,
        tier=new.tier,
        status=AccountStatus.ACTIVE,
        tier_expires_at=None,
        created_at=now,
        language=new.language,
    )
    create_account(connection, account)
    record_audit(connection, now, new.id, "account.create", new.id, f"tier={new.tier}")
    return account


def _accept(connection: Connection, account_id: AccountId, terms: Terms, now: Microseconds) -> bool:
    """Whether the account has accepted these terms, now or before. Writes only what is accepted now."""
    if not terms.version and not terms.minimum_age:
        return True
    accepted = select(consents.c.accepted_at).where(
        consents.c.account_id == account_id,
        consents.c.terms_version == terms.version,
        consents.c.minimum_age >= terms.minimum_age,
    )
    if connection.execute(accepted).first() is not None:
        return True
    if terms.is_accepted:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        said = {"minimum_age": terms.minimum_age, "accepted_at": now}
        new = dialect.insert(consents).values(account_id=account_id, terms_version=terms.version, **said)
        connection.execute(
            new.on_conflict_do_update(index_elements=["account_id", "terms_version"], set_=said)
        )
    return terms.is_accepted


def _verify(
    connection: Connection, identity: Identity, account_id: AccountId, now: Microseconds, *, is_new: bool
) -> bool:
    """Whether the account's welcome grant is due: it is the first that this identity opened, and was not welcomed yet."""
    known = connection.execute(
        select(verified_identities).where(_identities.digest.in_(identity.digests.values()))
    ).first()
    if known is not None:
        return bool(known.account_id == account_id and known.welcomed_at is None)
    version, digest = identity.newest
    try:
        connection.execute(
            insert(verified_identities).values(
                digest=digest,
                pepper_version=version,
                account_id=account_id,
                verified_at=now,
                # An account that was opened otherwise was welcomed then, or is not to be.
                welcomed_at=None if is_new else now,
            )
        )
    except IntegrityError as error:
        raise Conflict("This identity is being verified elsewhere.") from error
    return is_new


def _set_identifier(
    connection: Connection,
    identifier: Identifier,
    identity: Identity,
    account_id: AccountId,
    now: Microseconds,
) -> Changed | None:
    """In place of the one of its kind; every session ends. None if there is no such account. Raises Conflict if it is
    another account's.
    """
    account = find_account(connection, account_id)
    if account is None:
        return None
    is_phone = identifier.kind is IdentifierKind.PHONE
    changed = (
        replace(account, phone_e164=identifier.value)
        if is_phone
        else replace(account, email=identifier.value)
    )
    try:
        connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(email=changed.email, phone_e164=changed.phone_e164)
        )
    except IntegrityError as error:
        raise Conflict("This number or address belongs to another account.") from error
    _verify(connection, identity, account_id, now, is_new=False)
    end_sessions(connection, account_id)
    announce(connection, ChangeKind.ACCOUNT, account_id)
    before = identifiers_of(account)
    return Changed(account=changed, before=() if identifier in before else before)

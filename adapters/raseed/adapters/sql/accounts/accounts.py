"""Accounts in SQL. Functions over a connection, so that a caller can put several into one transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.tables import balances
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import changes
from raseed.core.accounts.model import Account, AccountKind, AccountStatus, OwnLimit, OwnLimits, Tier
from raseed.core.changes import ChangeKind
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId
from raseed.core.messaging.ports import Language

ERASED_DOMAIN = "erased.invalid"
"""Every person's account can be reached, say the tables: once erased, by an address in a domain that never exists."""


def create_account(connection: Connection, account: Account) -> None:
    """With its balance row. Raises Conflict if the id, e-mail or telephone is taken."""
    try:
        connection.execute(
            insert(accounts).values(
                id=account.id,
                email=account.email,
                phone_e164=account.phone_e164,
                tier=account.tier.value,
                status=account.status.value,
                tier_expires_at=account.tier_expires_at,
                created_at=account.created_at,
                language=account.language or "",
                own_limits=_limits_text(account.own_limits),
                kind=account.kind.value,
            )
        )
    except IntegrityError as error:
        raise Conflict("There is an account with this e-mail address or telephone number already.") from error
    connection.execute(
        insert(balances).values(
            account_id=account.id,
            available_microcredits=0,
            held_microcredits=0,
            debt_microcredits=0,
            version=0,
        )
    )


def find_account(connection: Connection, reference: str) -> Account | None:
    """By id, e-mail (in any case) or telephone."""
    row = connection.execute(
        select(accounts).where(
            or_(
                accounts.c.id == reference,
                accounts.c.email == reference.lower(),
                accounts.c.phone_e164 == reference,
            )
        )
    ).first()
    return None if row is None else account_of_row(row)


def set_status(connection: Connection, account_id: AccountId, status: AccountStatus) -> bool:
    """False if there is no such account. Workers forget the account's keys when they see the change."""
    if not _count_up(connection, account_id):
        return False
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(status=status.value))
    announce(connection, ChangeKind.ACCOUNT, account_id)
    return True


def set_debt_limit(connection: Connection, account_id: AccountId, limit_microcredits: int | None) -> bool:
    """What the account may owe; None: what the profile says. False if there is no such account. Safe to repeat."""
    found = _count_up(connection, account_id)
    connection.execute(
        update(accounts).where(accounts.c.id == account_id).values(debt_limit_microcredits=limit_microcredits)
    )
    return found


def _count_up(connection: Connection, account_id: AccountId) -> bool:
    """The account's version: a batch that was decided on what was before is refused its write. False: no account."""
    locked = connection.execute(
        update(balances).where(balances.c.account_id == account_id).values(version=balances.c.version + 1)
    )
    return locked.rowcount > 0


def announce(connection: Connection, kind: ChangeKind, changed_id: str) -> None:
    connection.execute(insert(changes).values(kind=kind.value, id=changed_id))


def account_of_row(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        email=row.email,
        phone_e164=row.phone_e164,
        tier=Tier(row.tier),
        status=AccountStatus(row.status),
        tier_expires_at=row.tier_expires_at,
        created_at=row.created_at,
        language=Language(row.language) if row.language else None,
        own_limits=_limits(row.own_limits),
        kind=AccountKind(row.kind),
    )


def _limits_text(limits: OwnLimits) -> str:
    return json.dumps(dict(limits)) if limits else ""


def _limits(text: str) -> OwnLimits:
    """Without those that a later version knows and this one does not."""
    known = set(OwnLimit)
    return tuple((OwnLimit(name), value) for name, value in json.loads(text or "{}").items() if name in known)


class SqlAccountStore:
    """Implements `core.accounts.ports.AccountStore`: each change and its audit row in one transaction."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add_account(self, account: Account, actor: str) -> None:
        def work(connection: Connection) -> None:
            create_account(connection, account)
            self._audit(connection, actor, "account.create", account.id, f"tier={account.tier}")

        await self._database.write(work)

    async def find_account(self, reference: str) -> Account | None:
        return await self._database.read(lambda connection: find_account(connection, reference))

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, reason: str, actor: str
    ) -> bool:
        def work(connection: Connection) -> bool:
            found = set_debt_limit(connection, account_id, limit_microcredits)
            if found:
                limit = "profile" if limit_microcredits is None else limit_microcredits
                self._audit(connection, actor, "account.debt_limit", account_id, f"limit={limit} {reason}")
            return found

        return await self._database.write(work)

    async def set_own_limits(
        self, account_id: AccountId, limits: OwnLimits, reason: str, actor: str
    ) -> Account | None:
        def work(connection: Connection) -> Account | None:
            values = {"own_limits": _limits_text(limits)}
            changed = connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))
            if changed.rowcount == 0:
                return None
            announce(connection, ChangeKind.ACCOUNT, account_id)
            shown = [f"{name}={'none' if value is None else value}" for name, value in limits]
            self._audit(connection, actor, "account.limits", account_id, " ".join([*shown, reason]))
            return find_account(connection, account_id)

        return await self._database.write(work)

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)

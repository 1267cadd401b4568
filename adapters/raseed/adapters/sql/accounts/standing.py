"""How accounts stand with the operators, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.accounts.accounts import account_of_row, announce, find_account, set_status
from raseed.adapters.sql.accounts.closing_requests import drop_closing_request
from raseed.adapters.sql.accounts.sessions import end_sessions
from raseed.adapters.sql.accounts.tables import account_notes, account_standing, accounts, api_keys
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.organisations.member_changes import leave_organisations, owned_organisations
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.keys import PREFIX
from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.admin.standing import AccountFilter, AccountNote, ForfeitDue, Standing
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, new_id
from raseed.core.messaging.notices import Notice, NoticeKind

# Literals, not parameters: a partial index is used only if its condition is seen when the statement is prepared.
_FORFEIT_DUE = account_standing.c.is_forfeit_due == literal_column("1")
TIER_ACTOR = "tiers"
PLAN_ACTOR = "subscriptions"
FORFEIT_ACTOR = "closing"


class SqlStandingStore:
    """Implements `core.admin.standing.StandingStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def find(self, which: AccountFilter, after: str, limit: int) -> Sequence[Account]:
        query = select(accounts).order_by(accounts.c.id.desc()).limit(limit)
        if which.text:
            query = query.where(_matches(which.text))
        if which.status is not None:
            query = query.where(accounts.c.status == which.status.value)
        if which.tier is not None:
            query = query.where(accounts.c.tier == which.tier.value)
        if after:
            query = query.where(accounts.c.id < after)
        return await self._database.read(
            lambda connection: [account_of_row(row) for row in connection.execute(query)]
        )

    async def standing(self, account_id: AccountId) -> Standing:
        query = select(account_standing).where(account_standing.c.account_id == account_id)
        row, owns = await self._database.read(
            lambda connection: (
                connection.execute(query).first(),
                tuple(owned_organisations(connection, account_id)),
            )
        )
        if row is None:
            return Standing(account_id=account_id, owns=owns)
        return Standing(
            account_id=account_id,
            reason=row.reason,
            since=row.since,
            actor=row.actor,
            second_of=row.second_of,
            is_forfeit_due=bool(row.is_forfeit_due),
            forfeit_microcredits=row.forfeit_microcredits,
            owns=owns,
        )

    async def suspend(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> Account | None:
            account = find_account(connection, account_id)
            if account is None or account.status is not AccountStatus.ACTIVE:
                return account
            self._move(connection, account_id, AccountStatus.SUSPENDED, reason, actor, "account.suspend")
            notice = Notice(
                kind=NoticeKind.ACCOUNT_SUSPENDED,
                account_id=account_id,
                cause=f"{account_id}:{now}",
                parameters={"reason": reason},
            )
            enqueue(connection, notice, now)
            return find_account(connection, account_id)

        return await self._database.write(work)

    async def reinstate(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        def work(connection: Connection) -> Account | None:
            account = find_account(connection, account_id)
            if account is None or account.status is not AccountStatus.SUSPENDED:
                return account
            self._move(connection, account_id, AccountStatus.ACTIVE, reason, actor, "account.reinstate")
            return find_account(connection, account_id)

        return await self._database.write(work)

    async def close(self, account_id: AccountId, reason: str, actor: str, *, forfeit: bool) -> Account | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> Account | None:
            account = find_account(connection, account_id)
            if account is None or account.status is AccountStatus.CLOSED:
                return account
            what = f"{reason} credit={'forfeit' if forfeit else 'keep'}"
            self._move(connection, account_id, AccountStatus.CLOSED, reason, actor, "account.close", what)
            _keep(connection, account_id, is_forfeit_due=int(forfeit))
            # All at once, however many: workers forget them with the account.
            live = (api_keys.c.account_id == account_id) & api_keys.c.revoked_at.is_(None)
            connection.execute(update(api_keys).where(live).values(revoked_at=now))
            end_sessions(connection, account_id)
            leave_organisations(connection, account_id, actor, now)
            drop_closing_request(connection, account_id, keep_for_erasure=True)
            return find_account(connection, account_id)

        return await self._database.write(work)

    async def set_tier(
        self, account_id: AccountId, tier: Tier, expires_at: Microseconds | None, reason: str, actor: str
    ) -> Account | None:
        def work(connection: Connection) -> Account | None:
            account = find_account(connection, account_id)
            if account is None or (account.tier, account.tier_expires_at) == (tier, expires_at):
                return account
            _set_tier(connection, account_id, tier, expires_at)
            detail = f"{account.tier} -> {tier} until={expires_at} {reason}"
            self._audit(connection, actor, "account.tier", account_id, detail)
            return find_account(connection, account_id)

        return await self._database.write(work)

    async def end_tiers(self, now: Microseconds, default: Tier, limit: int) -> int:
        due = (
            select(accounts.c.id, accounts.c.tier)
            .where(accounts.c.tier_expires_at.is_not(None), accounts.c.tier_expires_at <= now)
            .order_by(accounts.c.tier_expires_at)
            .limit(limit)
        )
        if not await self._database.read(lambda connection: connection.execute(due).all()):
            return 0  # nothing is written while there is nothing to do

        def work(connection: Connection) -> int:
            ended = connection.execute(due).all()
            for account_id, tier in ended:
                _set_tier(connection, account_id, default, None)
                self._audit(connection, TIER_ACTOR, "account.tier", account_id, f"{tier} -> {default} ended")
            return len(ended)

        return await self._database.write(work)

    async def approve_second(
        self, account_id: AccountId, second_of: AccountId | None, reason: str, actor: str
    ) -> bool:
        def work(connection: Connection) -> bool:
            if find_account(connection, account_id) is None:
                return False
            _keep(connection, account_id, second_of=second_of)
            self._audit(connection, actor, "account.second", account_id, f"of={second_of} {reason}")
            return True

        return await self._database.write(work)

    async def add_note(self, account_id: AccountId, text: str, actor: str) -> AccountNote | None:
        note = AccountNote(id=new_id("note"), at=self._database.clock.now(), actor=actor, text=text)

        def work(connection: Connection) -> AccountNote | None:
            if find_account(connection, account_id) is None:
                return None
            connection.execute(
                insert(account_notes).values(
                    id=note.id, account_id=account_id, at=note.at, actor=actor, text=text
                )
            )
            self._audit(connection, actor, "account.note", account_id, note.id)
            return note

        return await self._database.write(work)

    async def notes(self, account_id: AccountId, after: str, limit: int) -> Sequence[AccountNote]:
        query = (
            select(account_notes)
            .where(account_notes.c.account_id == account_id)
            .order_by(account_notes.c.id.desc())
            .limit(limit)
        )
        if after:
            query = query.where(account_notes.c.id < after)
        return await self._database.read(
            lambda connection: [
                AccountNote(id=row.id, at=row.at, actor=row.actor, text=row.text)
                for row in connection.execute(query)
            ]
        )

    async def forfeits_due(self, limit: int) -> Sequence[ForfeitDue]:
        query = (
            select(account_standing).where(_FORFEIT_DUE).order_by(account_standing.c.account_id).limit(limit)
        )
        return await self._database.read(
            lambda connection: [
                ForfeitDue(account_id=row.account_id, intended_microcredits=row.forfeit_microcredits)
                for row in connection.execute(query)
            ]
        )

    async def intend_forfeit(self, account_id: AccountId, microcredits: int | None) -> None:
        # Not if another worker has finished meanwhile.
        intend = (
            update(account_standing)
            .where(_FORFEIT_DUE, account_standing.c.account_id == account_id)
            .values(forfeit_microcredits=microcredits)
        )
        await self._database.write(lambda connection: connection.execute(intend).rowcount)

    async def end_forfeit(self, account_id: AccountId, microcredits: int) -> None:
        def work(connection: Connection) -> None:
            ended = connection.execute(
                update(account_standing)
                .where(_FORFEIT_DUE, account_standing.c.account_id == account_id)
                .values(is_forfeit_due=0, forfeit_microcredits=microcredits)
            )
            if ended.rowcount:
                self._audit(connection, FORFEIT_ACTOR, "account.forfeit", account_id, str(microcredits))

        await self._database.write(work)

    def _move(
        self,
        connection: Connection,
        account_id: AccountId,
        status: AccountStatus,
        reason: str,
        actor: str,
        action: str,
        detail: str = "",
    ) -> None:
        set_status(connection, account_id, status)
        _keep(connection, account_id, reason=reason, since=self._database.clock.now(), actor=actor)
        self._audit(connection, actor, action, account_id, detail or reason)

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def set_plan_tier(
    connection: Connection,
    account_id: AccountId,
    tier: Tier | None,
    expires_at: Microseconds | None,
    default: Tier,
    now: Microseconds,
) -> None:
    """The tier that a plan gives; None: none any more. One that operators gave without an end stays as it is."""
    account = find_account(connection, account_id)
    if account is None or account.status is AccountStatus.CLOSED:
        return
    is_given_for_good = account.tier_expires_at is None and account.tier is not default
    wanted = (default, None) if tier is None else (tier, expires_at)
    if is_given_for_good or (account.tier, account.tier_expires_at) == wanted:
        return
    _set_tier(connection, account_id, *wanted)
    detail = f"{account.tier} -> {wanted[0]} until={wanted[1]} plan"
    record_audit(connection, now, PLAN_ACTOR, "account.tier", account_id, detail)


def _keep(connection: Connection, account_id: AccountId, **values: Any) -> None:
    """Change some of what is kept of an account's standing."""
    row = {"account_id": account_id, "reason": "", "actor": "", "is_forfeit_due": 0, **values}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(account_standing)
        .values(row)
        .on_conflict_do_update(index_elements=["account_id"], set_=values)
    )


def _set_tier(
    connection: Connection, account_id: AccountId, tier: Tier, expires_at: Microseconds | None
) -> None:
    connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(tier=tier.value, tier_expires_at=expires_at)
    )
    announce(connection, ChangeKind.ACCOUNT, account_id)


def _matches(text: str) -> ColumnElement[bool]:
    """Parts of addresses are looked for in every account: for operators, who are few. A `%` in the text is a `%`."""
    of_keys = select(api_keys.c.account_id).where(
        or_(
            api_keys.c.id == text,
            api_keys.c.public_id == _public_id(text),
            api_keys.c.last4 == text.rpartition("…")[2].rpartition("...")[2],
        )
    )
    return or_(
        accounts.c.id == text,
        accounts.c.email.contains(text.lower(), autoescape=True),
        accounts.c.phone_e164.contains(text, autoescape=True),
        accounts.c.id.in_(of_keys),
    )


def _public_id(text: str) -> str:
    """Of a key, or of its beginning."""
    parts = text.split("_")
    return parts[2] if len(parts) > 2 and parts[0] == PREFIX else text

"""API keys in SQL. Functions over a connection, so that a caller can put several into one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from raseed.adapters.sql.accounts.accounts import account_of_row, announce
from raseed.adapters.sql.accounts.callers import check_caller, check_role
from raseed.adapters.sql.accounts.key_notices import tell_of_key
from raseed.adapters.sql.accounts.key_rows import key_of_row, row_of_key
from raseed.adapters.sql.accounts.tables import accounts, api_keys
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.spend_caps import bucket_of, cap_text, insert_bucket, set_cap
from raseed.adapters.sql.ledger.tables import spend_buckets
from raseed.adapters.sql.payments.extra_keys import extra_keys
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.key_ports import Change, KeyAction, KeyUse, Once
from raseed.core.accounts.key_rules import check_limits, check_parent, follow, refuse_excess
from raseed.core.accounts.model import Account, ApiKey, Caller
from raseed.core.accounts.scopes import KEPT_SCOPES_OF
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.changes import ChangeKind
from raseed.core.clock import Microseconds
from raseed.core.errors import KeyLimitReached, RequestReusedWithOtherInput
from raseed.core.ids import AccountId, ApiKeyId, PersonId
from raseed.core.messaging.notices import NoticeKind

_KEYS_WITH_SPENDS = select(
    api_keys, *(column for column in spend_buckets.columns if column.name not in {"id", "account_id"})
).join_from(api_keys, spend_buckets, spend_buckets.c.id == api_keys.c.id, isouter=True)
_TOLD = {KeyAction.REVOKE: NoticeKind.KEY_REVOKED, KeyAction.ROTATE: NoticeKind.KEY_ROTATED}
_SECRETS = frozenset({"digest", "pepper_version", "past", "rotated_by", "spend"})
"""Fields that the audit log does not show."""
BATCH = 50
"""Keys that one transaction changes: some 40 ms, in which nobody else writes to SQLite."""


def insert_key(connection: Connection, key: ApiKey, once: Once | None = None) -> None:
    row = row_of_key(key)
    if once is not None:
        row |= {"request_digest": once.digest, "request_input": once.input_digest}
    connection.execute(insert(api_keys).values(row))
    if key.spend is not None:
        insert_bucket(connection, key.account_id, key.spend)


def key_with_account(connection: Connection, public_id: str) -> tuple[ApiKey, Account] | None:
    key = connection.execute(select(api_keys).where(api_keys.c.public_id == public_id)).first()
    if key is None:
        return None
    account = connection.execute(select(accounts).where(accounts.c.id == key.account_id)).one()
    return key_of_row(key), account_of_row(account)


def list_keys(
    connection: Connection, account_id: AccountId, after: str, limit: int, made_by: PersonId | None = None
) -> list[ApiKey]:
    """Newest first, revoked ones too; `after` is the id of the last one already seen, empty for the first page."""
    query = (
        _KEYS_WITH_SPENDS.where(api_keys.c.account_id == account_id)
        .order_by(api_keys.c.id.desc())
        .limit(limit)
    )
    if after:
        query = query.where(api_keys.c.id < after)
    if made_by is not None:
        query = query.where(api_keys.c.created_by == made_by)
    return [key_of_row(row, bucket_of(row, row.id)) for row in connection.execute(query)]


def find_key(connection: Connection, key_id: ApiKeyId, account_id: AccountId | None = None) -> ApiKey | None:
    query = _KEYS_WITH_SPENDS.where(api_keys.c.id == key_id)
    if account_id is not None:
        query = query.where(api_keys.c.account_id == account_id)
    row = connection.execute(query).first()
    return None if row is None else key_of_row(row, bucket_of(row, row.id))


def change_key(
    connection: Connection, key_id: ApiKeyId, change: Change, account_id: AccountId | None = None
) -> tuple[ApiKey, ApiKey] | None:
    """The key before and after; None if there is none. The keys that it made follow it."""
    key = find_key(connection, key_id, account_id)
    if key is None:
        return None
    parent = None if key.parent_id is None else find_key(connection, key.parent_id)
    changed = change(key, parent)
    if changed == key:
        return key, key
    children: list[ApiKey] = []
    if changed.bounds != key.bounds or changed.revoked_at != key.revoked_at:
        children = _valid_children(connection, key.id)
        check_limits(key, changed, children)
    _write(connection, changed)
    for child in children:
        followed = follow(child, changed)
        if followed != child:
            _write(connection, followed)
    return key, changed


def _valid_children(connection: Connection, key_id: ApiKeyId) -> list[ApiKey]:
    query = select(api_keys).where(api_keys.c.parent_id == key_id, api_keys.c.revoked_at.is_(None))
    return [key_of_row(row) for row in connection.execute(query)]


def _write(connection: Connection, key: ApiKey) -> None:
    connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(row_of_key(key)))
    announce(connection, ChangeKind.KEY, key.id)


class SqlKeyStore:
    """Implements `core.accounts.key_ports.KeyStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add_key(
        self,
        key: ApiKey,
        actor: str,
        *,
        keys_max: int | None = None,
        once: Once | None = None,
        caller: Caller | None = None,
    ) -> ApiKey:
        def work(connection: Connection) -> ApiKey:
            now = self._database.clock.now()
            check_caller(connection, caller, key.account_id, now)
            check_role(connection, caller, key.scopes)
            if once is not None and (made := _made_before(connection, once)) is not None:
                return made
            if keys_max is not None:
                _check_count(connection, key.account_id, keys_max, now)
            if key.parent_id is not None:
                parent = find_key(connection, key.parent_id, key.account_id)
                assert parent is not None, "a key is never deleted"
                check_parent(parent, now)
                refuse_excess(key.bounds, parent.bounds)
            insert_key(connection, key, once)
            tell_of_key(connection, NoticeKind.KEY_CREATED, key, now)
            cap = "" if key.spend is None else f" {cap_text(key.spend.cap)}"
            detail = f"account={key.account_id} scopes={_shown(key, 'scopes')}{cap}"
            record_audit(connection, now, actor, "key.create", key.id, detail)
            return key

        return await self._database.write(work)

    async def key_with_account(self, public_id: str) -> tuple[ApiKey, Account] | None:
        return await self._database.read(lambda connection: key_with_account(connection, public_id))

    async def find_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey | None:
        return await self._database.read(lambda connection: find_key(connection, key_id, account_id))

    async def list_keys(
        self, account_id: AccountId, after: str, limit: int, made_by: PersonId | None = None
    ) -> Sequence[ApiKey]:
        return await self._database.read(
            lambda connection: list_keys(connection, account_id, after, limit, made_by)
        )

    async def change_key(
        self,
        key_id: ApiKeyId,
        change: Change,
        actor: str,
        action: KeyAction,
        *,
        account_id: AccountId | None,
        caller: Caller | None = None,
    ) -> ApiKey | None:
        def work(connection: Connection) -> ApiKey | None:
            now = self._database.clock.now()
            if caller is not None:
                check_caller(connection, caller, caller.account_id, now)
            found = change_key(connection, key_id, change, account_id)
            if found is None:
                return None
            _check_role(connection, caller, found[1], action)
            record_change(connection, now, *found, actor, action)
            return found[1]

        return await self._database.write(work)

    async def change_keys(
        self,
        account_id: AccountId,
        change: Change,
        actor: str,
        action: KeyAction,
        *,
        caller: Caller | None = None,
    ) -> Sequence[ApiKey]:
        meant: set[ApiKeyId] = set()  # also those that go with their maker
        changed: set[ApiKeyId] = set()

        def look(connection: Connection) -> list[ApiKeyId]:
            now = self._database.clock.now()
            found = []
            for row in connection.execute(select(api_keys).where(*_valid(account_id, now))).all():
                key = key_of_row(row)
                parent = None if key.parent_id is None else find_key(connection, key.parent_id)
                _check_role(connection, caller, change(key, parent), action)
                found.append(key.id)
            return found

        def work(connection: Connection) -> list[ApiKeyId]:
            now = self._database.clock.now()
            if caller is not None:
                check_caller(connection, caller, account_id, now)
            valid = connection.scalars(select(api_keys.c.id).where(*_valid(account_id, now)).order_by("id"))
            left = (ApiKeyId(key_id) for key_id in valid.all() if key_id not in changed)
            batch = list(islice(left, BATCH))
            for key_id in batch:
                found = change_key(connection, key_id, change)
                assert found is not None, "a key is never deleted"
                _check_role(connection, caller, found[1], action)
                record_change(connection, now, *found, actor, action)
            return batch

        meant.update(await self._database.read(look))
        while batch := await self._database.write(work):
            changed.update(batch)
        of_these = _KEYS_WITH_SPENDS.where(api_keys.c.account_id == account_id).order_by(api_keys.c.id)
        return await self._database.read(
            lambda connection: [
                key_of_row(row, bucket_of(row, row.id))
                for row in connection.execute(of_these)
                if row.id in meant | changed
            ]
        )

    async def set_cap(
        self, key_id: ApiKeyId, cap: SpendCap | None, actor: str, *, account_id: AccountId | None = None
    ) -> ApiKey | None:
        def work(connection: Connection) -> ApiKey | None:
            if find_key(connection, key_id, account_id) is None:
                return None
            set_cap(connection, key_id, cap, self._database.clock.now())
            record_audit(connection, self._database.clock.now(), actor, "key.cap", key_id, cap_text(cap))
            return find_key(connection, key_id)

        return await self._database.write(work)

    async def note_uses(self, uses: Sequence[KeyUse]) -> None:
        def work(connection: Connection) -> None:
            for use in uses:
                before = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < use.day)
                connection.execute(
                    update(api_keys).where(api_keys.c.id == use.key_id, before).values(last_used_at=use.day)
                )
                if (newer := use.repeppered) is not None:
                    connection.execute(
                        update(api_keys)
                        .where(api_keys.c.id == use.key_id, api_keys.c.digest == newer.before)
                        .values(digest=newer.digest, pepper_version=newer.pepper_version)
                    )

        await self._database.write(work)


def _check_role(connection: Connection, caller: Caller | None, key: ApiKey, action: KeyAction) -> None:
    """Whoever is still a member may revoke what he was let in to revoke."""
    check_role(connection, caller, () if action is KeyAction.REVOKE else key.scopes, KEPT_SCOPES_OF)


def record_change(
    connection: Connection, now: Microseconds, before: ApiKey, after: ApiKey, actor: str, action: KeyAction
) -> None:
    """The audit row and the notice of a change, if it is one."""
    if before == after:
        return
    if action in _TOLD:
        tell_of_key(connection, _TOLD[action], after, now)
    changed = [
        f"{field.name}={_shown(after, field.name)}"
        for field in fields(after)
        if field.name not in _SECRETS and getattr(before, field.name) != getattr(after, field.name)
    ]
    record_audit(
        connection, now, actor, action, after.id, " ".join((f"account={after.account_id}", *changed))
    )


def _made_before(connection: Connection, once: Once) -> ApiKey | None:
    row = connection.execute(
        select(api_keys.c.id, api_keys.c.request_input).where(api_keys.c.request_digest == once.digest)
    ).first()
    if row is None:
        return None
    if row.request_input != once.input_digest:
        raise RequestReusedWithOtherInput("This request_id was used before for another key.")
    return find_key(connection, row.id)


def _valid(account_id: AccountId, now: Microseconds) -> tuple[Any, ...]:
    """As `ApiKey.is_valid`."""
    return (
        api_keys.c.account_id == account_id,
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
    )


def _check_count(connection: Connection, account_id: AccountId, keys_max: int, now: Microseconds) -> None:
    keys_max += extra_keys(connection, account_id)
    count = connection.scalar(select(func.count()).select_from(api_keys).where(*_valid(account_id, now)))
    if (count or 0) >= keys_max:
        raise KeyLimitReached(
            f"Your plan has {keys_max} API keys, and all of them are in use. Revoke one, or ask for more.",
            metadata={"keys_max": str(keys_max)},
        )


def _shown(key: ApiKey, name: str) -> str:
    """For the audit log."""
    value = getattr(key, name)
    if isinstance(value, (frozenset, tuple)):
        return ",".join(sorted(map(str, value)))
    return str(value)

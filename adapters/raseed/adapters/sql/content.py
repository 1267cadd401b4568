"""Content in SQL, encrypted before it gets here: the same tables and statements on SQLite and PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, delete, insert, select, tuple_, update

from raseed.adapters.content.vault import DataKey, Vault
from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.content_tables import content_accounts, content_items
from raseed.adapters.sql.ports import DatabaseUnavailable, SqlDatabase
from raseed.core.clock import SECOND
from raseed.core.content.ports import (
    ABSENT,
    ANY,
    NAME_CHARS_MAX,
    ContentKind,
    ContentLimits,
    ContentUnavailable,
    Item,
)
from raseed.core.errors import NotFound, RequestTooLarge, StorageQuotaExceeded
from raseed.core.ids import AccountId, new_id

T = TypeVar("T")
DEFAULT_LIMITS = ContentLimits()


class SqlContentStore:
    """Implements `core.content.ports.ContentStore`."""

    def __init__(self, database: SqlDatabase, vault: Vault, limits: ContentLimits = DEFAULT_LIMITS) -> None:
        self._database = database
        self._vault = vault
        self._limits = limits

    async def get(self, account_id: AccountId, kind: ContentKind, name: str) -> Item | None:
        now = self._database.clock.now()
        query = (
            select(content_items, content_accounts.c.wrapped_key)
            .join(
                content_accounts,
                and_(
                    content_accounts.c.account_id == content_items.c.account_id,
                    content_accounts.c.key_id == content_items.c.key_id,
                ),
            )
            .where(_is_at(account_id, kind, name), content_items.c.expires_at > now)
        )
        row = await _or_unavailable(self._database.read, lambda connection: connection.execute(query).first())
        if row is None:
            return None
        key = self._vault.unwrap(account_id, row.key_id, row.wrapped_key)
        data = self._vault.open(key, row.data, account_id, kind, name)
        return Item(data=data, version=row.version, expires_at=row.expires_at)

    async def put(
        self,
        account_id: AccountId,
        kind: ContentKind,
        name: str,
        data: bytes,
        *,
        ttl_s: int,
        if_match: str = ANY,
    ) -> str | None:
        if not 0 < len(name) <= NAME_CHARS_MAX or ttl_s <= 0:
            raise ValueError(f"a name of 1 to {NAME_CHARS_MAX} characters and a time to live are needed")
        if len(data) > self._limits.item_bytes_max:
            raise RequestTooLarge(f"At most {self._limits.item_bytes_max} bytes can be stored at once.")
        version = new_id("ver")
        now = self._database.clock.now()

        def work(connection: Connection) -> str | None:
            there = connection.execute(select(content_items).where(_is_at(account_id, kind, name))).first()
            key, stored_bytes = self._key(connection, account_id)
            is_alive = there is not None and there.expires_at > now and there.key_id == key.id
            found = there.version if there is not None and is_alive else ABSENT
            if if_match not in {ANY, found}:
                return None
            sealed = self._vault.seal(key, data, account_id, kind, name)
            freed = there.size_bytes if there is not None and there.key_id == key.id else 0
            stored_bytes += len(sealed) - freed
            room = self._limits.room_for(kind)
            if stored_bytes > room and len(sealed) > freed:
                raise StorageQuotaExceeded(
                    f"This account keeps the most it may: {room} bytes.", metadata={"limit_bytes": str(room)}
                )
            if there is not None:
                connection.execute(delete(content_items).where(_is_at(account_id, kind, name)))
            connection.execute(
                insert(content_items).values(
                    account_id=account_id,
                    kind=kind.value,
                    name=name,
                    version=version,
                    key_id=key.id,
                    size_bytes=len(sealed),
                    data=sealed,
                    created_at=now,
                    expires_at=now + ttl_s * SECOND,
                )
            )
            _set_stored_bytes(connection, account_id, stored_bytes)
            return version

        return await _or_unavailable(self._database.write, work)

    async def delete(self, account_id: AccountId, kind: ContentKind, name: str) -> bool:
        now = self._database.clock.now()

        def work(connection: Connection) -> bool:
            there = connection.execute(
                select(content_items.c.key_id, content_items.c.size_bytes, content_items.c.expires_at).where(
                    _is_at(account_id, kind, name)
                )
            ).first()
            if there is None:
                return False
            connection.execute(delete(content_items).where(_is_at(account_id, kind, name)))
            freed = _free(connection, account_id, [there])
            return freed > 0 and bool(there.expires_at > now)

        return await _or_unavailable(self._database.write, work)

    async def erase(self, account_id: AccountId) -> None:
        """The items themselves, which nobody can read any more, go when their time is over."""

        def work(connection: Connection) -> None:
            connection.execute(delete(content_accounts).where(content_accounts.c.account_id == account_id))

        await _or_unavailable(self._database.write, work)

    async def purge(self, limit: int) -> int:
        now = self._database.clock.now()
        columns = content_items.c
        over = (
            select(columns.account_id, columns.kind, columns.name, columns.key_id, columns.size_bytes)
            .where(columns.expires_at <= now)
            .order_by(columns.expires_at)
            .limit(limit)
        )

        def work(connection: Connection) -> int:
            rows = connection.execute(over).all()
            if not rows:
                return 0
            address = tuple_(columns.account_id, columns.kind, columns.name)
            connection.execute(
                delete(content_items).where(
                    address.in_([(row.account_id, row.kind, row.name) for row in rows])
                )
            )
            of_account: defaultdict[AccountId, list[Any]] = defaultdict(list)
            for row in rows:
                of_account[AccountId(row.account_id)].append(row)
            for account_id, items in sorted(of_account.items()):
                _free(connection, account_id, items)
            return len(rows)

        return await _or_unavailable(self._database.write, work)

    def _key(self, connection: Connection, account_id: AccountId) -> tuple[DataKey, int]:
        """The account's data key, made with its first item, and how much the account keeps. Raises NotFound."""
        row = connection.execute(
            select(content_accounts).where(content_accounts.c.account_id == account_id)
        ).first()
        if row is not None:
            return self._vault.unwrap(account_id, row.key_id, row.wrapped_key), row.stored_bytes
        if connection.execute(select(accounts.c.id).where(accounts.c.id == account_id)).first() is None:
            raise NotFound("There is no such account.")
        key = DataKey(new_id("dk"), self._vault.new_secret())
        connection.execute(
            insert(content_accounts).values(
                account_id=account_id,
                key_id=key.id,
                wrapped_key=self._vault.wrap(account_id, key),
                stored_bytes=0,
            )
        )
        return key, 0


def _is_at(account_id: AccountId, kind: ContentKind, name: str) -> Any:
    columns = content_items.c
    return and_(columns.account_id == account_id, columns.kind == kind.value, columns.name == name)


def _free(connection: Connection, account_id: AccountId, items: Sequence[Any]) -> int:
    """How many of them count: those under a key that was destroyed are in no sum."""
    row = connection.execute(
        select(content_accounts.c.key_id, content_accounts.c.stored_bytes).where(
            content_accounts.c.account_id == account_id
        )
    ).first()
    if row is None:
        return 0
    counted = [item.size_bytes for item in items if item.key_id == row.key_id]
    _set_stored_bytes(connection, account_id, row.stored_bytes - sum(counted))
    return len(counted)


def _set_stored_bytes(connection: Connection, account_id: AccountId, stored_bytes: int) -> None:
    connection.execute(
        update(content_accounts)
        .where(content_accounts.c.account_id == account_id)
        .values(stored_bytes=stored_bytes)
    )


async def _or_unavailable(
    run: Callable[[Callable[[Connection], T]], Awaitable[T]], work: Callable[[Connection], T]
) -> T:
    try:
        return await run(work)
    except DatabaseUnavailable as error:
        raise ContentUnavailable(str(error)) from error

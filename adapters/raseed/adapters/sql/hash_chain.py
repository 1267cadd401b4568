"""Hash chains in SQL: `chain_seq`, `prev_hash` and `hash` of a row, set once, together, after its commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.chain import NO_LINKS, ChainHead

PAGE = 2_000
"""Rows that are read at once when a chain is checked."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained(Generic[Content]):
    """A table whose rows are sealed, and what its links commit to."""

    table: Table
    """Has `chain_seq`, `prev_hash` and `hash`, and one column as its primary key."""
    lock: int
    """Key of PostgreSQL's advisory lock that one sealer at a time has, until its transaction ends."""
    contents: Callable[[Connection, Sequence[Row[Any]], Select[Any]], list[Content]]
    """What is sealed of these rows, in their order. The query selects their keys, for what lies in other tables."""
    link: Callable[[bytes, int, Content], bytes]
    """The hash of a row as a link, behind the hash of the one before, under its number."""

    @property
    def key(self) -> Any:
        return next(iter(self.table.primary_key))


class SqlChain(Generic[Content]):
    """Implements `core.chain.Chain` for one table."""

    def __init__(self, database: SqlDatabase, chained: Chained[Content]) -> None:
        self._database = database
        self._chained = chained
        table = chained.table
        self._seal = (
            update(table)
            .where(chained.key == bindparam("the_key"))
            .values(
                chain_seq=bindparam("the_seq"),
                prev_hash=bindparam("the_previous"),
                hash=bindparam("the_hash"),
            )
        )

    async def extend(self, limit: int) -> int:
        """Hashed on a reading connection, so the writer does no more than write.

        What is read is committed and unsealed, whatever its key, so a row that commits later than others with higher
        keys is not passed over. What is written is right only behind the head that was read: if the head has moved,
        another sealer was faster, and nothing is written. Raises DatabaseUnavailable.
        """
        chained = self._chained
        head, links = await self._database.read(lambda connection: next_links(connection, chained, limit))
        if not links:
            return 0

        def write(connection: Connection) -> int:
            if not _is_only_sealer(connection, chained.lock) or chain_head(connection, chained.table) != head:
                return 0
            connection.execute(self._seal, links)
            return len(links)

        try:
            return await self._database.write(write)
        except IntegrityError:
            # On PostgreSQL a snapshot can be older than the lock that was got on it; the tables then refuse the number.
            if await self._database.read(lambda connection: chain_head(connection, chained.table)) == head:
                raise
            return 0


def chain_head(connection: Connection, table: Table) -> ChainHead:
    last = connection.execute(
        select(table.c.chain_seq, table.c.hash)
        .where(table.c.chain_seq.is_not(None))
        .order_by(table.c.chain_seq.desc())
        .limit(1)
    ).first()
    return NO_LINKS if last is None else ChainHead(last[0], bytes(last[1] or b""))


def next_links(
    connection: Connection, chained: Chained[Content], limit: int
) -> tuple[ChainHead, list[dict[str, Any]]]:
    """The head, and the links behind it: what is to be written."""
    head, found = unsealed(connection, chained, limit)
    links: list[dict[str, Any]] = []
    previous = head.hash
    for seq, (key, content) in enumerate(found, head.seq + 1):
        sealed = chained.link(previous, seq, content)
        links.append({"the_key": key, "the_seq": seq, "the_previous": previous, "the_hash": sealed})
        previous = sealed
    return head, links


def unsealed(
    connection: Connection, chained: Chained[Content], limit: int
) -> tuple[ChainHead, list[tuple[Any, Content]]]:
    """The head, and the next rows to be sealed behind it: their keys and contents."""
    table, key = chained.table, chained.key
    query = select(table).where(table.c.chain_seq.is_(None)).order_by(key).limit(limit)
    rows = connection.execute(query).all()
    contents = chained.contents(connection, rows, query.with_only_columns(key))
    keys = [getattr(row, key.name) for row in rows]
    return chain_head(connection, table), list(zip(keys, contents, strict=True))


def broken_links(
    connection: Connection, chained: Chained[Content], since: ChainHead = NO_LINKS
) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of every row behind `since` that is not as it was sealed, and of every gap."""
    table, key = chained.table, chained.key
    half = select(key).where(table.c.chain_seq.is_(None), table.c.hash.is_not(None))
    for (found,) in connection.execute(half):
        yield str(found), "has a hash but no place in the chain"
    sealed = table.c.chain_seq.is_not(None)
    seq, previous = since.seq, since.hash
    while True:
        page = connection.execute(
            select(table).where(sealed, table.c.chain_seq > seq).order_by(table.c.chain_seq).limit(PAGE)
        ).all()
        if not page:
            return
        keys = select(key).where(sealed, table.c.chain_seq.between(page[0].chain_seq, page[-1].chain_seq))
        for row, content in zip(page, chained.contents(connection, page, keys), strict=True):
            name = str(getattr(row, key.name))
            if row.chain_seq != seq + 1:
                yield name, f"link {seq + 1} is missing before it"
            elif row.prev_hash != previous:
                yield name, f"link {row.chain_seq} does not name the one before it"
            if row.hash != chained.link(row.prev_hash or b"", row.chain_seq, content):
                yield name, f"link {row.chain_seq} is not what was sealed"
            seq, previous = row.chain_seq, row.hash


def _is_only_sealer(connection: Connection, lock: int) -> bool:
    """SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(literal_column(str(lock))))))

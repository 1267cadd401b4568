"""The hash chain in SQL: `chain_seq`, `prev_hash` and `hash` of a transaction, set once, together, after its commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import ledger_entries, ledger_tx
from raseed.core.billing.chain import GENESIS, link
from raseed.core.billing.ledger_state import Entry, LedgerTransaction

SEALER_LOCK = 0x7261_7365_0002
"""Key of PostgreSQL's advisory lock that one sealer at a time has, until its transaction ends."""
PAGE = 2_000
"""Transactions that are read at once when the chain is checked."""

_SEAL = (
    update(ledger_tx)
    .where(ledger_tx.c.id == bindparam("the_id"))
    .values(chain_seq=bindparam("the_seq"), prev_hash=bindparam("the_previous"), hash=bindparam("the_hash"))
)
_UNSEALED = select(ledger_tx).where(ledger_tx.c.chain_seq.is_(None))
_SEALED = ledger_tx.c.chain_seq.is_not(None)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last link. Written down elsewhere, it shows later whether links were taken off the end."""

    seq: int
    hash: bytes


class SqlChain:
    """Implements `core.billing.chain.Chain`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def extend(self, limit: int) -> int:
        """Hashed on a reading connection, so the writer does no more than write.

        What is read is committed and unsealed, whatever its id, so a transaction that commits later than others with
        higher ids is not passed over. What is written is right only behind the head that was read: if the head has
        moved, another sealer was faster, and nothing is written. Raises DatabaseUnavailable.
        """
        head, found = await self._database.read(lambda connection: _next(connection, limit))
        if not found:
            return 0
        links: list[dict[str, Any]] = []
        previous = head.hash
        for seq, transaction in enumerate(found, head.seq + 1):
            sealed = link(previous, seq, transaction)
            links.append(
                {"the_id": transaction.id, "the_seq": seq, "the_previous": previous, "the_hash": sealed}
            )
            previous = sealed

        def write(connection: Connection) -> int:
            if not _is_only_sealer(connection) or chain_head(connection) != head:
                return 0
            connection.execute(_SEAL, links)
            return len(links)

        try:
            return await self._database.write(write)
        except IntegrityError:
            # On PostgreSQL a snapshot can be older than the lock that was got on it; the tables then refuse the number.
            if await self._database.read(chain_head) == head:
                raise
            return 0


def chain_head(connection: Connection) -> ChainHead:
    last = connection.execute(
        select(ledger_tx.c.chain_seq, ledger_tx.c.hash)
        .where(_SEALED)
        .order_by(ledger_tx.c.chain_seq.desc())
        .limit(1)
    ).first()
    return ChainHead(0, GENESIS) if last is None else ChainHead(last[0], bytes(last[1] or b""))


def broken_links(connection: Connection) -> Iterator[tuple[str, str]]:
    """(id, what is wrong) of every sealed transaction that is not as it was sealed, and of every gap."""
    half = select(ledger_tx.c.id).where(ledger_tx.c.chain_seq.is_(None), ledger_tx.c.hash.is_not(None))
    for (id_,) in connection.execute(half):
        yield id_, "has a hash but no place in the chain"
    seq, previous = 0, GENESIS
    while True:
        page = connection.execute(
            select(ledger_tx)
            .where(_SEALED, ledger_tx.c.chain_seq > seq)
            .order_by(ledger_tx.c.chain_seq)
            .limit(PAGE)
        ).all()
        if not page:
            return
        sealed = select(ledger_tx.c.id).where(
            _SEALED, ledger_tx.c.chain_seq.between(page[0].chain_seq, page[-1].chain_seq)
        )
        entries = _entries(connection, sealed)
        for row in page:
            if row.chain_seq != seq + 1:
                yield row.id, f"link {seq + 1} is missing before it"
            elif row.prev_hash != previous:
                yield row.id, f"link {row.chain_seq} does not name the one before it"
            if row.hash != link(row.prev_hash or b"", row.chain_seq, _transaction(row, entries)):
                yield row.id, f"link {row.chain_seq} is not what was sealed"
            seq, previous = row.chain_seq, row.hash


def _next(connection: Connection, limit: int) -> tuple[ChainHead, list[LedgerTransaction]]:
    rows = connection.execute(_UNSEALED.order_by(ledger_tx.c.id).limit(limit)).all()
    entries = _entries(
        connection, _UNSEALED.with_only_columns(ledger_tx.c.id).order_by(ledger_tx.c.id).limit(limit)
    )
    return chain_head(connection), [_transaction(row, entries) for row in rows]


def _entries(connection: Connection, ids: Select[Any]) -> dict[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    # Not joined: SQLite would read every entry that there is, and look it up among the ids.
    for row in connection.execute(
        select(ledger_entries)
        .where(ledger_entries.c.tx_id.in_(ids))
        .order_by(ledger_entries.c.tx_id, ledger_entries.c.seq)
    ):
        found[row.tx_id].append(Entry(row.ledger_account, row.amount_microcredits, row.grant_id))
    return found


def _transaction(row: Any, entries: dict[str, list[Entry]]) -> LedgerTransaction:
    return LedgerTransaction(
        id=row.id,
        kind=row.kind,
        idem_key=row.idem_key,
        account_id=row.account_id,
        ref=row.ref,
        actor=row.actor,
        at=row.at,
        entries=tuple(entries.get(row.id, ())),
    )


def _is_only_sealer(connection: Connection) -> bool:
    """SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(literal_column(str(SEALER_LOCK))))))

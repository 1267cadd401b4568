"""The ledger's hash chain: its links are transactions with their entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from raseed.adapters.sql.hash_chain import Chained
from raseed.adapters.sql.ledger.tables import ledger_entries, ledger_tx
from raseed.core.billing.chain import link
from raseed.core.billing.ledger_state import Entry, LedgerTransaction


def _transactions(
    connection: Connection, rows: Sequence[Row[Any]], ids: Select[Any]
) -> list[LedgerTransaction]:
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    # Not joined: SQLite would read every entry that there is, and look it up among the ids.
    for row in connection.execute(
        select(ledger_entries)
        .where(ledger_entries.c.tx_id.in_(ids))
        .order_by(ledger_entries.c.tx_id, ledger_entries.c.seq)
    ):
        entries[row.tx_id].append(Entry(row.ledger_account, row.amount_microcredits, row.grant_id))
    return [
        LedgerTransaction(
            id=row.id,
            kind=row.kind,
            idem_key=row.idem_key,
            account_id=row.account_id,
            ref=row.ref,
            actor=row.actor,
            at=row.at,
            entries=tuple(entries.get(row.id, ())),
        )
        for row in rows
    ]


LEDGER_CHAIN = Chained(table=ledger_tx, lock=0x7261_7365_0002, contents=_transactions, link=link)

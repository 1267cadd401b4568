"""What a link of the ledger's hash chain commits to: all that was booked with a transaction."""

from __future__ import annotations

import hashlib
import json

from raseed.core.billing.ledger_state import LedgerTransaction

_compact = json.JSONEncoder(separators=(",", ":")).encode


def link(previous: bytes, seq: int, transaction: LedgerTransaction) -> bytes:
    """The hash of a transaction as link number `seq` behind `previous`. 32 bytes; must never change its meaning.

    >>> from raseed.core.billing.ledger_state import Entry
    >>> from raseed.core.chain import GENESIS
    >>> books = dict(id="ltx_1", kind="grant", idem_key="k", account_id="a", ref="g", actor="system", at=0)
    >>> link(GENESIS, 1, LedgerTransaction(**books, entries=(Entry("sys:a", 5),))).hex()[:16]
    '28d70b8aacd463a8'
    """
    content = _compact(
        [
            "raseed ledger 1",
            previous.hex(),
            seq,
            transaction.id,
            transaction.kind,
            transaction.idem_key,
            transaction.account_id,
            transaction.ref,
            transaction.actor,
            transaction.at,
            [[e.ledger_account, e.grant_id, e.amount_microcredits] for e in transaction.entries],
        ]
    )
    return hashlib.sha256(content.encode()).digest()

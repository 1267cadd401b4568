"""The hash chain over booked transactions: each link names the one before, so none can be changed without a trace.

Links are made after the commit, by a job, in the order in which the job finds transactions: nobody waits for it, and
nothing is a bottleneck. That order is the chain's own (`seq`), not that of ids: with several workers a transaction may
become visible after others with higher ids, and is then sealed after them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Protocol

from raseed.core.billing.ledger_state import LedgerTransaction
from raseed.core.jobs import Job

GENESIS = bytes(32)
"""What the first link names as the one before."""
SEAL_INTERVAL_S = 1.0
"""How long a transaction lies unsealed, at least while the sealer keeps up."""
SEAL_TRANSACTIONS_MAX = 128
"""Of one batch: about two milliseconds of SQLite's writer. With the pause between batches some 4,000 a second, more
than SQLite books; PostgreSQL's are caught up with when it is less busy."""
SEAL_ROUND_S = 30.0


class Chain(Protocol):
    async def extend(self, limit: int) -> int:
        """Seal the next transactions, at most so many; how many it were. None if another sealer was faster.

        Safe to repeat, to cancel, and to run in several places at once.
        """
        ...


def sealer_job(chain: Chain, transactions_max: int = SEAL_TRANSACTIONS_MAX) -> Job:
    async def batch() -> bool:
        return await chain.extend(transactions_max) == transactions_max

    return Job(name="seal ledger", batch=batch, interval_s=SEAL_INTERVAL_S, round_s=SEAL_ROUND_S)


def link(previous: bytes, seq: int, transaction: LedgerTransaction) -> bytes:
    """The hash of a transaction as link number `seq` behind `previous`. 32 bytes; must never change its meaning.

    >>> from raseed.core.billing.ledger_state import Entry
    >>> books = dict(id="ltx_1", kind="grant", idem_key="k", account_id="a", ref="g", actor="system", at=0)
    >>> link(GENESIS, 1, LedgerTransaction(**books, entries=(Entry("sys:a", 5),))).hex()[:16]
    '28d70b8aacd463a8'
    """
    content = json.dumps(
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
        ],
        separators=(",", ":"),
    )
    return hashlib.sha256(content.encode()).digest()

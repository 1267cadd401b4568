"""What was acknowledged to clients, kept outside the product, and its comparison with the ledger's own file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MICRO = 1_000_000


@dataclass(slots=True)
class Journal:
    charges: dict[str, int] = field(default_factory=dict)
    """Credits of each answer that a client has whole, by its id."""
    grants: dict[str, int] = field(default_factory=dict)
    """Credits of each grant that was acknowledged, by the operator's id of it."""
    keys: dict[str, str] = field(default_factory=dict)
    """The API keys that were shown, by their ids."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """What became of every request, acknowledged or not."""
    _unchecked: set[str] = field(default_factory=set)

    def charged(self, completion_id: str, total_tokens: int) -> None:
        assert completion_id not in self.charges, "one id was answered twice"
        assert total_tokens > 0
        self.charges[completion_id] = total_tokens
        self._unchecked.add(completion_id)

    def granted(self, request_id: str, credits: int) -> None:
        self.grants[request_id] = credits
        self._unchecked.add(request_id)

    def shown(self, key_id: str, key: str) -> None:
        self.keys[key_id] = key
        self._unchecked.add(key_id)

    def missing_from(self, database: Path, *, again: bool = False) -> list[str]:
        """What was acknowledged and is not in the ledger exactly once and with the same amount.

        Looks at what is new since the last time, or at everything `again`.
        """
        wanted = [*self.charges, *self.grants, *self.keys] if again else list(self._unchecked)
        with reading(database) as rows:
            wrong = [text for id_ in wanted if (text := self._wrong(rows, id_))]
        self._unchecked.clear()
        return wrong

    def _wrong(self, rows: sqlite3.Connection, id_: str) -> str:
        if id_ in self.charges:
            expected, query = self.charges[id_], _CHARGE
            named = id_.replace("chatcmpl-", "run_")
        elif id_ in self.grants:
            expected, query, named = self.grants[id_], _GRANT, f"admin:{id_}"
        else:
            expected, query, named = 0, _KEY, id_
        found = [amount for (amount,) in rows.execute(query, (named,))]
        return (
            "" if found == [expected * MICRO] else f"{id_}: {expected} acknowledged, the ledger has {found}"
        )


_CHARGE = "SELECT cost_microcredits FROM usage_events WHERE request_id = ?"
_GRANT = "SELECT amount_microcredits FROM grants WHERE grant_key = ?"
_KEY = "SELECT 0 FROM api_keys WHERE id = ?"
_NEGATIVE = """
SELECT account_id FROM balances WHERE min(available_microcredits, held_microcredits, debt_microcredits) < 0
UNION ALL
SELECT id FROM grants WHERE min(remaining_microcredits, held_microcredits) < 0
"""
_OF_THE_DEAD = """
SELECT holds.id FROM holds JOIN instances ON instances.id = holds.owner_instance
WHERE holds.state = 'open' AND holds.owner_epoch < instances.epoch
"""


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """The database of a stack, also of one that runs. It cannot be written through this."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def faults_in(database: Path) -> list[str]:
    """Balances below zero, and holds of a dead worker that the living one has not swept."""
    with reading(database) as rows:
        return [f"below zero: {id_}" for (id_,) in rows.execute(_NEGATIVE)] + [
            f"held by the dead: {id_}" for (id_,) in rows.execute(_OF_THE_DEAD)
        ]


def ends_in(database: Path) -> dict[str, int]:
    """How many requests ended how, by the ledger."""
    with reading(database) as rows:
        return dict(
            rows.execute("SELECT outcome, count(*) FROM usage_events GROUP BY outcome ORDER BY outcome")
        )


def open_holds(database: Path) -> int:
    with reading(database) as rows:
        return int(rows.execute("SELECT count(*) FROM holds WHERE state = 'open'").fetchone()[0])


def has_open_hold(database: Path, account_id: str) -> bool:
    with reading(database) as rows:
        query = "SELECT 1 FROM holds WHERE state = 'open' AND account_id = ?"
        return rows.execute(query, (account_id,)).fetchone() is not None

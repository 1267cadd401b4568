"""What was acknowledged to clients, kept outside the product, and its comparison with the ledger."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

MICRO = 1_000_000


@dataclass(slots=True)
class Journal:
    charges: dict[str, int] = field(default_factory=dict)
    """Credits of each answer that a client has whole, by its id."""
    grants: dict[str, int] = field(default_factory=dict)
    """Credits of each grant that was acknowledged, by its id."""
    keys: list[str] = field(default_factory=list)
    """Ids of the API keys that were shown."""
    failures: int = 0
    """Requests that ended in an error or a broken connection: nothing was acknowledged."""

    def charged(self, completion_id: str, total_tokens: int) -> None:
        assert completion_id not in self.charges, "one id was answered twice"
        self.charges[completion_id] = total_tokens

    def missing_from(self, database: Path) -> list[str]:
        """What was acknowledged and is not in the ledger exactly once and with the same amount."""
        uri = f"file:{database}?mode=ro"
        with sqlite3.connect(uri, uri=True) as connection:
            costs = connection.execute("SELECT request_id, cost_microcredits FROM usage_events").fetchall()
            grants = dict(connection.execute("SELECT id, amount_microcredits FROM grants").fetchall())
            keys = {row[0] for row in connection.execute("SELECT id FROM api_keys").fetchall()}
        connection.close()
        charged: dict[str, list[int]] = {}
        for request_id, cost in costs:
            charged.setdefault(request_id.replace("run_", "chatcmpl-"), []).append(cost)
        wrong = [
            f"{id_}: {tokens} credits acknowledged, ledger has {charged.get(id_)}"
            for id_, tokens in self.charges.items()
            if charged.get(id_) != [tokens * MICRO]
        ]
        wrong += [
            f"{id_}: grant of {credits} acknowledged, ledger has {grants.get(id_)}"
            for id_, credits in self.grants.items()
            if grants.get(id_) != credits * MICRO
        ]
        wrong += [f"{id_}: the key was shown and is not stored" for id_ in self.keys if id_ not in keys]
        return wrong

"""What was acknowledged to clients, kept outside the product, and its comparison with the ledger's own rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.campaigns.books import Books, rows_of

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

    def missing_from(self, books: Books, *, again: bool = False) -> list[str]:
        """What was acknowledged and is not in the ledger exactly once and with the same amount.

        Looks at what is new since the last time, or at everything `again`.
        """
        wanted = {*self.charges, *self.grants, *self.keys} if again else self._unchecked.copy()
        self._unchecked -= wanted
        # Copies: the load goes on in the event loop while this thread reads.
        charges = {
            id_.replace("chatcmpl-", "run_"): credits
            for id_, credits in self.charges.copy().items()
            if id_ in wanted
        }
        grants = {f"admin:{id_}": credits for id_, credits in self.grants.copy().items() if id_ in wanted}
        keys = dict.fromkeys((id_ for id_ in self.keys.copy() if id_ in wanted), 0)
        return [
            *_missing(books, _CHARGES, charges),
            *_missing(books, _GRANTS, grants),
            *_missing(books, _KEYS, keys),
        ]


def _missing(books: Books, query: str, acknowledged: Mapping[str, int]) -> list[str]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for id_, amount in rows_of(books, query, acknowledged):
        found[id_].append(amount)
    return [
        f"{id_}: {credits} acknowledged, the ledger has {found[id_]}"
        for id_, credits in acknowledged.items()
        if found[id_] != [credits * MICRO]
    ]


_CHARGES = "SELECT request_id, cost_microcredits FROM usage_events WHERE request_id IN {ids}"
_GRANTS = "SELECT grant_key, amount_microcredits FROM grants WHERE grant_key IN {ids}"
_KEYS = "SELECT id, 0 FROM api_keys WHERE id IN {ids}"

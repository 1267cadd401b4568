"""Remembers on which day each API key was used last, without a request waiting for it."""

from __future__ import annotations

from raseed.core.accounts.key_ports import KeyStore, KeyUse
from raseed.core.jobs import Job

WAITING_MAX = 10_000
"""Keys whose first use on a day is not written yet. More are left out: their next look-up says it again."""
BATCH = 500
INTERVAL_S = 60.0
"""People look at it to find keys that nobody uses: a minute is soon enough."""
ROUND_S = 30.0


class KeyUses:
    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._waiting: dict[str, KeyUse] = {}

    def note(self, use: KeyUse) -> None:
        """At once, and never fails."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting[use.key_id] = use

    async def flush(self) -> bool:
        """Write a batch. True: there is more. What cannot be written is noted again when the key is looked up again."""
        uses = list(self._waiting.values())[:BATCH]
        for use in uses:
            del self._waiting[use.key_id]
        if uses:
            await self._store.note_uses(uses)
        return bool(self._waiting)

    def job(self) -> Job:
        return Job(name="last use of keys", batch=self.flush, interval_s=INTERVAL_S, round_s=ROUND_S)

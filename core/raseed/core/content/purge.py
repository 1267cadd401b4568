"""The background job that removes content whose time is over."""

from __future__ import annotations

from raseed.core.content.ports import ContentStore
from raseed.core.jobs import Job

PURGE_INTERVAL_S = 60.0
"""Pause between two rounds. Reads never see what is over, so nothing depends on it but space."""
PURGE_ITEMS_MAX = 100
"""Items of one transaction: it keeps the ledger's writer busy for about a millisecond."""
PURGE_ROUND_S = 10.0
"""Longest round; what is left then is for the next one."""


def purge_job(store: ContentStore) -> Job:
    """Two of them at once find the same items; one removes them, the other has removed nothing."""

    async def batch() -> bool:
        return await store.purge(PURGE_ITEMS_MAX) == PURGE_ITEMS_MAX

    return Job(name="purge content", batch=batch, interval_s=PURGE_INTERVAL_S, round_s=PURGE_ROUND_S)

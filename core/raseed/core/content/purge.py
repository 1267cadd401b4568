"""The background job that removes content whose time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from raseed.core.content.ports import ContentStore, ContentUnavailable

INTERVAL_S = 60.0
"""Pause between two rounds. Reads never see what is over, so nothing depends on it but space."""
BATCH = 100
"""Items of one transaction: it keeps the ledger's writer busy for about a millisecond."""
ROUND_S = 10.0
"""Longest round; what is left then is for the next one."""
PAUSE_S = 0.05
"""Between two batches, for the requests that wait for the same writer."""


async def purge_content(store: ContentStore, report: Callable[[str, BaseException], None]) -> None:
    """Runs for ever; owned by the first worker."""
    while True:
        await asyncio.sleep(INTERVAL_S)
        try:
            async with asyncio.timeout(ROUND_S):
                await purge_once(store)
        except TimeoutError:
            continue
        except ContentUnavailable as error:
            report("purge content", error)


async def purge_once(store: ContentStore) -> int:
    """Everything that is over now, batch by batch; how many items it were."""
    removed = 0
    while True:
        batch = await store.purge(BATCH)
        removed += batch
        if batch < BATCH:
            return removed
        await asyncio.sleep(PAUSE_S)

"""Hash chains over rows that were committed: each link names the one before, so none can be changed without a trace.

Links are made after the commit, by a job, in the order in which the job finds rows: nobody waits for it, and nothing is
a bottleneck. That order is the chain's own (`seq`), not that of ids: with several workers a row may become visible after
others with higher ids, and is then sealed after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raseed.core.jobs import Job

GENESIS = bytes(32)
"""What the first link names as the one before."""
SEAL_INTERVAL_S = 1.0
"""How long a row lies unsealed, at least while the sealer keeps up."""
SEAL_ROWS_MAX = 128
"""Of one batch: about two milliseconds of SQLite's writer. With the pause between batches some 4,000 a second, more
than SQLite books; PostgreSQL's are caught up with when it is less busy."""
SEAL_ROUND_S = 30.0


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last link. Written down elsewhere, it shows later whether links were taken off the end."""

    seq: int
    hash: bytes


NO_LINKS = ChainHead(0, GENESIS)


class Chain(Protocol):
    async def extend(self, limit: int) -> int:
        """Seal the next rows, at most so many; how many it were. None if another sealer was faster.

        Safe to repeat, to cancel, and to run in several places at once.
        """
        ...


def sealer_job(name: str, chain: Chain, rows_max: int = SEAL_ROWS_MAX) -> Job:
    async def batch() -> bool:
        return await chain.extend(rows_max) == rows_max

    return Job(name=name, batch=batch, interval_s=SEAL_INTERVAL_S, round_s=SEAL_ROUND_S)

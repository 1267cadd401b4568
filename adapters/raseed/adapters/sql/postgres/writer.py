"""The writing side of PostgreSQL: commands go to lanes by their account, so one account's commands stay in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from zlib import crc32

from raseed.adapters.sql.postgres.batch import PostgresBatch
from raseed.adapters.sql.postgres.lane import Connect, PostgresLane
from raseed.core.billing.commands import Command, Result
from raseed.core.ids import AccountId

LANES = 2
"""Batches that a worker has under way at a time, each on its own connection (docs/adr/0006). Every worker must divide
the accounts in the same way: then a lane waits only for its counterparts, and a busy account holds up its lane alone."""


class PostgresWriter:
    """Used on one event loop."""

    def __init__(self, connect: Connect, batch: PostgresBatch, patience_s: float) -> None:
        self._lanes = [
            PostgresLane(connect, batch, patience_s, f"ledger-lane-{number}") for number in range(LANES)
        ]

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Results in the order of the commands. Commands of different accounts may be committed apart.

        Raises DatabaseUnavailable; then some of them may have been committed all the same.
        """
        if len(commands) == 1:
            return await self._lanes[lane_of(commands[0].account_id)].submit(commands)
        shares: defaultdict[int, list[int]] = defaultdict(list)
        for position, command in enumerate(commands):
            shares[lane_of(command.account_id)].append(position)
        answers = await asyncio.gather(
            *(self._lanes[lane].submit([commands[each] for each in share]) for lane, share in shares.items())
        )
        results: dict[int, Result] = {}
        for share, answer in zip(shares.values(), answers, strict=True):
            results.update(zip(share, answer, strict=True))
        return [results[position] for position in range(len(commands))]

    async def close(self) -> None:
        """Write what is queued."""
        await asyncio.gather(*(lane.close() for lane in self._lanes))


def lane_of(account_id: AccountId) -> int:
    return crc32(account_id.encode("utf-8", "surrogatepass")) % LANES

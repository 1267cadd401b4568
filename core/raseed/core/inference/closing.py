"""How the hold of a run ends: settled, released or undone, and told to the reader when that takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from raseed.core.billing.commands import Settled
from raseed.core.billing.model import Measured, RunRecord
from raseed.core.billing.service import HoldService, Payer
from raseed.core.ids import HoldId
from raseed.core.inference.model import FinishReason, UsageSource

SETTLE_WAIT_S = 5.0
"""Longest a reader waits for its charge to be durable. The settle itself goes on until it is."""


class Closing:
    """Exactly one of `settle`, `release` and `undo` is called, once. Made when the run begins: it measures its time."""

    def __init__(
        self, holds: HoldService, payer: Payer, hold_id: HoldId, backend: str, on_delay: Callable[[], None]
    ) -> None:
        """`on_delay` is called if the charge is not durable within `SETTLE_WAIT_S`."""
        self._holds = holds
        self._payer = payer
        self._hold_id = hold_id
        self.backend = backend
        """What generated it, as far as is known."""
        self._on_delay = on_delay
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._first_token_at: float | None = None

    def elapsed_s(self) -> float:
        return self._loop.time() - self._began_at

    def token_came(self) -> None:
        if self._first_token_at is None:
            self._first_token_at = self._loop.time()

    async def settle(
        self, measured: Measured, outcome: str, reason: FinishReason | None, source: UsageSource
    ) -> Settled:
        """Charge what was used. Returns when that is durable, however long it takes."""
        record = self._record(outcome, reason, source)
        return await self._durable(self._holds.settle(self._payer, self._hold_id, measured, record))

    async def release(self, outcome: str) -> Settled:
        """Charge nothing. Returns when that is durable, however long it takes."""
        record = self._record(outcome, None, UsageSource.COUNTED)
        return await self._durable(self._holds.release(self._payer, self._hold_id, record))

    async def undo(self) -> None:
        """Charge nothing, if anything is held at all. Returns when that is certain."""
        record = self._record("failed", None, UsageSource.COUNTED)
        await self._holds.undo(self._payer, self._hold_id, record)

    async def _durable(self, resolving: Coroutine[None, None, Settled]) -> Settled:
        delayed = self._loop.call_later(SETTLE_WAIT_S, self._on_delay)
        try:
            return await resolving
        finally:
            delayed.cancel()

    def _record(self, outcome: str, reason: FinishReason | None, source: UsageSource) -> RunRecord:
        first = self._first_token_at
        return RunRecord(
            outcome=outcome,
            finish_reason=reason,
            usage_source=source,
            latency_ms=int(self.elapsed_s() * 1000),
            first_token_ms=None if first is None else int((first - self._began_at) * 1000),
            backend=self.backend,
        )

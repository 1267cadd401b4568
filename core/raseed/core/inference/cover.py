"""Credit ahead of generation: the hold of a run grows before its model needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from raseed.core.billing.holds import Coverage
from raseed.core.billing.model import Measured
from raseed.core.billing.service import HoldService, Payer
from raseed.core.ids import HoldId

REFUSED_PAUSE_S = 0.25
"""After a refusal, how long nothing more is asked for while what is held still lasts: somebody may buy credit, but an
account that is short must not ask the ledger at every token."""


class Cover:
    """Keeps one run's hold ahead of what it has generated. Used by the run's own task."""

    def __init__(
        self,
        holds: HoldService,
        payer: Payer,
        hold_id: HoldId,
        coverage: Coverage,
        measured: Callable[[], Measured],
    ) -> None:
        """`measured` is what was generated until now: the checkpoint that an extension takes along."""
        self.coverage = coverage
        self.checkpointed_at = 0.0
        """The loop's time of the last checkpoint that an extension took along."""
        self._asked_at = 0.0
        self._holds = holds
        self._payer = payer
        self._hold_id = hold_id
        self._measured = measured
        self._loop = asyncio.get_running_loop()
        self._extension: asyncio.Task[bool] | None = None
        self._silent_until = 0.0

    async def reaches(self, tokens: int) -> bool:
        """Whether the hold pays for so many tokens. Asks for more ahead of need, and waits only when it must."""
        if self._extension is not None and self._extension.done():
            self._take_outcome(self._extension)
        if self._extension is None and self._loop.time() >= self._silent_until:
            self._ask(tokens)
        while tokens > self.coverage.covered_tokens:
            was_asked_before = self._extension is not None
            if self._extension is None:
                self._ask(tokens)
            if self._extension is None:
                return False  # beyond what was asked of the model
            await asyncio.wait([self._extension])
            # What was refused ahead of need is asked for once more now that it is needed.
            if not self._take_outcome(self._extension) and not was_asked_before:
                return False
        return True

    async def close(self) -> None:
        """Waits for an extension in flight: what ends the hold must come after it."""
        if self._extension is not None:
            await asyncio.wait([self._extension])

    def _ask(self, tokens: int) -> None:
        level = self.coverage.next_level(tokens)
        if level is not None:
            self._asked_at = self._loop.time()
            self._extension = self._loop.create_task(
                self._holds.extend(self._payer, self._hold_id, self.coverage, level, self._measured()),
                name=f"extend {self._hold_id}",
            )

    def _take_outcome(self, extension: asyncio.Task[bool]) -> bool:
        self._extension = None
        has_grown = extension.result()
        if has_grown:
            self.checkpointed_at = self._asked_at
        else:
            self._silent_until = self._asked_at + REFUSED_PAUSE_S
        return has_grown

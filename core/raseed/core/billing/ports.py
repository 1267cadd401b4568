"""What the core needs from a ledger store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from raseed.core.billing.commands import Command, Result
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.ids import AccountId, HoldId


class LedgerUnavailable(Exception):
    """The store could not take the batch, or it is unknown whether the commit happened. Send the same commands again."""


class Ledger(Protocol):
    """The double-entry store. All of it is safe to retry: commands are idempotent by their ids."""

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Decide and commit; the results are durable when it returns, in the order of the commands.

        Commands of one call see each other's effects in order. Calls that run at the same time may be committed
        together; a refused command never undoes its neighbours, nor does one that cannot be written (CANNOT_BE_WRITTEN).
        Raises LedgerUnavailable.
        """
        ...

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        """What the account can spend now, from committed state. None if there is no such account."""
        ...

    async def hold(self, hold_id: HoldId) -> Hold | None: ...

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        """Open holds that nobody will settle: of earlier lives of this instance, and all whose lease lapsed.

        Also those of this very life: who lives renews its leases, so a lapsed one is a hold that was forgotten.
        The longest lapsed first; those behind `after`, the last one that a call before this one found.
        """
        ...

"""The job that books expired credit of accounts that nobody uses.

An account that is used books it with its next command. Either way it cannot be spent from its moment on: this job only
brings the books (`sys:breakage`, the status of grants) up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from raseed.core.billing.commands import ExpireCredit
from raseed.core.billing.ports import Ledger
from raseed.core.ids import AccountId
from raseed.core.jobs import Job

EXPIRY_INTERVAL_S = 60.0
"""Nothing that a customer sees depends on it; reports of breakage are a minute old at most."""
EXPIRY_ACCOUNTS_MAX = 32
"""Accounts of one batch: half of what the ledger commits at once, so requests have room beside it."""
EXPIRY_ROUND_S = 20.0
"""At a batch in a few milliseconds, some hundred thousand accounts; the rest waits a minute."""


class ExpiryQueue(Protocol):
    async def accounts_to_expire(self, limit: int) -> Sequence[AccountId]:
        """Accounts with credit that has expired, is not held and not booked yet, the longest due first."""
        ...


def expiry_job(ledger: Ledger, queue: ExpiryQueue, accounts_max: int = EXPIRY_ACCOUNTS_MAX) -> Job:
    """Two of them at once find the same accounts; the ledger books each grant's rest once, the other finds nothing."""

    async def batch() -> bool:
        account_ids = await queue.accounts_to_expire(accounts_max)
        if account_ids:
            await ledger.submit([ExpireCredit(account_id=account_id) for account_id in account_ids])
        return len(account_ids) == accounts_max

    return Job(name="expire credit", batch=batch, interval_s=EXPIRY_INTERVAL_S, round_s=EXPIRY_ROUND_S)

"""Redeeming a code, and the job that ends what was begun and not ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.networks import network_of
from raseed.core.billing.commands import Granted, IssueGrant
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import BalanceView, GrantSource
from raseed.core.clock import HOUR, Clock, Microseconds
from raseed.core.errors import RaseedError, RateLimited, RedemptionRejected, RequestInvalid
from raseed.core.ids import AccountId, GrantId
from raseed.core.jobs import Job
from raseed.core.payments.code_text import read_code
from raseed.core.payments.redemption import (
    GRANT_PREFIX,
    GUESSES_FROM_NETWORK,
    GUESSES_OF_ACCOUNT,
    Claim,
    Claimant,
    CodeStore,
    CountOutcome,
    Redemption,
    Refused,
)

WAIT_S = 3600.0
"""What everybody is told who has guessed too often, whichever limit it was."""
REFUSED_US = HOUR
"""Pause of what the ledger refused: a balance that was too large may be smaller then."""
INTERVAL_S = 30.0
ROUND_S = 60.0
BATCH_MAX = 50
_MISTYPED = "This is not a code: check what you typed."
_WHY = {
    Refused.UNKNOWN: "There is no such code.",
    Refused.EXPIRED: "This code has expired.",
    Refused.REVOKED: "This code is not valid any more.",
    Refused.USED_UP: "This code has been used already.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    redemption: Redemption
    grant_id: GrantId
    balance: BalanceView
    is_new: bool
    """False: the account redeemed it before, and got nothing now."""


class RedemptionService:
    """`subject` hashes what is counted for, so that no table has addresses of strangers."""

    def __init__(
        self,
        store: CodeStore,
        credit: CreditService,
        peppers: Peppers,
        subject: Callable[[str], str],
        priority: int,
        clock: Clock,
        count: CountOutcome = lambda _outcome: None,
    ) -> None:
        self._store = store
        self._credit = credit
        self._peppers = peppers
        self._subject = subject
        self._priority = priority
        self._clock = clock
        self._count = count

    async def redeem(self, account_id: AccountId, text: str, *, actor: str, address: str) -> Redeemed:
        """The account gets the credit of a code. Safe to repeat: the same account gets it once, and the same answer.

        Raises RequestInvalid for what was mistyped, RedemptionRejected, RateLimited after too many codes that nobody
        has, Overloaded, LedgerUnavailable, and what the ledger refuses a grant for. After LedgerUnavailable the credit comes
        by itself.
        """
        canonical = read_code(text)
        if canonical is None:
            raise RequestInvalid(_MISTYPED, param="code")
        claimant = Claimant(
            account_id=account_id,
            actor=actor,
            guesses={
                self._subject(f"acct {account_id}"): GUESSES_OF_ACCOUNT,
                self._subject(f"net {network_of(address)}"): GUESSES_FROM_NETWORK,
            },
        )
        claimed = await self._store.claim(digests_of(self._peppers, canonical), claimant)
        if isinstance(claimed, Claim):
            self._count("redeemed" if claimed.is_new else "again")
            granted = await self._grant(claimed.redemption)
            return Redeemed(
                redemption=claimed.redemption,
                grant_id=granted.grant_id,
                balance=granted.balance,
                is_new=claimed.is_new,
            )
        self._count(claimed.value)
        if claimed is Refused.THROTTLED:
            raise RateLimited("Too many wrong codes. Try again later.", retry_after_s=WAIT_S)
        raise RedemptionRejected(_WHY[claimed], param="code", metadata={"why": claimed.value})

    async def _grant(self, redemption: Redemption) -> Granted:
        try:
            granted = await self._credit.grant(
                IssueGrant(
                    account_id=redemption.account_id,
                    grant_key=f"{GRANT_PREFIX}{redemption.code_id}",
                    source=GrantSource.ADJUSTMENT,
                    amount_microcredits=redemption.credit_microcredits,
                    priority=self._priority,
                    expires_at=redemption.credit_expires_at,
                    reason="redemption code",
                    actor=redemption.actor,
                )
            )
        except RaseedError:
            # The code stays redeemed: whoever repeats it asks the ledger again, and so does the job.
            await self._store.postpone(redemption, Microseconds(self._clock.now() + REFUSED_US))
            raise
        await self._store.settle(redemption)
        return granted

    def job(self, report: Callable[[Redemption, RaseedError], None]) -> Job:
        """Several workers may run it: the ledger gives each credit once."""

        async def batch() -> bool:
            found = await self._store.unsettled(BATCH_MAX)
            for redemption in found:
                try:
                    await self._grant(redemption)
                except RaseedError as error:
                    report(redemption, error)
            return len(found) == BATCH_MAX

        return Job(name="end redemptions", batch=batch, interval_s=INTERVAL_S, round_s=ROUND_S)


def digests_of(peppers: Peppers, canonical: str) -> list[bytes]:
    """Under every pepper that there is: which one it was made with is not known. Also under newer ones than this process
    began with, with which others make codes already.
    """
    versions = list(peppers.by_version)
    while (newer := max(versions) + 1) in peppers.by_version:
        versions.append(newer)
    return [digest_of(peppers, canonical, version) for version in versions]


def digest_of(peppers: Peppers, canonical: str, version: int) -> bytes:
    return peppers.digest(f"redemption\0{canonical}", version)

"""The welcome grant: once for each account, by the policy."""

from __future__ import annotations

from raseed.core.billing.commands import IssueGrant
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import GrantSource
from raseed.core.billing.policy import Policy
from raseed.core.clock import Clock, Microseconds
from raseed.core.ids import AccountId

WELCOME_KEY = "welcome"


class WelcomeService:
    def __init__(self, credit: CreditService, policy: Policy, clock: Clock) -> None:
        self._credit = credit
        self._policy = policy
        self._clock = clock

    async def give(self, account_id: AccountId, actor: str) -> None:
        """Safe to repeat, also at once and in several workers: the ledger books it once under its key."""
        welcome = self._policy.welcome
        if welcome is None:
            return
        expires_after = welcome.expires_after_us
        await self._credit.grant(
            IssueGrant(
                account_id=account_id,
                grant_key=WELCOME_KEY,
                source=GrantSource.WELCOME,
                amount_microcredits=welcome.amount_microcredits,
                priority=self._policy.priorities[GrantSource.WELCOME],
                expires_at=None if expires_after is None else Microseconds(self._clock.now() + expires_after),
                reason="welcome",
                actor=actor,
            )
        )

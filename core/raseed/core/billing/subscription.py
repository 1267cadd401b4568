"""What an account has: its plan and its balance, as one view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Account
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import BalanceView
from raseed.core.billing.ports import Ledger
from raseed.core.clock import Microseconds
from raseed.core.errors import NotFound
from raseed.core.ids import AccountId

PaidUntil = Callable[[AccountId], Awaitable[Microseconds | None]]
"""Until when an account has paid for its plan. None: it has none."""


@dataclass(frozen=True, slots=True)
class Subscription:
    account: Account
    """Its tier ends when what is paid of a plan does: the grace after that is not told beforehand."""
    balance: BalanceView
    debt_limit_microcredits: int
    """What it may owe, by its own limit or the profile's."""


class SubscriptionService:
    def __init__(
        self, accounts: AccountStore, ledger: Ledger, policy: HoldPolicy, paid_until: PaidUntil
    ) -> None:
        self._accounts = accounts
        self._ledger = ledger
        self._policy = policy
        self._paid_until = paid_until

    async def of(self, account_id: AccountId) -> Subscription:
        """Every charge that was answered is in it. Raises NotFound."""
        account = await self._accounts.find_account(account_id)
        balance = await self._ledger.balance(account_id)
        if account is None or balance is None:
            raise NotFound("This account no longer exists.")
        paid_until = await self._paid_until(account_id) if account.tier_expires_at is not None else None
        if paid_until is not None:
            account = replace(account, tier_expires_at=paid_until)
        limit = self._policy.debt_limit(balance.own_debt_limit_microcredits)
        return Subscription(account, balance, limit)

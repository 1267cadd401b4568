"""What an account has: its plan and its balance, as one view."""

from __future__ import annotations

from dataclasses import dataclass

from raseed.core.accounts.model import Account
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import BalanceView
from raseed.core.billing.ports import Ledger
from raseed.core.errors import NotFound
from raseed.core.ids import AccountId


@dataclass(frozen=True, slots=True)
class Subscription:
    account: Account
    balance: BalanceView
    debt_limit_microcredits: int
    """What it may owe, by its own limit or the profile's."""


class SubscriptionService:
    def __init__(self, accounts: AccountStore, ledger: Ledger, policy: HoldPolicy) -> None:
        self._accounts = accounts
        self._ledger = ledger
        self._policy = policy

    async def of(self, account_id: AccountId) -> Subscription:
        """Every charge that was answered is in it. Raises NotFound."""
        account = await self._accounts.find_account(account_id)
        balance = await self._ledger.balance(account_id)
        if account is None or balance is None:
            raise NotFound("This account no longer exists.")
        limit = self._policy.debt_limit(balance.own_debt_limit_microcredits)
        return Subscription(account, balance, limit)

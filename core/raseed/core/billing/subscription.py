"""What an account has: its plan and its balance, as one view."""

from __future__ import annotations

from dataclasses import dataclass

from raseed.core.accounts.model import Account
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.model import BalanceView
from raseed.core.billing.ports import Ledger
from raseed.core.errors import NotFound
from raseed.core.ids import AccountId


@dataclass(frozen=True, slots=True)
class Subscription:
    account: Account
    balance: BalanceView


class SubscriptionService:
    def __init__(self, accounts: AccountStore, ledger: Ledger) -> None:
        self._accounts = accounts
        self._ledger = ledger

    async def of(self, account_id: AccountId) -> Subscription:
        """Every charge that was answered is in it. Raises NotFound."""
        account = await self._accounts.find_account(account_id)
        balance = await self._ledger.balance(account_id)
        if account is None or balance is None:
            raise NotFound("This account no longer exists.")
        return Subscription(account, balance)

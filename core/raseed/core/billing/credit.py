"""Balances and grants: what people and operators ask of the ledger."""

from __future__ import annotations

from raseed.core.billing.commands import Granted, IssueGrant, Refused, TakeBack, TakenBack
from raseed.core.billing.model import BalanceView
from raseed.core.billing.ports import Ledger
from raseed.core.billing.refusals import raise_refusal
from raseed.core.ids import AccountId


class CreditService:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self._ledger.balance(account_id)

    async def grant(self, command: IssueGrant) -> Granted:
        """Give credit. Safe to retry with the same `grant_key`. Raises RaseedError, LedgerUnavailable."""
        [result] = await self._ledger.submit([command])
        if isinstance(result, Refused):
            raise_refusal(result)
        assert isinstance(result, Granted), result
        return result

    async def take_back(self, command: TakeBack) -> TakenBack:
        """Undo credit. Safe to retry with the same `take_key`. Raises RaseedError, LedgerUnavailable."""
        [result] = await self._ledger.submit([command])
        if isinstance(result, Refused):
            raise_refusal(result)
        assert isinstance(result, TakenBack), result
        return result

"""The use cases of operators about the limits of single accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from raseed.core.accounts.model import Account, OwnLimit, OwnLimits
from raseed.core.accounts.service import AccountService
from raseed.core.admin.account_service import check_reason
from raseed.core.errors import RequestInvalid
from raseed.core.limits.model import TierLimits, Tiers
from raseed.core.limits.quotas import tier_limits


class LimitAdmin:
    def __init__(self, accounts: AccountService, tiers: Tiers) -> None:
        self._accounts = accounts
        self._tiers = tiers

    async def limits(self, reference: str) -> tuple[Account, TierLimits]:
        """As they are in force. Raises NotFound."""
        return self._in_force(await self._accounts.find(reference))

    async def set_limits(
        self, reference: str, limits: Sequence[tuple[str, int | None]], *, reason: str, actor: str
    ) -> tuple[Account, TierLimits]:
        """In place of all that were the account's own. Raises NotFound, RequestInvalid. Safe to repeat."""
        check_reason(reason)
        own: OwnLimits = tuple((_named(name), value) for name, value in limits)
        for name, times in Counter(name for name, _ in own).items():
            if times > 1:
                raise RequestInvalid(f"{name} is given twice.", param="limits")
        account = await self._accounts.find(reference)
        changed = await self._accounts.set_own_limits(account.id, own, reason=reason, actor=actor)
        return self._in_force(changed)

    def _in_force(self, account: Account) -> tuple[Account, TierLimits]:
        return account, tier_limits(self._tiers[account.tier], account.own_limits)


def _named(name: str) -> OwnLimit:
    if name not in OwnLimit.__members__.values():
        raise RequestInvalid(f"Unknown limit {name!r}; known: {', '.join(OwnLimit)}.", param="limits")
    return OwnLimit(name)

"""Credit beside what a payment gives: of a trial, what goes over into the next period, what an upgrade leaves."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.billing.commands import Command, ExpireCredit, IssueGrant, Refused, TakeBack
from raseed.core.billing.model import GrantSource
from raseed.core.billing.policy import Policy
from raseed.core.billing.ports import Ledger
from raseed.core.billing.refusals import raise_refusal
from raseed.core.clock import Clock
from raseed.core.payments.subscription_grants import extra_key
from raseed.core.payments.subscription_model import Period, Role
from raseed.core.payments.subscription_notices import ACTOR
from raseed.core.payments.subscription_ports import SubscriptionStore


class PeriodCredit:
    """What each period does to other credit than its own, once. Safe to repeat, whatever a crash left undone."""

    def __init__(self, store: SubscriptionStore, ledger: Ledger, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._policy = policy
        self._clock = clock

    async def settle(self, so_far: Sequence[Period], periods: Sequence[Period]) -> bool:
        """Whether anything was done. `so_far`: the chain that counts. Raises LedgerUnavailable."""
        is_done = False
        for period in periods:
            if not period.counts or period.is_settled:
                continue
            before = next((other for other in reversed(so_far) if other.number < period.number), None)
            if await self._settle(period, before, periods):
                await self._store.mark_settled(period.id)
                is_done = True
        return is_done

    async def _settle(self, period: Period, before: Period | None, periods: Sequence[Period]) -> bool:
        """False: it is too early."""
        if period.is_trial:
            await self._give(period, period.extra_microcredits or 0, "trial")
            return True
        if period.role is Role.NEXT and before is not None:
            return await self._roll_over(period, before)
        if period.role is Role.BEGIN and self._policy.on_upgrade == "forfeit":
            left = [other for other in periods if other.number < period.number and other.counts]
            await self._forfeit(period, left)
        return True

    async def _roll_over(self, period: Period, before: Period) -> bool:
        plan = self._policy.plan(period.plan_id)
        cap = plan.rollover_cap_microcredits if plan else 0
        if period.extra_microcredits is None and (not cap or before.is_trial):
            return True
        if self._clock.now() < period.begins_at:
            return False
        amount = period.extra_microcredits
        if amount is None:
            await self._submit(ExpireCredit(account_id=period.account_id))
            left = await self._store.left_over(period.account_id, before.id)
            if left.held_microcredits:
                return False
            # The ledger takes an amount once: who comes after a crash says the same one.
            amount = await self._store.intend_extra(period.id, min(cap, left.expired_microcredits))
        await self._give(period, amount, f"rolled over from {before.id}")
        return True

    async def _give(self, period: Period, microcredits: int, reason: str) -> None:
        if not microcredits:
            return
        await self._submit(
            IssueGrant(
                account_id=period.account_id,
                grant_key=extra_key(period.id),
                source=GrantSource.SUBSCRIPTION,
                amount_microcredits=microcredits,
                priority=self._policy.priorities[GrantSource.SUBSCRIPTION],
                expires_at=period.ends_at,
                reason=reason,
                actor=ACTOR,
            )
        )

    async def _forfeit(self, period: Period, left: Sequence[Period]) -> None:
        """What open requests hold of it stays theirs; what they give back stays until it expires."""
        for other in left:
            for grant_id in (await self._store.left_over(period.account_id, other.id)).grant_ids:
                take = TakeBack(
                    account_id=period.account_id,
                    take_key=f"upgrade:{period.id}:{grant_id}",
                    grant_id=grant_id,
                    amount_microcredits=None,
                    actor=ACTOR,
                )
                await self._ledger.submit([take])  # refused only if nothing is left of it

    async def _submit(self, command: Command) -> None:
        [result] = await self._ledger.submit([command])
        if isinstance(result, Refused):
            raise_refusal(result)

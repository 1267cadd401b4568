"""Keeps subscriptions in line with the payments that are made for them, and the ledger with both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import PeriodLength, Policy
from raseed.core.billing.ports import Ledger
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import SubscriptionId
from raseed.core.messaging.notices import Notice
from raseed.core.payments.model import Payment
from raseed.core.payments.periods import Allotment, Paid, allotted, chain
from raseed.core.payments.ports import AuditNote
from raseed.core.payments.subscription_credit import PeriodCredit
from raseed.core.payments.subscription_model import Period, Subscription
from raseed.core.payments.subscription_notices import Wording, audit_of, notices_of
from raseed.core.payments.subscription_ports import (
    BesideSubscription,
    OtherIsLive,
    SubscriptionStore,
    TierChange,
)
from raseed.core.payments.subscription_states import (
    agreement_of,
    brought_up,
    counted,
    next_look,
    since_ended,
    tier_of,
)

RACES_MAX = 8
"""Attempts before a subscription that others keep changing is left to them, and to the job."""


class SubscriptionKeeper:
    """All of it is safe to call at any time, at once and in several workers."""

    def __init__(
        self, store: SubscriptionStore, accounts: AccountStore, ledger: Ledger, policy: Policy, clock: Clock
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._credit = PeriodCredit(store, ledger, policy, clock)
        self._policy = policy
        self._clock = clock
        self.calendar = Calendar(policy.time_zone)

    async def period_end(self, payment: Payment) -> Microseconds:
        """Until when the credit of a verified payment for a plan can be spent: the same whenever it is asked."""
        now = self._clock.now()
        paid_at = min(now if payment.paid_at is None else payment.paid_at, now)

        def decide(subscription: Subscription, periods: Sequence[Period]) -> Allotment:
            in_force = since_ended(subscription, periods)
            so_far = chain(period for period in in_force if not period.is_given_back)
            plan = self._policy.plan(payment.item.id)
            paid = Paid(
                plan_id=payment.item.id,
                # A plan that is gone from the profile was at least for a month.
                length=PeriodLength.MONTH if plan is None else plan.period,
                at=Microseconds(paid_at),
                planned_start=payment.period_start,
            )
            return allotted(paid, in_force, self._grace_us(so_far, subscription), self.calendar)

        return (await self._store.allot(payment, decide)).ends_at

    async def advance(self, subscription_id: SubscriptionId) -> Subscription | None:
        """Bring a subscription in line with its periods and the hour, and then the ledger. None: there is none.

        Raises LedgerUnavailable and the store's DatabaseUnavailable; the job goes on then.
        """
        for _ in range(RACES_MAX):
            before = await self._store.subscription(subscription_id)
            if before is None:
                return None
            periods = await self._store.periods(subscription_id)
            if await self._credit.settle(counted(before, periods), periods):
                periods = await self._store.periods(subscription_id)
            after = await self._brought_up(before, periods)
            if after is not None:
                return after
        raise Conflict(
            "This subscription is being changed by others.", metadata={"subscription": subscription_id}
        )

    async def _brought_up(self, before: Subscription, periods: Sequence[Period]) -> Subscription | None:
        """None: somebody else was quicker."""
        now = self._clock.now()
        agreements = await self._store.agreements(before.id)
        so_far = counted(before, periods)
        agreement = agreement_of(before, periods, agreements)
        renewed = replace(before, provider_subscription_id=agreement.id if agreement else "")
        after = brought_up(renewed, periods, self._grace_us(so_far, before), now)
        plan = self._policy.plan(after.plan_id)
        is_due = before.next_look_at is not None and before.next_look_at <= now
        if not is_due:  # what waits for the job goes on waiting: it has claimed what it is looking at
            after = replace(after, next_look_at=next_look(after, periods, agreements, plan, now))
        if after == before:
            return before
        try:
            return await self.write(before, after, so_far[-1] if so_far else None)
        except OtherIsLive:
            # What was paid late for this one is credited; the account's plan is the other one.
            aside = replace(after, state=before.state)
            if not is_due:
                aside = replace(aside, next_look_at=next_look(aside, periods, agreements, plan, now))
            return before if aside == before else await self._store.replace(before, aside)

    async def write(
        self,
        before: Subscription,
        after: Subscription,
        last: Period | None = None,
        *,
        audit: Sequence[AuditNote] = (),
        notices: Sequence[Notice] = (),
    ) -> Subscription | None:
        """A change with what follows from it for the account, and what its holder is told. `last`: the last period that
        counts, if one is new. None: somebody else was quicker. Raises OtherIsLive.
        """
        words = await self.wording(after, after.plan_id)
        beside = BesideSubscription(
            audit=(*audit, *audit_of(before, after)),
            notices=(*notices, *notices_of(before, after, last, words)),
            tier=self._tier_change(before, after),
        )
        return await self._store.replace(before, after, beside)

    def _tier_change(self, before: Subscription, after: Subscription) -> TierChange | None:
        was = tier_of(before, self._policy.plan(before.plan_id))
        is_now = tier_of(after, self._policy.plan(after.plan_id))
        if was == is_now:
            return None
        return TierChange(
            tier=is_now.tier if is_now else None,
            until=is_now.until if is_now else None,
            default=self._policy.default_tier,
        )

    def _grace_us(self, so_far: Sequence[Period], subscription: Subscription) -> int:
        """Of the plan whose period ends."""
        plan = self._policy.plan(so_far[-1].plan_id if so_far else subscription.plan_id)
        return plan.grace_us if plan else 0

    async def wording(self, subscription: Subscription, plan_id: str) -> Wording | None:
        """None: the plan is gone from the profile."""
        plan = self._policy.plan(plan_id)
        if plan is None:
            return None
        account = await self._accounts.find_account(subscription.account_id)
        language = (account.language if account else None) or self._policy.language
        return Wording(plan, language, self.calendar, self._policy.unit)

"""What subscriptions need of their store, and of who places and settles orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.accounts.model import Tier
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, SubscriptionId
from raseed.core.messaging.notices import Notice
from raseed.core.payments.model import Mode, OrderBounds, Payment
from raseed.core.payments.periods import Allotment
from raseed.core.payments.ports import AuditNote, Buyer
from raseed.core.payments.subscription_model import LeftOver, Period, ProviderSubscription, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class TierChange:
    """What the account has from its plan from now on. A tier that operators gave it without an end stays."""

    tier: Tier | None
    """None: nothing any more."""
    until: Microseconds | None
    default: Tier
    """Of accounts without a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideSubscription:
    """What is written in the same transaction as a subscription's change."""

    audit: Sequence[AuditNote] = ()
    notices: Sequence[Notice] = ()
    tier: TierChange | None = None


NOTHING_BESIDE = BesideSubscription()


class OtherIsLive(Exception):
    """The account has another live subscription: nothing was written."""


class SubscriptionStore(Protocol):
    """Each method is one transaction. May raise `DatabaseUnavailable` of its store."""

    async def begin(self, subscription: Subscription) -> Subscription:
        """Store a new one. If the account has a live one, that one is answered and nothing is written."""
        ...

    async def begin_trial(self, subscription: Subscription, period: Period) -> Subscription:
        """With its first period; where the account has ordered a plan and nothing was paid for that, its subscription is the
        one that is tried and answered. Raises Conflict if the account has a plan or ever had a trial, or if nobody ever
        proved to be its holder.
        """
        ...

    async def subscription(self, subscription_id: SubscriptionId) -> Subscription | None: ...

    async def of_account(self, account_id: AccountId) -> Subscription | None:
        """The live one; else the newest."""
        ...

    async def paid_until(self, account_id: AccountId) -> Microseconds | None:
        """Without a gap, of the live subscription. None: there is none, or nothing was paid yet."""
        ...

    async def periods(self, subscription_id: SubscriptionId) -> Sequence[Period]:
        """In the order in which they were allotted, each with what its payment is now."""
        ...

    async def payments(self, subscription_id: SubscriptionId, limit: int) -> Sequence[Payment]:
        """The newest first."""
        ...

    async def allot(
        self, payment: Payment, decide: Callable[[Subscription, Sequence[Period]], Allotment]
    ) -> Period:
        """The period of a payment, decided the first time that somebody asks, and the same for ever. The job looks at its
        subscription at once. `decide` may be called more than once.
        """
        ...

    async def replace(
        self, before: Subscription, after: Subscription, beside: BesideSubscription = NOTHING_BESIDE
    ) -> Subscription | None:
        """All or nothing. None: somebody else changed it. Raises OtherIsLive for one that would come back to life."""
        ...

    async def agreements(self, subscription_id: SubscriptionId) -> Sequence[ProviderSubscription]:
        """The oldest first."""
        ...

    async def agreement(
        self, provider: PaymentProvider, mode: Mode, provider_subscription_id: str
    ) -> ProviderSubscription | None: ...

    async def put_agreement(self, agreement: ProviderSubscription) -> None:
        """New, or as it is now. Safe to repeat."""
        ...

    async def left_over(self, account_id: AccountId, period_id: str) -> LeftOver:
        """Of the payment's credit and what was given beside it."""
        ...

    async def intend_extra(self, period_id: str, microcredits: int) -> int:
        """Write down what is to be given beside the payment's credit, before the ledger is asked. Answers what was written
        down first.
        """
        ...

    async def mark_settled(self, period_id: str) -> None:
        """Safe to repeat."""
        ...

    async def claim_due(self, limit: int, lease_us: int) -> Sequence[SubscriptionId]:
        """Those that the job should look at now, the longest due first. They are due again after the lease, if whoever
        looks at them writes nothing.
        """
        ...


class PlanPeriods(Protocol):
    """What settling a payment for a plan needs to know, and whom it tells: `subscription_keeper.SubscriptionKeeper`."""

    async def period_end(self, payment: Payment) -> Microseconds:
        """Until when the credit of a verified payment can be spent: the same whenever it is asked."""
        ...

    async def advance(self, subscription_id: SubscriptionId) -> Subscription | None:
        """Bring a subscription in line with its payments and the hour. Safe to repeat. None: there is none."""
        ...


class Orders(Protocol):
    """Who asks providers for pages to pay on: `checkout.Checkout`."""

    async def place(
        self,
        payment: Payment,
        request_key: str,
        buyer: Buyer,
        return_url: str,
        bounds: OrderBounds | None = None,
    ) -> Payment:
        """Store an order and ask for its page; `created` where the provider did not answer. Safe to repeat under the key."""
        ...


Settle = Callable[[PaymentId], Awaitable[Payment]]
"""Bring a payment in line with what its provider says, and credit it if it is paid. Safe to repeat."""

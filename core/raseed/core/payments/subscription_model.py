"""Subscriptions as values: who has which plan until when, and which period each payment pays."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, GrantId, PaymentId, SubscriptionId
from raseed.core.payments.model import Mode


class SubscriptionState(StrEnum):
    PENDING = "pending"
    """Ordered; nothing is paid for now: nothing was ever paid, or the next paid period is still to begin."""
    TRIALING = "trialing"
    ACTIVE = "active"
    """Paid for now."""
    PAST_DUE = "past_due"
    """The period is over, and the provider, which renews by itself, has not collected yet. The tier stays."""
    GRACE = "grace"
    """The period is over, and nobody has paid the next one. The tier stays for the plan's grace."""
    CANCELED = "canceled"
    """Over: its holder did not want it renewed."""
    ENDED = "ended"
    """Over: nobody renewed it in time, its trial was not continued, or an operator ended it."""


RENEWALS_ACTOR = "renewals"
"""Who orders what a provider has renewed by itself."""
RENEWING = frozenset({PaymentProvider.CREEM})
"""Providers that renew by themselves what is bought from them as a plan."""

LIVE_STATES = frozenset(
    {
        SubscriptionState.PENDING,
        SubscriptionState.TRIALING,
        SubscriptionState.ACTIVE,
        SubscriptionState.PAST_DUE,
        SubscriptionState.GRACE,
    }
)
"""An account has one subscription in these at a time."""
TIER_STATES = LIVE_STATES - {SubscriptionState.PENDING}
"""In these the account has the plan's tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What `brought_up` makes of its periods is kept with it, so that it can be found and shown."""

    id: SubscriptionId
    account_id: AccountId
    actor: str
    """Who ordered it."""
    plan_id: str
    language: str
    """In which its holder sees the pages to pay on."""
    created_at: Microseconds

    state: SubscriptionState
    period_start: Microseconds | None = None
    period_end: Microseconds | None = None
    """Of the period now, or of the next one while none is paid for now; None: none was ever paid."""
    paid_until: Microseconds | None = None
    """Later than the period's end if the next one is paid already."""
    covered_until: Microseconds | None = None
    """Until when it is paid without a gap, from this period on: a gap is what was given back before one paid early."""
    is_trial: bool = False
    cancels_at_end: bool = False
    next_plan_id: str = ""
    """To which it changes when the period is over; empty: it stays."""
    provider_subscription_id: str = ""
    """Under which the provider renews it by itself; empty: each period is paid by a link."""
    is_refused: bool = False
    """The provider says that it could not collect."""
    ended_at: Microseconds | None = None
    """When an operator ended it: what was paid before counts no more."""
    end_reason: str = field(default="", repr=False)
    next_look_at: Microseconds | None = None
    """When the job looks again; None: never."""
    version: int = 0


class Role(StrEnum):
    """How a period stands to those before."""

    BEGIN = "begin"
    """Begins when it was paid, whatever is left of those before: the first one, an upgrade, a return."""
    NEXT = "next"
    """Follows the last one."""
    ASIDE = "aside"
    """A renewal of a plan that was left: its credit is given, and the subscription does not move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What one payment pays for, allotted once. Everything above `is_credited` is fixed then."""

    id: str
    """Of the payment; of a trial, the subscription's."""
    subscription_id: SubscriptionId
    account_id: AccountId
    number: int
    """In the order in which they were allotted, from 1."""
    plan_id: str
    role: Role
    begins_at: Microseconds
    ends_at: Microseconds
    anchor_at: Microseconds
    """From whose day the months are counted."""
    is_trial: bool = False
    allotted_at: Microseconds

    is_credited: bool = False
    provider: PaymentProvider | None = None
    """Of its payment; None: it is a trial."""
    is_collected: bool = False
    """The provider made the payment by itself."""
    is_given_back: bool = False
    """All that was paid for it was refunded or disputed."""
    extra_microcredits: int | None = None
    """What is given beside the payment's own credit: for a trial, or over from the period before. None: not decided."""
    is_settled: bool = False
    """What it does to other credit is done: the extra is given, or what an upgrade left is forfeited."""

    @property
    def begins_agreement(self) -> bool:
        """Whether the provider renews it, in an agreement that its buyer made with this payment."""
        return self.provider in RENEWING and not self.is_collected

    @property
    def counts(self) -> bool:
        return self.is_credited and not self.is_given_back


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSubscription:
    """An agreement at a provider that renews by itself. A subscription may have had several, one after the other."""

    provider: PaymentProvider
    mode: Mode
    id: str
    subscription_id: SubscriptionId
    payment_id: PaymentId
    """The payment that began it: its renewals cost and give the same."""
    is_to_cancel: bool = False
    is_canceled: bool = False
    """The provider has said that it never renews again."""


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What became of a period's credit."""

    grant_ids: tuple[GrantId, ...]
    """Those with credit left."""
    expired_microcredits: int
    """Unspent when it ended."""
    held_microcredits: int
    """Of open requests: they may give some of it back."""

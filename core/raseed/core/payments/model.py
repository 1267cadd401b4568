"""Payments as values. Money is in the currency's minor unit (fils, cents), credit in micro-credits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId, RefundId, SubscriptionId


class Mode(StrEnum):
    """Whether money moves. What is bought in one mode is worth nothing in the other."""

    TEST = "test"
    LIVE = "live"


class ItemKind(StrEnum):
    PACK = "pack"
    TOPUP = "topup"
    """Of any amount, where the profile sells credit so."""
    PLAN = "plan"
    """One period of a subscription."""
    KEYS = "keys"
    """Room for more API keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is bought."""

    kind: ItemKind
    id: str
    """Of the pack or plan; empty for what has none."""
    quantity: int = 1
    """Of a top-up of any amount: that amount, in the currency's minor unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An item with its price and what it gives, as it is when somebody decides to buy it."""

    item: Item
    amount_minor: int
    """Without what a provider adds for tax or as its fee."""
    currency: str
    credit_microcredits: int
    """0 for what gives no credit."""
    provider: PaymentProvider
    product_id: str = ""
    """Under which the provider knows the item, where it keeps the catalogue itself."""


class PaymentState(StrEnum):
    CREATED = "created"
    """The provider was asked, or is about to be; whether it knows of it is not known."""
    PENDING = "pending"
    """There is a page to pay on."""
    PAID = "paid"
    """Verified; what was bought is not delivered yet."""
    CREDITED = "credited"
    """Delivered: refunds and disputes are counted beside it."""
    FAILED = "failed"
    """The provider refused it, the buyer gave up, or the answer with its page was lost. Credited all the same if it is paid
    after all."""
    EXPIRED = "expired"
    """Nobody paid in time. Credited all the same if it is paid after all."""
    REVIEW = "review"
    """What was paid is not what was ordered: nothing is credited until an operator decides."""
    REJECTED = "rejected"
    """An operator decided that it is never credited."""


OPEN_STATES = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.PAID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """An order and what became of it. Everything above `state` is fixed when it is made."""

    id: PaymentId
    account_id: AccountId
    """Whom it is credited to."""
    actor: str
    """Who ordered: a person's or key's id, or the part of the platform that renews."""
    provider: PaymentProvider
    mode: Mode
    item: Item
    amount_minor: int
    currency: str
    credit_microcredits: int
    product_id: str
    method: str
    """Code of the way to pay that the buyer chose, as the provider names it ("kn"); empty: chosen on its page."""
    language: str
    """`en` or `ar`."""
    subscription_id: SubscriptionId | None
    """Whose period it pays."""
    period_start: Microseconds | None
    period_end: Microseconds | None
    created_at: Microseconds

    state: PaymentState
    url: str = field(default="", repr=False)
    """Where to pay; empty while there is no page."""
    expires_at: Microseconds | None = None
    """After which the page no longer takes money."""
    invoice_id: str = ""
    """The provider's id of the order: unique in (provider, mode)."""
    provider_payment_id: str = ""
    """The provider's id of the attempt or transaction that paid: unique in (provider, mode)."""
    paid_at: Microseconds | None = None
    credited_at: Microseconds | None = None
    received_minor: int | None = None
    """What came in, as it was verified: not the amount only if an operator accepted that. None: nothing is verified; of
    payments from before this was written down, as ordered."""
    granted_microcredits: int = 0
    """What its grant gives: the credit, less what had gone back when it was verified. Fixed then."""
    refunded_minor: int = 0
    """Given back to the buyer, as far as the provider has done it."""
    disputed_minor: int = 0
    """Taken back by the buyer's bank."""
    withdrawn_microcredits: int = 0
    """Of the credit: what was never given, or taken back, owed or written off, for refunds and disputes."""
    withdrawing_microcredits: int = 0
    """What the step under way withdraws: written before the ledger is told, so that a repeat tells it the same."""
    withdrawal_count: int = 0
    """Steps that are done: each is one command to the ledger, under a key of its own."""
    problem: str = ""
    """What differs, for operators."""
    version: int = 0
    """Raised by every change; a change names the one that it was made from."""
    check_count: int = 0
    next_check_at: Microseconds | None = None
    """When the schedule looks again; None: never."""

    @property
    def came_minor(self) -> int:
        """What came in, as far as is known."""
        return self.amount_minor if self.received_minor is None else self.received_minor

    @property
    def left_minor(self) -> int:
        """What came in and has not gone back."""
        return max(self.came_minor - self.refunded_minor - self.disputed_minor, 0)


class SeenStatus(StrEnum):
    """What a provider says of an order now."""

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    """Every attempt failed or was given up, and the page is closed. An attempt that failed on an open page is `open`."""
    EXPIRED = "expired"


class SeenRefundState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRefund:
    """A refund as the provider has it, whoever asked for it."""

    id: str
    """The provider's."""
    reference: str
    """Ours, if we asked for it and the provider keeps that; else empty."""
    amount_minor: int
    """Of the order's amount, without tax that went back with it."""
    state: SeenRefundState
    is_dispute: bool = False
    """The buyer's bank took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a provider says of one order, read just now over its own API: never taken from an event or a redirect."""

    status: SeenStatus
    provider: PaymentProvider
    mode: Mode
    reference: str
    """Our payment id, as the provider has it. Empty for a renewal that the provider began by itself."""
    amount_minor: int
    """Ordered, without tax that the provider adds."""
    currency: str
    invoice_id: str
    provider_payment_id: str = ""
    product_id: str = ""
    """Empty where the provider keeps no catalogue."""
    paid_at: Microseconds | None = None
    url: str = field(default="", repr=False)
    expires_at: Microseconds | None = None
    provider_subscription_id: str = ""
    refunds: tuple[SeenRefund, ...] = ()


class RefundState(StrEnum):
    REQUESTED = "requested"
    """Written down; whether the provider knows of it is not known."""
    PENDING = "pending"
    """The provider has it and has not paid it out."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund that an operator asked for, or one that the provider told us of."""

    id: RefundId
    payment_id: PaymentId
    amount_minor: int
    reason: str = field(repr=False)
    actor: str
    """Who asked for it; the provider's name if we heard of it from there."""
    state: RefundState
    provider_refund_id: str
    is_dispute: bool
    created_at: Microseconds
    ended_at: Microseconds | None = None
    asked_at: Microseconds | None = None
    """When the provider was last asked for it. None: nobody of ours asked."""
    request_key: str = ""
    """The operator's: one refund for each. Empty if we heard of it from the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBounds:
    """How many orders an account may have."""

    open_max: int
    """Not paid, and not given up."""
    recent_max: int
    """Begun within `recent_us`, whatever became of them."""
    recent_us: int

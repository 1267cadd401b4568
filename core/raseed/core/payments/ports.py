"""What payments need of a provider and of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId
from raseed.core.messaging.notices import Notice
from raseed.core.payments.model import (
    Mode,
    OrderBounds,
    Payment,
    PaymentState,
    Refund,
    Seen,
    SeenRefund,
)


class GatewayError(Exception):
    """Its text is for operators: it holds no secret and nothing of the buyer's."""


class GatewayUnavailable(GatewayError):
    """No answer, or none that can be read: whether the call had an effect is not known."""

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class GatewayRefused(GatewayError):
    """The provider said no, and the call had no effect: the same call will be refused again."""


class GatewayMissing(GatewayError):
    """Nobody may be asked: no credentials are configured for the payment's provider in its mode. Never is another asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """What providers want to know of who pays. Empty: not known."""

    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone_e164: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where an order can be paid."""

    url: str = field(repr=False)
    invoice_id: str
    expires_at: Microseconds | None
    provider_subscription_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    """A way to pay that a provider offers now."""

    code: str
    """Stable, for example "kn" for KNET: numbers differ from account to account."""
    name_en: str
    name_ar: str


class EventKind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    SUBSCRIPTION = "subscription"
    OTHER = "other"
    """Of no interest; kept, and nothing follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Which order an event is about. Its signature was right; it is a hint all the same, and says no amount."""

    key: str
    """The same for every delivery of one event, another for every other."""
    kind: EventKind
    name: str
    """As the provider calls it."""
    mode: Mode
    reference: str = ""
    """Our payment id, if it is in it."""
    invoice_id: str = ""
    provider_payment_id: str = ""
    provider_subscription_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSubscription:
    """What a provider that renews by itself says of a subscription now."""

    provider_subscription_id: str
    is_active: bool
    """It will renew, or is paid for the present period."""
    is_canceled: bool
    """It never renews again."""
    is_past_due: bool
    period_start: Microseconds | None
    period_end: Microseconds | None
    last_transaction_id: str
    product_id: str


class Gateway(Protocol):
    """One payment provider in one mode, with one set of credentials. Every method has a deadline of its own.

    All but `create` and `refund` change nothing and are safe to repeat. Raises GatewayUnavailable and GatewayRefused.
    """

    @property
    def provider(self) -> PaymentProvider: ...

    @property
    def mode(self) -> Mode: ...

    @property
    def is_creation_repeatable(self) -> bool:
        """Whether `create`, called again for the same payment, answers the order that is there."""
        ...

    async def methods(self, amount_minor: int, currency: str) -> Sequence[PaymentMethod]:
        """Ways to pay this amount, in the provider's order; empty if it lets the buyer choose on its page only."""
        ...

    async def create(self, payment: Payment, buyer: Buyer, return_url: str) -> Page:
        """An order at the provider under our payment id. After GatewayUnavailable it may exist."""
        ...

    async def look_up(self, payment: Payment) -> Seen | None:
        """What the provider says now, refunds included; found by its ids if we have them, else by ours.

        None: it knows of no such order, or cannot be asked by what we know.
        """
        ...

    async def refund(self, payment: Payment, refund: Refund) -> SeenRefund:
        """Ask for a refund under our refund id. After GatewayUnavailable it may have been asked for: never asked twice
        without looking.
        """
        ...

    async def look_up_subscription(self, provider_subscription_id: str) -> SeenSubscription | None:
        """None: unknown, or the provider has no subscriptions."""
        ...

    async def renewals(self, provider_subscription_id: str) -> Sequence[Seen]:
        """Orders that the provider itself made for a subscription, newest first; a page of them is enough."""
        ...

    async def cancel_subscription(self, provider_subscription_id: str) -> None:
        """At the end of the period. Safe to repeat."""
        ...

    async def paid_between(self, begin: Microseconds, end: Microseconds) -> Sequence[Seen] | None:
        """Orders paid in a span, for the daily comparison. None: the provider has no such list. Reference, order and product
        are empty where the list does not name them.
        """
        ...

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Event:
        """Check the signature of an event against every active secret in constant time, and say what it is about.

        Header names are lower case. Raises Unauthenticated for a signature that is missing or wrong, RequestInvalid for a
        body that cannot be read, and WebhookNotConfigured when there is no secret, or one that could be guessed.
        """
        ...

    def read_return(self, query: Mapping[str, str]) -> Event | None:
        """Which order a browser comes back from. A hint, signed or not; None: nothing in it is ours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNote:
    """A row of the audit log about a payment."""

    action: str
    detail: str = field(repr=False)
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is written in the same transaction as a payment's change."""

    refunds: Sequence[Refund] = ()
    """New ones, and ones that changed, each as it is afterwards."""
    audit: Sequence[AuditNote] = ()
    notices: Sequence[Notice] = ()


NOTHING_BESIDE = Beside()


class ProviderIdTaken(Exception):
    """What the provider calls an order, a transaction or a refund belongs to another one of ours: nothing was written."""

    def __init__(self, payment_id: PaymentId) -> None:
        super().__init__(f"the id is that of payment {payment_id}")
        self.payment_id = payment_id


class PaymentStore(Protocol):
    """Each method is one transaction. May raise `DatabaseUnavailable` of its store."""

    async def add(self, payment: Payment, request_key: str, bounds: OrderBounds | None = None) -> Payment:
        """Store a new payment. If the account already has one under this request key, that one is answered, whatever it
        costs by now; a key with another item or method raises RequestReusedWithOtherInput. Raises PaymentLimitReached and
        RateLimited for what the bounds refuse; None: none, for orders that nobody types in.
        """
        ...

    async def check(self, payment: Payment, request_key: str, bounds: OrderBounds) -> Payment | None:
        """What the account has under this request key, for whichever subscription; None: `add` would store the payment.
        Nothing is written. Raises as `add`.
        """
        ...

    async def payment(self, payment_id: PaymentId) -> Payment | None: ...

    async def find(
        self, provider: PaymentProvider, mode: Mode, *, invoice_id: str = "", provider_payment_id: str = ""
    ) -> Payment | None:
        """By what the provider calls it: by exactly one of the two."""
        ...

    async def replace(
        self, before: Payment, after: Payment, beside: Beside = NOTHING_BESIDE
    ) -> Payment | None:
        """Write what became of it, and what belongs to that: all or nothing. Answers the payment as it is stored, under its
        new version; None, and nothing is written, if somebody else changed it. Raises ProviderIdTaken.
        """
        ...

    async def claim_due(self, limit: int, lease_us: int) -> Sequence[PaymentId]:
        """Payments that the schedule should look at now, the longest due first. They are due again after the lease, if
        whoever looks at them writes nothing.
        """
        ...

    async def of_account(self, account_id: AccountId, after: str, limit: int) -> Sequence[Payment]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def in_state(self, state: PaymentState | None, after: str, limit: int) -> Sequence[Payment]:
        """As `of_account`, of all accounts. None: in any state."""
        ...

    async def paid_between(
        self,
        provider: PaymentProvider,
        mode: Mode,
        begin: Microseconds,
        end: Microseconds,
        after: str,
        limit: int,
    ) -> Sequence[Payment]:
        """Payments with a `paid_at` in [begin, end), by id; `after` as above."""
        ...

    async def refunds(self, payment_id: PaymentId) -> Sequence[Refund]:
        """The oldest first."""
        ...

"""The notices: which there are, what each one says, and which of them nobody can switch off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from raseed.core.ids import AccountId


class NoticeKind(StrEnum):
    """Also the names of their templates."""

    WELCOME = "welcome"
    TOPUP_CONFIRMED = "topup_confirmed"
    SUBSCRIPTION_CONFIRMED = "subscription_confirmed"
    CREDIT_WARNING = "credit_warning"
    CREDITS_EXHAUSTED = "credits_exhausted"
    CREDITS_EXPIRING = "credits_expiring"
    RENEWAL_REMINDER = "renewal_reminder"
    TRIAL_WELCOME = "trial_welcome"
    TRIAL_REMINDER = "trial_reminder"
    TRIAL_CHARGED = "trial_charged"
    TRIAL_UPGRADED = "trial_upgraded"
    TRIAL_CANCELLED = "trial_cancelled"
    CREDIT_BOUGHT = "credit_bought"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_IN_REVIEW = "payment_in_review"
    REFUND_DONE = "refund_done"
    RENEWAL_LINK = "renewal_link"
    SUBSCRIPTION_RENEWED = "subscription_renewed"
    SUBSCRIPTION_PAST_DUE = "subscription_past_due"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    SUBSCRIPTION_ENDED = "subscription_ended"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    KEY_ROTATED = "key_rotated"
    KEYS_CHANGED = "keys_changed"
    NEW_DEVICE = "new_device"
    TERMS_CHANGED = "terms_changed"
    PRICE_CHANGED = "price_changed"
    ACCOUNT_SUSPENDED = "account_suspended"
    IP_BANNED = "ip_banned"
    CLOUD_BUDGET_80 = "cloud_budget_80"
    CLOUD_BUDGET_100 = "cloud_budget_100"
    NEW_ENTERPRISE = "new_enterprise"
    CLOSING_REQUESTED = "closing_requested"
    ENQUIRY = "enquiry"
    PAYMENT_TO_REVIEW = "payment_to_review"
    DISPUTE_OPENED = "dispute_opened"
    PAYMENT_EVENT_DEAD = "payment_event_dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeType:
    parameters: tuple[str, ...] = ()
    """Exactly these are given with each notice of this kind."""
    is_essential: bool = False
    """Told whatever the account prefers: it is about security, the contract, or a service that stops."""
    is_for_operators: bool = False
    """Told to the operators and not to the account's holder."""


_ALERT = {"is_essential": True, "is_for_operators": True}

NOTICE_TYPES: Mapping[NoticeKind, NoticeType] = {
    NoticeKind.WELCOME: NoticeType(parameters=("credits",)),
    NoticeKind.TOPUP_CONFIRMED: NoticeType(parameters=("credits", "amount")),
    NoticeKind.SUBSCRIPTION_CONFIRMED: NoticeType(parameters=("plan", "credits", "ends_on")),
    NoticeKind.CREDIT_WARNING: NoticeType(parameters=("credits",)),
    NoticeKind.CREDITS_EXHAUSTED: NoticeType(),
    NoticeKind.CREDITS_EXPIRING: NoticeType(parameters=("credits", "expires_on")),
    NoticeKind.RENEWAL_REMINDER: NoticeType(parameters=("plan", "amount", "renews_on")),
    NoticeKind.TRIAL_WELCOME: NoticeType(parameters=("plan", "ends_on")),
    NoticeKind.TRIAL_REMINDER: NoticeType(parameters=("plan", "amount", "ends_on")),
    NoticeKind.TRIAL_CHARGED: NoticeType(parameters=("plan", "amount")),
    NoticeKind.TRIAL_UPGRADED: NoticeType(parameters=("plan",)),
    NoticeKind.TRIAL_CANCELLED: NoticeType(parameters=("plan",)),
    NoticeKind.CREDIT_BOUGHT: NoticeType(parameters=("credits", "amount", "receipt"), is_essential=True),
    NoticeKind.PAYMENT_RECEIVED: NoticeType(parameters=("amount", "receipt"), is_essential=True),
    NoticeKind.PAYMENT_FAILED: NoticeType(parameters=("amount",), is_essential=True),
    NoticeKind.PAYMENT_IN_REVIEW: NoticeType(parameters=("amount", "payment"), is_essential=True),
    NoticeKind.REFUND_DONE: NoticeType(parameters=("amount", "receipt"), is_essential=True),
    NoticeKind.RENEWAL_LINK: NoticeType(parameters=("plan", "amount", "ends_on", "url"), is_essential=True),
    NoticeKind.SUBSCRIPTION_RENEWED: NoticeType(parameters=("plan", "credits", "ends_on")),
    NoticeKind.SUBSCRIPTION_PAST_DUE: NoticeType(parameters=("plan", "amount", "ends_on"), is_essential=True),
    NoticeKind.SUBSCRIPTION_CANCELLED: NoticeType(parameters=("plan", "ends_on"), is_essential=True),
    NoticeKind.SUBSCRIPTION_ENDED: NoticeType(parameters=("plan",), is_essential=True),
    NoticeKind.KEY_CREATED: NoticeType(parameters=("name", "last4"), is_essential=True),
    NoticeKind.KEY_REVOKED: NoticeType(parameters=("name", "last4"), is_essential=True),
    NoticeKind.KEY_ROTATED: NoticeType(parameters=("name", "last4"), is_essential=True),
    NoticeKind.KEYS_CHANGED: NoticeType(is_essential=True),
    NoticeKind.NEW_DEVICE: NoticeType(parameters=("device", "address"), is_essential=True),
    NoticeKind.TERMS_CHANGED: NoticeType(parameters=("version", "begins_on"), is_essential=True),
    NoticeKind.PRICE_CHANGED: NoticeType(parameters=("version", "begins_on"), is_essential=True),
    NoticeKind.ACCOUNT_SUSPENDED: NoticeType(parameters=("reason",), is_essential=True),
    NoticeKind.IP_BANNED: NoticeType(parameters=("address", "reason"), **_ALERT),
    NoticeKind.CLOUD_BUDGET_80: NoticeType(parameters=("provider", "spent", "budget"), **_ALERT),
    NoticeKind.CLOUD_BUDGET_100: NoticeType(parameters=("provider", "spent", "budget"), **_ALERT),
    NoticeKind.NEW_ENTERPRISE: NoticeType(parameters=("account",), **_ALERT),
    NoticeKind.CLOSING_REQUESTED: NoticeType(parameters=("account",), **_ALERT),
    NoticeKind.ENQUIRY: NoticeType(parameters=("reply_to", "text"), **_ALERT),
    NoticeKind.PAYMENT_TO_REVIEW: NoticeType(parameters=("account", "payment", "problem"), **_ALERT),
    NoticeKind.DISPUTE_OPENED: NoticeType(parameters=("account", "payment", "amount"), **_ALERT),
    NoticeKind.PAYMENT_EVENT_DEAD: NoticeType(parameters=("provider", "event"), **_ALERT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that an account's holder, or the operators, are to be told. Raises ValueError if it is not whole."""

    kind: NoticeKind
    account_id: AccountId | None
    """Whom it is about; None only for notices to operators."""
    cause: str
    """What happened, by an id that is unique within the kind: a key, a grant. Each cause is told once."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text as people read it, with Western digits."""

    def __post_init__(self) -> None:
        type_ = NOTICE_TYPES[self.kind]
        if self.account_id is None and not type_.is_for_operators:
            raise ValueError(f"a notice {self.kind} needs an account")
        if set(self.parameters) != set(type_.parameters):
            raise ValueError(
                f"a notice {self.kind} has the parameters {', '.join(type_.parameters) or 'none'}"
            )
        if not self.cause:
            raise ValueError("a notice needs a cause")

    @property
    def key(self) -> str:
        """What the outbox tells once."""
        return f"{self.kind}:{self.cause}"

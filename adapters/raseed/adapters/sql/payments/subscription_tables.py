"""Tables of subscriptions, and of which period each payment paid."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from raseed.adapters.sql.metadata import BIGINT, moment, never_negative, one_of, table
from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.model import Mode
from raseed.core.payments.subscription_model import Role, SubscriptionState

subscriptions = table(
    "subscriptions",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("language", Text, nullable=False),
    moment("created_at"),
    Column("state", Text, nullable=False),
    moment("period_start", nullable=True),
    moment("period_end", nullable=True),
    moment("paid_until", nullable=True),
    moment("covered_until", nullable=True),  # NULL also in rows of an earlier version
    Column("is_trial", BIGINT, nullable=False),
    Column("cancels_at_end", BIGINT, nullable=False),
    Column("next_plan_id", Text, nullable=False),
    Column("provider_subscription_id", Text, nullable=False),
    Column("is_refused", BIGINT, nullable=False),
    moment("ended_at", nullable=True),
    Column("end_reason", Text, nullable=False),
    moment("next_look_at", nullable=True),
    Column("version", BIGINT, nullable=False),
    PrimaryKeyConstraint("id"),
    Index(None, "account_id", "id"),
    one_of("state", list(SubscriptionState)),
    *(
        CheckConstraint(f"{name} IN (0, 1)", name=f"{name}_boolean")
        for name in ("is_trial", "cancels_at_end", "is_refused")
    ),
    CheckConstraint("(period_start IS NULL) = (period_end IS NULL)", name="period_whole"),
    CheckConstraint("(period_start IS NULL) = (paid_until IS NULL)", name="period_paid"),
    rowid=True,
)

_LIVE = "state NOT IN ('canceled', 'ended')"

Index(
    "ix_subscriptions_live",
    subscriptions.c.account_id,
    unique=True,
    sqlite_where=text(_LIVE),
    postgresql_where=text(_LIVE),
)

Index(
    "ix_subscriptions_next_look_at",
    subscriptions.c.next_look_at,
    sqlite_where=text("next_look_at IS NOT NULL"),
    postgresql_where=text("next_look_at IS NOT NULL"),
)

subscription_periods = table(
    # What each payment pays for, allotted once.
    "subscription_periods",
    Column("subscription_id", Text, ForeignKey("subscriptions.id"), nullable=False),
    Column("number", BIGINT, nullable=False),
    Column("id", Text, nullable=False),  # of the payment; of a trial, the subscription's
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    moment("begins_at"),
    moment("ends_at"),
    moment("anchor_at"),
    Column("is_trial", BIGINT, nullable=False),
    moment("allotted_at"),
    Column("extra_microcredits", BIGINT),
    Column("is_settled", BIGINT, nullable=False),
    PrimaryKeyConstraint("subscription_id", "number"),
    UniqueConstraint("id"),
    Index(None, "account_id", "id"),
    one_of("role", list(Role)),
    CheckConstraint("begins_at < ends_at", name="ends_later"),
    CheckConstraint("is_trial IN (0, 1)", name="is_trial_boolean"),
    CheckConstraint("is_settled IN (0, 1)", name="is_settled_boolean"),
    *never_negative("extra_microcredits"),
)

Index(
    # An account tries one plan, once.
    "ix_subscription_periods_trial",
    subscription_periods.c.account_id,
    unique=True,
    sqlite_where=text("is_trial = 1"),
    postgresql_where=text("is_trial = 1"),
)

provider_subscriptions = table(
    # Agreements at providers that renew by themselves.
    "provider_subscriptions",
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("id", Text, nullable=False),  # the provider's
    Column("subscription_id", Text, ForeignKey("subscriptions.id"), nullable=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("is_to_cancel", BIGINT, nullable=False),
    Column("is_canceled", BIGINT, nullable=False),
    PrimaryKeyConstraint("provider", "mode", "id"),
    Index(None, "subscription_id"),
    one_of("provider", list(PaymentProvider)),
    one_of("mode", list(Mode)),
    CheckConstraint("is_to_cancel IN (0, 1)", name="is_to_cancel_boolean"),
    CheckConstraint("is_canceled IN (0, 1)", name="is_canceled_boolean"),
)

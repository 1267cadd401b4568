"""Tables of payments, of refunds, and of what providers tell of them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from raseed.adapters.sql.metadata import BIGINT, amount, moment, never_negative, one_of, table
from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.inbox import EventState
from raseed.core.payments.model import ItemKind, Mode, PaymentState, RefundState
from raseed.core.payments.ports import EventKind

payment_events = table(
    # The inbox: a row for each event, for ever, so that its repetition is known for one. It says which payment to look at,
    # never an amount.
    "payment_events",
    Column("id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("provider_payment_id", Text, nullable=False),
    Column("provider_subscription_id", Text, nullable=False),
    # As they came; emptied after a while, because they name the buyer.
    Column("headers", Text),  # JSON
    Column("body", LargeBinary),
    Column("state", Text, nullable=False),
    Column("attempts", BIGINT, nullable=False),
    moment("due_at"),  # while it is handled: when whoever handles it is taken for dead
    Column("error", Text, nullable=False),
    Column("payment_id", Text, nullable=False),  # what it was found to be about
    moment("received_at"),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("provider", "mode", "key"),
    one_of("provider", list(PaymentProvider)),
    one_of("mode", list(Mode)),
    one_of("kind", list(EventKind)),
    one_of("state", list(EventState)),
    *never_negative("attempts"),
    CheckConstraint("(state = 'new') = (ended_at IS NULL)", name="ended_once"),
    CheckConstraint("(body IS NULL) = (headers IS NULL)", name="emptied_whole"),
    Index(None, "state", "id"),
    rowid=True,
)

for _name, _column, _condition in (
    ("due", payment_events.c.due_at, "state = 'new'"),
    ("kept", payment_events.c.received_at, "body IS NOT NULL"),
    ("payment", payment_events.c.payment_id, "payment_id <> ''"),
):
    Index(
        f"ix_payment_events_{_name}",
        _column,
        sqlite_where=text(_condition),
        postgresql_where=text(_condition),
    )

payments = table(
    # Orders: written before the provider hears of them, and never deleted.
    "payments",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("request_key", Text, nullable=False),  # the caller's: one order for each
    Column("actor", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("item_kind", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("item_quantity", BIGINT, nullable=False),
    Column("amount_minor", BIGINT, nullable=False),
    Column("currency", Text, nullable=False),
    amount("credit"),
    Column("product_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("subscription_id", Text),
    moment("period_start", nullable=True),
    moment("period_end", nullable=True),
    moment("created_at"),
    Column("state", Text, nullable=False),
    Column("url", Text, nullable=False),
    moment("expires_at", nullable=True),
    Column("invoice_id", Text, nullable=False),
    Column("provider_payment_id", Text, nullable=False),
    moment("paid_at", nullable=True),
    moment("credited_at", nullable=True),
    Column("received_minor", BIGINT),  # NULL: nothing is verified, or by an earlier version, as ordered
    amount("granted"),
    Column("refunded_minor", BIGINT, nullable=False),
    Column("disputed_minor", BIGINT, nullable=False),
    amount("withdrawn"),
    amount("withdrawing"),
    Column("withdrawal_count", BIGINT, nullable=False),
    Column("problem", Text, nullable=False),
    Column("version", BIGINT, nullable=False),
    Column("check_count", BIGINT, nullable=False),
    moment("next_check_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("account_id", "request_key"),
    one_of("provider", list(PaymentProvider)),
    one_of("mode", list(Mode)),
    one_of("item_kind", list(ItemKind)),
    one_of("state", list(PaymentState)),
    *never_negative("credit_microcredits", "refunded_minor", "disputed_minor", "version", "check_count"),
    CheckConstraint("item_quantity > 0", name="item_quantity_positive"),
    CheckConstraint("amount_minor > 0", name="amount_minor_positive"),
    CheckConstraint(
        "withdrawn_microcredits >= 0 AND withdrawing_microcredits >= 0 "
        "AND withdrawn_microcredits + withdrawing_microcredits <= credit_microcredits",
        name="withdrawn_within_credit",
    ),
    CheckConstraint(
        "state NOT IN ('paid', 'credited') OR paid_at IS NOT NULL",
        name="paid_at_known",
    ),
    CheckConstraint("(state = 'credited') = (credited_at IS NOT NULL)", name="credited_at_known"),
    rowid=True,
)

Index("ix_payments_account_id_id", payments.c.account_id, payments.c.id)

Index("ix_payments_state_id", payments.c.state, payments.c.id)

Index(
    "ix_payments_next_check_at",
    payments.c.next_check_at,
    sqlite_where=text("next_check_at IS NOT NULL"),
    postgresql_where=text("next_check_at IS NOT NULL"),
)

Index(
    "ix_payments_paid_at",
    payments.c.paid_at,
    sqlite_where=text("paid_at IS NOT NULL"),
    postgresql_where=text("paid_at IS NOT NULL"),
)

Index(
    "ix_payments_subscription_id",
    payments.c.subscription_id,
    payments.c.id,
    sqlite_where=text("subscription_id IS NOT NULL"),
    postgresql_where=text("subscription_id IS NOT NULL"),
)

Index(
    "ix_payments_invoice_id",
    payments.c.provider,
    payments.c.mode,
    payments.c.invoice_id,
    unique=True,
    sqlite_where=text("invoice_id <> ''"),
    postgresql_where=text("invoice_id <> ''"),
)

Index(
    "ix_payments_provider_payment_id",
    payments.c.provider,
    payments.c.mode,
    payments.c.provider_payment_id,
    unique=True,
    sqlite_where=text("provider_payment_id <> ''"),
    postgresql_where=text("provider_payment_id <> ''"),
)

refunds = table(
    # Changed together with their payment only, under its version.
    "refunds",
    Column("id", Text, nullable=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("request_key", Text, nullable=False),  # empty: nobody of ours asked for it
    Column("amount_minor", BIGINT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("provider_refund_id", Text, nullable=False),
    Column("is_dispute", BIGINT, nullable=False),
    moment("created_at"),
    moment("asked_at", nullable=True),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    one_of("state", list(RefundState)),
    CheckConstraint("amount_minor > 0", name="amount_minor_positive"),
    CheckConstraint("is_dispute IN (0, 1)", name="is_dispute_boolean"),
    CheckConstraint("(state IN ('done', 'failed')) = (ended_at IS NOT NULL)", name="ended_once"),
)

Index("ix_refunds_payment_id_id", refunds.c.payment_id, refunds.c.id)

Index(
    "ix_refunds_request_key",
    refunds.c.payment_id,
    refunds.c.request_key,
    unique=True,
    sqlite_where=text("request_key <> ''"),
    postgresql_where=text("request_key <> ''"),
)

Index(
    "ix_refunds_provider_refund_id",
    refunds.c.provider,
    refunds.c.mode,
    refunds.c.provider_refund_id,
    unique=True,
    sqlite_where=text("provider_refund_id <> ''"),
    postgresql_where=text("provider_refund_id <> ''"),
)

"""Tables of payments and of what providers tell of them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from raseed.adapters.sql.metadata import BIGINT, moment, never_negative, one_of, table
from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.inbox import EventState
from raseed.core.payments.model import Mode
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

"""Tables of notices and of what accounts want to be told."""

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

from raseed.adapters.sql.metadata import BIGINT, amount, moment, one_of, table
from raseed.core.messaging.outbox import NoticeState

broadcasts = table(
    # Notices to every active account: one for each version of what they tell of.
    "broadcasts",
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("begins_on", Text, nullable=False),
    Column("actor", Text, nullable=False),
    moment("created_at"),
    # Id of the last account that was looked at; empty: none yet.
    Column("done_to", Text, nullable=False),
    Column("account_count", BIGINT, nullable=False),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("kind", "version"),
)

outbox = table(
    # Notices: written in the transaction of their cause, sent by a job, kept for a while so that each is told once.
    "outbox",
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id")),
    Column("kind", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # JSON; emptied when it has arrived, as far as that is told
    Column("state", Text, nullable=False),
    Column("attempts", BIGINT, nullable=False),
    moment("due_at"),  # while it is being sent: when whoever sends it is taken for dead
    Column("channel", Text, nullable=False),  # the last one that was tried
    Column("provider_id", Text, nullable=False),
    Column("delivery", Text, nullable=False),  # what the provider told of it since
    Column("error", Text, nullable=False),
    moment("created_at"),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("key"),
    one_of("state", list(NoticeState)),
    CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended_once"),
    rowid=True,
)

Index(
    "ix_outbox_due",
    outbox.c.due_at,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)

Index(
    "ix_outbox_failed",
    outbox.c.id,
    sqlite_where=text("state = 'failed'"),
    postgresql_where=text("state = 'failed'"),
)

Index(
    "ix_outbox_ended",
    outbox.c.ended_at,
    sqlite_where=text("ended_at IS NOT NULL"),
    postgresql_where=text("ended_at IS NOT NULL"),
)

Index(
    "ix_outbox_provider_id",
    outbox.c.provider_id,
    sqlite_where=text("provider_id <> ''"),
    postgresql_where=text("provider_id <> ''"),
)

notice_preferences = table(
    # What an account wants to be told, where it has said so.
    "notice_preferences",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("is_wanted", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id", "kind"),
    CheckConstraint("is_wanted IN (0, 1)", name="is_wanted_boolean"),
)

refills = table(
    # What an account had after it last got credit: the measure of "running low".
    "refills",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("grant_id", Text, nullable=False),
    amount("basis"),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("basis_microcredits >= 0", name="basis_not_negative"),
)

"""Tables of redemption codes, and of who redeemed them."""

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

from raseed.adapters.sql.metadata import BIGINT, amount, moment, table

code_batches = table(
    "code_batches",
    Column("id", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    amount("credit"),
    Column("code_count", BIGINT, nullable=False),
    Column("uses_per_code", BIGINT, nullable=False),
    moment("expires_at", nullable=True),
    Column("credit_life_us", BIGINT),
    Column("note", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("id"),
    CheckConstraint("credit_microcredits > 0", name="credit_positive"),
    CheckConstraint("code_count > 0 AND uses_per_code > 0", name="counts_positive"),
)

redemption_codes = table(
    # Of the code itself there is a keyed hash alone.
    "redemption_codes",
    Column("id", Text, nullable=False),
    Column("batch_id", Text, ForeignKey("code_batches.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("use_count", BIGINT, nullable=False),
    Column(
        "uses_max", BIGINT, nullable=False
    ),  # that of the batch, so that the table itself refuses one use too many
    moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("digest"),
    CheckConstraint("use_count BETWEEN 0 AND uses_max", name="used_within_bounds"),
    Index(None, "batch_id", "id"),
)

redemptions = table(
    # Written before the ledger is asked, and never deleted.
    "redemptions",
    Column("code_id", Text, ForeignKey("redemption_codes.id"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("actor", Text, nullable=False),
    amount("credit"),
    moment("credit_expires_at", nullable=True),
    moment("redeemed_at"),
    moment("due_at", nullable=True),  # when a job asks the ledger for it; NULL: the ledger has it
    PrimaryKeyConstraint("code_id", "account_id"),
    Index(None, "account_id", "code_id"),
)

Index(
    "ix_redemptions_due_at",
    redemptions.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

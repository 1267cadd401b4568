"""Redemption codes, and who redeemed them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_updates

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "code_batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("credit_microcredits", BIGINT, nullable=False),
        sa.Column("code_count", BIGINT, nullable=False),
        sa.Column("uses_per_code", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=True),
        sa.Column("credit_life_us", BIGINT, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("revoked_at", BIGINT, nullable=True),
        sa.CheckConstraint("credit_microcredits > 0", name=op.f("ck_code_batches_credit_positive")),
        sa.CheckConstraint(
            "code_count > 0 AND uses_per_code > 0", name=op.f("ck_code_batches_counts_positive")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_batches")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "redemption_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_version", BIGINT, nullable=False),
        sa.Column("use_count", BIGINT, nullable=False),
        sa.Column("uses_max", BIGINT, nullable=False),
        sa.Column("revoked_at", BIGINT, nullable=True),
        sa.CheckConstraint(
            "use_count BETWEEN 0 AND uses_max", name=op.f("ck_redemption_codes_used_within_bounds")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["code_batches.id"], name=op.f("fk_redemption_codes_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption_codes")),
        sa.UniqueConstraint("digest", name=op.f("uq_redemption_codes_digest")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_redemption_codes_batch_id_id", "redemption_codes", ["batch_id", "id"])
    op.create_table(
        "redemptions",
        sa.Column("code_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("credit_microcredits", BIGINT, nullable=False),
        sa.Column("credit_expires_at", BIGINT, nullable=True),
        sa.Column("redeemed_at", BIGINT, nullable=False),
        sa.Column("due_at", BIGINT, nullable=True),
        sa.ForeignKeyConstraint(["code_id"], ["redemption_codes.id"], name=op.f("fk_redemptions_code_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_redemptions_account_id")),
        sa.PrimaryKeyConstraint("code_id", "account_id", name=op.f("pk_redemptions")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_redemptions_account_id_code_id", "redemptions", ["account_id", "code_id"])
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_redemptions_due_at", "redemptions", ["due_at"], sqlite_where=is_due, postgresql_where=is_due
    )
    # What a code gives, and what was redeemed, is never changed: only uses, revocations and what is due.
    refuse_updates(
        "code_batches",
        columns=(
            *("id", "prefix", "credit_microcredits", "code_count", "uses_per_code", "expires_at"),
            *("credit_life_us", "created_by", "created_at"),
        ),
    )
    refuse_updates("redemption_codes", columns=("id", "batch_id", "digest", "pepper_version", "uses_max"))
    refuse_updates(
        "redemptions",
        columns=(
            *("code_id", "account_id", "actor", "credit_microcredits", "credit_expires_at", "redeemed_at"),
        ),
    )

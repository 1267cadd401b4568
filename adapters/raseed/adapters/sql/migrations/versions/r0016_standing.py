"""How accounts stand with the operators, their notes, and the queue of tiers that end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
INDEXES = {
    "ix_accounts_tier_ends": ("accounts", "tier_expires_at", "tier_expires_at IS NOT NULL"),
    "ix_account_standing_forfeits": ("account_standing", "account_id", "is_forfeit_due = 1"),
}


def upgrade() -> None:
    op.create_table(
        "account_standing",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", BIGINT, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("second_of", sa.Text(), nullable=True),
        sa.Column("is_forfeit_due", BIGINT, nullable=False),
        sa.Column("forfeit_microcredits", BIGINT, nullable=True),
        sa.CheckConstraint("is_forfeit_due IN (0, 1)", name=op.f("ck_account_standing_is_forfeit_due_known")),
        sa.CheckConstraint(
            "forfeit_microcredits >= 0", name=op.f("ck_account_standing_forfeit_microcredits_not_negative")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_standing_account_id")),
        sa.ForeignKeyConstraint(["second_of"], ["accounts.id"], name=op.f("fk_account_standing_second_of")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_standing")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_notes_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_notes")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_account_notes_account_id_id"), "account_notes", ["account_id", "id"])
    for name, (table, column, condition) in INDEXES.items():
        op.create_index(
            name, table, [column], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition)
        )

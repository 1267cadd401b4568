"""Holders' wishes to have their account closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "closing_requests",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("requested_at", BIGINT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wants_erasure", BIGINT, nullable=False),
        sa.CheckConstraint("wants_erasure IN (0, 1)", name=op.f("ck_closing_requests_wants_erasure_boolean")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_closing_requests_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_closing_requests")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

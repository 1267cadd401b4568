"""Notices to every active account, and how far each has got."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("begins_on", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("done_to", sa.Text(), nullable=False),
        sa.Column("account_count", BIGINT, nullable=False),
        sa.Column("ended_at", BIGINT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
        sa.UniqueConstraint("kind", "version", name=op.f("uq_broadcasts_kind_version")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

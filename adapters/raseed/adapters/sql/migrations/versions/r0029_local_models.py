"""The catalogue of local models: versions, their artifacts, aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_updates

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
STATES = "state IN ('draft', 'refused', 'checked', 'approved')"


def upgrade() -> None:
    op.create_table(
        "model_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("context_length", BIGINT, nullable=True),
        sa.Column("vocab_size", BIGINT, nullable=True),
        sa.Column("dtype", sa.Text(), nullable=True),
        sa.Column("estimated_bytes", BIGINT, nullable=True),
        sa.Column("measured_bytes", BIGINT, nullable=True),
        sa.Column("is_pinned", BIGINT, nullable=False),
        sa.Column("keep_alive_s", BIGINT, nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.CheckConstraint(STATES, name=op.f("ck_model_versions_state_known")),
        sa.CheckConstraint("is_pinned IN (0, 1)", name=op.f("ck_model_versions_is_pinned_boolean")),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_model_versions")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_artifacts",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIGINT, nullable=False),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_model_artifacts_size_bytes_not_negative")),
        _of_version("model_artifacts"),
        sa.PrimaryKeyConstraint("model", "version", "name", name=op.f("pk_model_artifacts")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("previous_model", sa.Text(), nullable=True),
        sa.Column("previous_version", sa.Text(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", BIGINT, nullable=False),
        sa.CheckConstraint(
            "(previous_model IS NULL) = (previous_version IS NULL)",
            name=op.f("ck_model_aliases_previous_whole"),
        ),
        _of_version("model_aliases"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_model_aliases")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_model_aliases_model_version"), "model_aliases", ["model", "version"])
    refuse_updates("model_artifacts", columns=("model", "version", "name", "sha256", "size_bytes"))


def _of_version(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["model", "version"],
        ["model_versions.model", "model_versions.version"],
        name=op.f(f"fk_{table}_model"),
    )

"""API keys: mode, the key that made them, models, addresses, rate limits, the secret before, last use, the request that
made them.

Workers of the version before do not look at what is new: bounds hold when the last of them has stopped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("mode", sa.Text(), server_default="live", nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("allowed_models", sa.Text()),
        sa.Column("allowed_networks", sa.Text()),
        sa.Column("requests_per_minute", BIGINT),
        sa.Column("tokens_per_minute", BIGINT),
        sa.Column("concurrency", BIGINT),
        sa.Column("past_digest", sa.LargeBinary()),
        sa.Column("past_pepper_version", BIGINT),
        sa.Column("past_ends_at", BIGINT),
        sa.Column("rotated_by", sa.LargeBinary()),
        sa.Column("last_used_at", BIGINT),
        sa.Column("request_digest", sa.LargeBinary()),
        sa.Column("request_input", sa.LargeBinary()),
    ):
        op.add_column("api_keys", column)
    op.create_index(op.f("ix_api_keys_parent_id"), "api_keys", ["parent_id"])
    op.create_index(op.f("uq_api_keys_request_digest"), "api_keys", ["request_digest"], unique=True)

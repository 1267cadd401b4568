"""A transaction's place in the hash chain, given once, and an index of those that have none yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_second_value

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "chain": ("chain_seq", "chain_seq IS NOT NULL", True),
    "unsealed": ("id", "chain_seq IS NULL", False),
}


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
    op.add_column("ledger_tx", sa.Column("chain_seq", number, nullable=True))
    for name, (column, condition, is_unique) in INDEXES.items():
        op.create_index(
            f"ix_ledger_tx_{name}",
            "ledger_tx",
            [column],
            unique=is_unique,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    refuse_second_value("ledger_tx", "chain_seq")

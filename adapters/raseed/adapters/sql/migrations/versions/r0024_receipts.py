"""Receipts and credit notes, their numbers, and who bought."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_changes, refuse_replacing, refuse_updates

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
KINDS = ("receipt", "credit_note", "payment_confirmation", "refund_confirmation")
COLUMNS = (
    *("id", "number", "series", "year", "ordinal", "kind", "account_id", "payment_id", "refund_id"),
    *("issued_at", "snapshot"),
)


def upgrade() -> None:
    op.create_table(
        "receipt_counters",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", BIGINT, nullable=False),
        sa.Column("last_ordinal", BIGINT, nullable=False),
        sa.CheckConstraint("last_ordinal > 0", name=op.f("ck_receipt_counters_last_ordinal_positive")),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_receipt_counters")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    op.create_table(
        "receipts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", BIGINT, nullable=False),
        sa.Column("ordinal", BIGINT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Text(), nullable=False),
        sa.Column("issued_at", BIGINT, nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_receipts_kind_known")),
        sa.CheckConstraint(
            "(kind IN ('credit_note', 'refund_confirmation')) = (refund_id <> '')",
            name=op.f("ck_receipts_of_a_refund"),
        ),
        sa.CheckConstraint("ordinal > 0", name=op.f("ck_receipts_ordinal_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_receipts_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_receipts_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("number", name=op.f("uq_receipts_number")),
        sa.UniqueConstraint("series", "year", "ordinal", name=op.f("uq_receipts_series_year_ordinal")),
        sa.UniqueConstraint("payment_id", "refund_id", name=op.f("uq_receipts_payment_id_refund_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_receipts_account_id_id", "receipts", ["account_id", "id"])
    op.create_table(
        "receipt_buyers",
        sa.Column("receipt_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone_e164", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_receipt_buyers_receipt_id")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt_buyers")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    refuse_changes("receipts", columns=COLUMNS)
    refuse_replacing(
        "receipts", ("id",), ("number",), ("series", "year", "ordinal"), ("payment_id", "refund_id")
    )
    refuse_updates("receipt_buyers", columns=("receipt_id", "name", "email", "phone_e164"))

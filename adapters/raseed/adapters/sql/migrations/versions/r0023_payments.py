"""Payments and refunds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "payments",
        *_texts("id", "account_id", "request_key", "actor", "provider", "mode", "item_kind", "item_id"),
        *_numbers("item_quantity", "amount_minor"),
        *_texts("currency"),
        *_numbers("credit_microcredits"),
        *_texts("product_id", "method", "language"),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        *_numbers("period_start", "period_end", nullable=True),
        *_numbers("created_at"),
        *_texts("state", "url"),
        *_numbers("expires_at", nullable=True),
        *_texts("invoice_id", "provider_payment_id"),
        *_numbers("paid_at", "credited_at", nullable=True),
        *_numbers("granted_microcredits"),
        *_numbers("refunded_minor", "disputed_minor", "withdrawn_microcredits", "withdrawing_microcredits"),
        *_numbers("withdrawal_count"),
        *_texts("problem"),
        *_numbers("version", "check_count"),
        *_numbers("next_check_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_payments_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("account_id", "request_key", name=op.f("uq_payments_account_id_request_key")),
        _check("payments", "provider_known", "provider IN ('myfatoorah', 'creem')"),
        _check("payments", "mode_known", "mode IN ('test', 'live')"),
        _check("payments", "item_kind_known", "item_kind IN ('pack', 'topup', 'plan', 'keys')"),
        _check(
            "payments",
            "state_known",
            "state IN ('created', 'pending', 'paid', 'credited', 'failed', 'expired', 'review', 'rejected')",
        ),
        *(
            _check("payments", f"{column}_not_negative", f"{column} >= 0")
            for column in (
                "credit_microcredits",
                "refunded_minor",
                "disputed_minor",
                "version",
                "check_count",
            )
        ),
        _check("payments", "item_quantity_positive", "item_quantity > 0"),
        _check("payments", "amount_minor_positive", "amount_minor > 0"),
        _check(
            "payments",
            "withdrawn_within_credit",
            "withdrawn_microcredits >= 0 AND withdrawing_microcredits >= 0 "
            "AND withdrawn_microcredits + withdrawing_microcredits <= credit_microcredits",
        ),
        _check("payments", "paid_at_known", "state NOT IN ('paid', 'credited') OR paid_at IS NOT NULL"),
        _check("payments", "credited_at_known", "(state = 'credited') = (credited_at IS NOT NULL)"),
        sqlite_strict=True,
    )
    op.create_index("ix_payments_account_id_id", "payments", ["account_id", "id"])
    op.create_index("ix_payments_state_id", "payments", ["state", "id"])
    _partial("payments", "next_check_at", ["next_check_at"], "next_check_at IS NOT NULL")
    _partial("payments", "paid_at", ["paid_at"], "paid_at IS NOT NULL")
    _partial("payments", "subscription_id", ["subscription_id", "id"], "subscription_id IS NOT NULL")
    for column in ("invoice_id", "provider_payment_id"):
        _partial("payments", column, ["provider", "mode", column], f"{column} <> ''", unique=True)
    op.create_table(
        "refunds",
        *_texts("id", "payment_id", "provider", "mode", "request_key"),
        *_numbers("amount_minor"),
        *_texts("reason", "actor", "state", "provider_refund_id"),
        *_numbers("is_dispute", "created_at"),
        *_numbers("asked_at", "ended_at", nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        _check("refunds", "state_known", "state IN ('requested', 'pending', 'done', 'failed')"),
        _check("refunds", "amount_minor_positive", "amount_minor > 0"),
        _check("refunds", "is_dispute_boolean", "is_dispute IN (0, 1)"),
        _check("refunds", "ended_once", "(state IN ('done', 'failed')) = (ended_at IS NOT NULL)"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_refunds_payment_id_id", "refunds", ["payment_id", "id"])
    _partial("refunds", "request_key", ["payment_id", "request_key"], "request_key <> ''", unique=True)
    _partial(
        "refunds",
        "provider_refund_id",
        ["provider", "mode", "provider_refund_id"],
        "provider_refund_id <> ''",
        unique=True,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, BIGINT, nullable=nullable) for name in names]


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _partial(table: str, name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    op.create_index(
        f"ix_{table}_{name}",
        table,
        columns,
        unique=unique,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )

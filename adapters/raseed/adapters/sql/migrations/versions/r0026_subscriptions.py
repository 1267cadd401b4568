"""Subscriptions, their periods, and their agreements at providers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
PROVIDERS = "provider IN ('myfatoorah', 'creem')"
MODES = "mode IN ('test', 'live')"
STATES = "state IN ('pending', 'trialing', 'active', 'past_due', 'grace', 'canceled', 'ended')"


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        *_texts("id", "account_id", "actor", "plan_id", "language"),
        *_numbers("created_at"),
        *_texts("state"),
        *_numbers("period_start", "period_end", "paid_until", nullable=True),
        *_numbers("is_trial", "cancels_at_end"),
        *_texts("next_plan_id", "provider_subscription_id"),
        *_numbers("is_refused"),
        *_numbers("ended_at", nullable=True),
        *_texts("end_reason"),
        *_numbers("next_look_at", nullable=True),
        *_numbers("version"),
        _refers("subscriptions", "account_id", "accounts.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        _check("subscriptions", "state_known", STATES),
        *_booleans("subscriptions", "is_trial", "cancels_at_end", "is_refused"),
        _check("subscriptions", "period_whole", "(period_start IS NULL) = (period_end IS NULL)"),
        _check("subscriptions", "period_paid", "(period_start IS NULL) = (paid_until IS NULL)"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_subscriptions_account_id_id"), "subscriptions", ["account_id", "id"])
    _partial("subscriptions", "live", ["account_id"], "state NOT IN ('canceled', 'ended')", unique=True)
    _partial("subscriptions", "next_look_at", ["next_look_at"], "next_look_at IS NOT NULL")
    op.create_table(
        "subscription_periods",
        *_texts("subscription_id"),
        *_numbers("number"),
        *_texts("id", "account_id", "plan_id", "role"),
        *_numbers("begins_at", "ends_at", "anchor_at", "is_trial", "allotted_at"),
        *_numbers("extra_microcredits", nullable=True),
        *_numbers("is_settled"),
        _refers("subscription_periods", "subscription_id", "subscriptions.id"),
        _refers("subscription_periods", "account_id", "accounts.id"),
        sa.PrimaryKeyConstraint("subscription_id", "number", name=op.f("pk_subscription_periods")),
        sa.UniqueConstraint("id", name=op.f("uq_subscription_periods_id")),
        _check("subscription_periods", "role_known", "role IN ('begin', 'next', 'aside')"),
        _check("subscription_periods", "ends_later", "begins_at < ends_at"),
        *_booleans("subscription_periods", "is_trial", "is_settled"),
        _check("subscription_periods", "extra_microcredits_not_negative", "extra_microcredits >= 0"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_subscription_periods_account_id_id"), "subscription_periods", ["account_id", "id"]
    )
    _partial("subscription_periods", "trial", ["account_id"], "is_trial = 1", unique=True)
    op.create_table(
        "provider_subscriptions",
        *_texts("provider", "mode", "id", "subscription_id", "payment_id"),
        *_numbers("is_to_cancel", "is_canceled"),
        _refers("provider_subscriptions", "subscription_id", "subscriptions.id"),
        _refers("provider_subscriptions", "payment_id", "payments.id"),
        sa.PrimaryKeyConstraint("provider", "mode", "id", name=op.f("pk_provider_subscriptions")),
        _check("provider_subscriptions", "provider_known", PROVIDERS),
        _check("provider_subscriptions", "mode_known", MODES),
        *_booleans("provider_subscriptions", "is_to_cancel", "is_canceled"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_provider_subscriptions_subscription_id"), "provider_subscriptions", ["subscription_id"]
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, BIGINT, nullable=nullable) for name in names]


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _booleans(table: str, *names: str) -> list[sa.CheckConstraint]:
    return [_check(table, f"{name}_boolean", f"{name} IN (0, 1)") for name in names]


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def _partial(table: str, name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    op.create_index(
        f"ix_{table}_{name}",
        table,
        columns,
        unique=unique,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )

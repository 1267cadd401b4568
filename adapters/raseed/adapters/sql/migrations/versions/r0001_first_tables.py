"""The first tables: accounts, keys, the ledger, usage, the change feed and the audit log.

Written out rather than taken from `tables.py`: a revision must make the same tables for ever.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_changes

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone_e164", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tier_expires_at", BIGINT, nullable=True),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'closed')", name=op.f("ck_accounts_status_known")
        ),
        sa.CheckConstraint(
            "tier IN ('free', 'starter', 'basic', 'pro', 'enterprise')", name=op.f("ck_accounts_tier_known")
        ),
        sa.CheckConstraint("email IS NOT NULL OR phone_e164 IS NOT NULL", name=op.f("ck_accounts_reachable")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
        sa.UniqueConstraint("phone_e164", name=op.f("uq_accounts_phone_e164")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_log",
        sa.Column("seq", BIGINT, autoincrement=True, nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "changes",
        sa.Column("seq", BIGINT, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("epoch", BIGINT, nullable=False),
        sa.Column("started_at", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operators",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("disabled_at", BIGINT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
        sa.UniqueConstraint("name", name=op.f("uq_operators_name")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_version", BIGINT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=True),
        sa.Column("revoked_at", BIGINT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_keys_public_id")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_api_keys_account_id_id"), "api_keys", ["account_id", "id"], unique=False)
    op.create_table(
        "balances",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("available_microcredits", BIGINT, nullable=False),
        sa.Column("held_microcredits", BIGINT, nullable=False),
        sa.Column("debt_microcredits", BIGINT, nullable=False),
        sa.Column("version", BIGINT, nullable=False),
        sa.CheckConstraint(
            "available_microcredits >= 0", name=op.f("ck_balances_available_microcredits_not_negative")
        ),
        sa.CheckConstraint("debt_microcredits >= 0", name=op.f("ck_balances_debt_microcredits_not_negative")),
        sa.CheckConstraint("held_microcredits >= 0", name=op.f("ck_balances_held_microcredits_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_balances_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_balances")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("grant_key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("amount_microcredits", BIGINT, nullable=False),
        sa.Column("remaining_microcredits", BIGINT, nullable=False),
        sa.Column("held_microcredits", BIGINT, nullable=False),
        sa.Column("priority", BIGINT, nullable=False),
        sa.Column("effective_at", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cost_basis_minor", BIGINT, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(status = 'active') = (remaining_microcredits > 0)",
            name=op.f("ck_grants_active_while_something_is_left"),
        ),
        sa.CheckConstraint(
            "source IN ('welcome', 'subscription', 'topup', 'adjustment', 'restore')",
            name=op.f("ck_grants_source_known"),
        ),
        sa.CheckConstraint(
            "status IN ('active', 'exhausted', 'expired', 'voided')", name=op.f("ck_grants_status_known")
        ),
        sa.CheckConstraint(
            "held_microcredits <= remaining_microcredits", name=op.f("ck_grants_held_within_remaining")
        ),
        sa.CheckConstraint("held_microcredits >= 0", name=op.f("ck_grants_held_not_negative")),
        sa.CheckConstraint(
            "remaining_microcredits <= amount_microcredits", name=op.f("ck_grants_remaining_within_amount")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_grants_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("account_id", "grant_key", name=op.f("uq_grants_account_id_grant_key")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_grants_spendable",
        "grants",
        ["account_id", "priority", "expires_at", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "ledger_tx",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("idem_key", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_ledger_tx_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_tx")),
        sa.UniqueConstraint("idem_key", name=op.f("uq_ledger_tx_idem_key")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_tx_account_id_at"), "ledger_tx", ["account_id", "at"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("amount_microcredits", BIGINT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_instance", sa.Text(), nullable=False),
        sa.Column("owner_epoch", BIGINT, nullable=False),
        sa.Column("lease_until", BIGINT, nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("opened_at", BIGINT, nullable=False),
        sa.Column("closed_at", BIGINT, nullable=True),
        sa.Column("cost_microcredits", BIGINT, nullable=True),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name=op.f("ck_holds_closed_once")),
        sa.CheckConstraint(
            "(state = 'open') = (cost_microcredits IS NULL)", name=op.f("ck_holds_cost_when_closed")
        ),
        sa.CheckConstraint("id <> ''", name=op.f("ck_holds_id_not_empty")),
        sa.CheckConstraint(
            "state IN ('open', 'settled', 'released', 'swept')", name=op.f("ck_holds_state_known")
        ),
        sa.CheckConstraint("amount_microcredits >= 0", name=op.f("ck_holds_amount_not_negative")),
        sa.CheckConstraint(
            "cost_microcredits BETWEEN 0 AND amount_microcredits", name=op.f("ck_holds_cost_within_amount")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_holds_api_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_holds_open",
        "holds",
        ["lease_until", "owner_instance", "owner_epoch"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("tx_id", sa.Text(), nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.Column("ledger_account", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.Column("amount_microcredits", BIGINT, nullable=False),
        sa.CheckConstraint("amount_microcredits <> 0", name=op.f("ck_ledger_entries_amount_not_zero")),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_ledger_entries_grant_id")),
        sa.ForeignKeyConstraint(["tx_id"], ["ledger_tx.id"], name=op.f("fk_ledger_entries_tx_id")),
        sa.PrimaryKeyConstraint("tx_id", "seq", name=op.f("pk_ledger_entries")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hold_allocations",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.Column("amount_microcredits", BIGINT, nullable=False),
        sa.CheckConstraint("amount_microcredits > 0", name=op.f("ck_hold_allocations_amount_positive")),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_hold_allocations_grant_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_hold_allocations_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", "grant_id", name=op.f("pk_hold_allocations")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_events",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("cost_microcredits", BIGINT, nullable=False),
        sa.Column("shortfall_microcredits", BIGINT, nullable=False),
        sa.Column("ledger_tx_id", sa.Text(), nullable=True),
        sa.Column("latency_ms", BIGINT, nullable=False),
        sa.Column("first_token_ms", BIGINT, nullable=True),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.CheckConstraint(
            "source IN ('engine', 'upstream', 'counted', 'checkpoint')",
            name=op.f("ck_usage_events_source_known"),
        ),
        sa.CheckConstraint(
            "cost_microcredits >= 0", name=op.f("ck_usage_events_cost_microcredits_not_negative")
        ),
        sa.CheckConstraint(
            "shortfall_microcredits >= 0", name=op.f("ck_usage_events_shortfall_microcredits_not_negative")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_events_account_id")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_usage_events_api_key_id")),
        sa.ForeignKeyConstraint(
            ["ledger_tx_id"], ["ledger_tx.id"], name=op.f("fk_usage_events_ledger_tx_id")
        ),
        sa.ForeignKeyConstraint(["request_id"], ["holds.id"], name=op.f("fk_usage_events_request_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_usage_events")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_usage_events_account_id_at"), "usage_events", ["account_id", "at"], unique=False)
    op.create_table(
        "usage_lines",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", BIGINT, nullable=False),
        sa.Column("unit_price_microcredits", BIGINT, nullable=False),
        sa.Column("per", BIGINT, nullable=False),
        sa.Column("cost_microcredits", BIGINT, nullable=False),
        sa.CheckConstraint(
            "meter IN ('input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens', 'images', 'audio_milliseconds', 'characters', 'search_units', 'requests')",
            name=op.f("ck_usage_lines_meter_known"),
        ),
        sa.CheckConstraint(
            "cost_microcredits >= 0", name=op.f("ck_usage_lines_cost_microcredits_not_negative")
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_usage_lines_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["usage_events.request_id"], name=op.f("fk_usage_lines_request_id")
        ),
        sa.PrimaryKeyConstraint("request_id", "meter", name=op.f("pk_usage_lines")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

    # What was booked is never changed. The two hash columns are filled in once, when the chain is sealed.
    refuse_changes(
        "ledger_entries", columns=("tx_id", "seq", "ledger_account", "grant_id", "amount_microcredits")
    )
    refuse_changes(
        "ledger_tx",
        columns=("id", "kind", "idem_key", "account_id", "ref", "actor", "at"),
        once=("prev_hash", "hash"),
    )
    refuse_changes(
        "audit_log", columns=("seq", "at", "actor", "action", "subject", "detail"), once=("prev_hash", "hash")
    )

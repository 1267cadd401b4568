"""Spend caps of members: caps belong to buckets, and a hold counts in every one of its spender.

What keys with a cap have spent moves to the new table as it is. On PostgreSQL workers of the version before go on with a
view of it, and count in the bucket of the hold's own key alone: caps of members, and keys of keys with a cap, are for
after the last of them has stopped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.versions.r0009_usage_sums_apart import _ledger_write

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
AMOUNTS = ("limit_microcredits", "charged_microcredits", "held_microcredits")
KEPT = "limit_microcredits, cap_window, window_begins_at, charged_microcredits, held_microcredits"
COLUMNS = (("holds", "parent_key_id"), ("holds", "person_id"), ("usage_events", "person_id"))
_FILLFACTOR_PERCENT = 90  # as of balances: updated in place, again and again

TYPES = {
    # Read: that of revision 0013 with what came since.
    "ledger_hold_image": """
        id text, account_id text, api_key_id text, model text, price text, input_hash text,
        amount_microcredits bigint, state text, owner_instance text, owner_epoch bigint, lease_until bigint,
        checkpoint text, opened_at bigint, closed_at bigint, cost_microcredits bigint, debt_microcredits bigint,
        parent_key_id text, person_id text""",
    "ledger_new_hold": """
        id text, account_id text, api_key_id text, model text, price text, input_hash text,
        amount_microcredits bigint, state text, owner_instance text, owner_epoch bigint, lease_until bigint,
        checkpoint text, opened_at bigint, closed_at bigint, cost_microcredits bigint, parent_key_id text,
        person_id text""",
    "ledger_new_usage_event": """
        request_id text, account_id text, api_key_id text, model text, source text, outcome text,
        finish_reason text, cost_microcredits bigint, shortfall_microcredits bigint, ledger_tx_id text,
        latency_ms bigint, first_token_ms bigint, backend text, at bigint, person_id text""",
    "ledger_bucket_row": """
        id text, limit_microcredits bigint, cap_window text, window_begins_at bigint, charged_microcredits bigint,
        held_microcredits bigint""",
    "ledger_bucket_change": """
        window_begins_at bigint, charged_microcredits bigint, held_microcredits bigint, id text""",
}

# What `ledger_write` does, and then what the two functions beside it do, in one: it locks the accounts and refuses if one
# of them changed, so whoever has an account has its buckets, holds and what it may owe.
_CHANGES = (
    ("CREATE OR REPLACE FUNCTION ledger_write(", "CREATE FUNCTION ledger_book("),
    ("p_new_holds ledger_hold_row[]", "p_new_holds ledger_new_hold[]"),
    ("p_usage_events ledger_usage_event_row[]", "p_usage_events ledger_new_usage_event[]"),
    (
        "p_usage_lines ledger_usage_line_row[]\n",
        """p_usage_lines ledger_usage_line_row[],
    p_buckets ledger_bucket_change[],
    p_reservations ledger_reservation_change[],
    p_hold_debts ledger_hold_debt_change[]
""",
    ),
    (
        "checkpoint, opened_at, closed_at, cost_microcredits\n        )",
        "checkpoint, opened_at, closed_at, cost_microcredits, parent_key_id,\n            person_id\n        )",
    ),
    (
        "latency_ms, first_token_ms, backend, at\n        )",
        "latency_ms, first_token_ms, backend, at, person_id\n        )",
    ),
    ("coalesce(e.api_key_id, '')", "coalesce(e.api_key_id, '@' || e.person_id, '')"),
    (
        "\nEND $$\n",
        """

    IF cardinality(p_buckets) > 0 THEN
        UPDATE spend_buckets AS k
        SET window_begins_at = w.window_begins_at,
            charged_microcredits = w.charged_microcredits,
            held_microcredits = w.held_microcredits
        FROM unnest(p_buckets) AS w
        WHERE k.id = w.id AND k.id = ANY(ARRAY(SELECT id FROM unnest(p_buckets)));
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(p_buckets) THEN
            RAISE EXCEPTION 'a bucket has no cap' USING ERRCODE = 'RL002';
        END IF;
    END IF;

    IF cardinality(p_reservations) > 0 THEN
        UPDATE balances AS b
        SET debt_reserved_microcredits = w.debt_reserved_microcredits
        FROM unnest(p_reservations) AS w
        WHERE b.account_id = w.account_id
            AND b.account_id = ANY(ARRAY(SELECT account_id FROM unnest(p_reservations)));
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(p_reservations) THEN
            RAISE EXCEPTION 'an account has no balance' USING ERRCODE = 'RL002';
        END IF;
        UPDATE holds AS h
        SET debt_microcredits = w.debt_microcredits
        FROM unnest(p_hold_debts) AS w
        WHERE h.id = w.id AND h.id = ANY(ARRAY(SELECT id FROM unnest(p_hold_debts)));
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(p_hold_debts) THEN
            RAISE EXCEPTION 'there is no such hold' USING ERRCODE = 'RL002';
        END IF;
    END IF;
END $$
""",
    ),
)


def upgrade() -> None:
    op.create_table(
        "spend_buckets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("limit_microcredits", BIGINT, nullable=False),
        sa.Column("cap_window", sa.Text(), nullable=False),
        sa.Column("window_begins_at", BIGINT, nullable=False),
        sa.Column("charged_microcredits", BIGINT, nullable=False),
        sa.Column("held_microcredits", BIGINT, nullable=False),
        sa.CheckConstraint(
            "cap_window IN ('lifetime', 'day', 'week', 'month')",
            name=op.f("ck_spend_buckets_cap_window_known"),
        ),
        *(
            sa.CheckConstraint(f"{amount} >= 0", name=op.f(f"ck_spend_buckets_{amount}_not_negative"))
            for amount in AMOUNTS
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_spend_buckets_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend_buckets")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_spend_buckets_account_id"), "spend_buckets", ["account_id"])
    op.execute(
        f"INSERT INTO spend_buckets (id, account_id, {KEPT}) "  # noqa: S608 - literals of this file
        f"SELECT k.api_key_id, a.account_id, {KEPT} FROM key_spends AS k JOIN api_keys AS a ON a.id = k.api_key_id"
    )
    op.drop_table("key_spends")
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.Text()))
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute(f"CREATE VIEW key_spends AS SELECT id AS api_key_id, {KEPT} FROM spend_buckets")  # noqa: S608
    op.execute(f"ALTER TABLE spend_buckets SET (fillfactor = {_FILLFACTOR_PERCENT})")
    for name, columns in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ({columns})")
    op.execute(_ledger_book())


def _ledger_book() -> str:
    function = _ledger_write()
    for before, after in _CHANGES:
        assert function.count(before) == 1, before
        function = function.replace(before, after)
    return function

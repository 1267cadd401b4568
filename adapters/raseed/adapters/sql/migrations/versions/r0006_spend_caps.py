"""Spend caps of API keys.

A key gets a row when it gets a cap. Workers of the version before do not count what they let a key spend: caps are for
after the last of them has stopped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
AMOUNTS = ("limit_microcredits", "charged_microcredits", "held_microcredits")

TYPES = {
    "ledger_key_spend_row": """
        api_key_id text, limit_microcredits bigint, cap_window text, window_begins_at bigint,
        charged_microcredits bigint, held_microcredits bigint""",
    "ledger_key_spend_change": """
        window_begins_at bigint, charged_microcredits bigint, held_microcredits bigint, api_key_id text""",
}

# Calls the function of before, which locks the accounts and refuses if one of them changed: whoever has a key's account
# has what the key spent, also to give the key another cap.
FUNCTION = """
CREATE FUNCTION ledger_write_capped(
    p_key_spends ledger_key_spend_change[],
    p_balances ledger_balance_row[],
    p_new_grants ledger_grant_row[],
    p_grants ledger_grant_change[],
    p_new_holds ledger_hold_row[],
    p_holds ledger_hold_change[],
    p_allocations ledger_allocation_row[],
    p_transactions ledger_tx_row[],
    p_entries ledger_entry_row[],
    p_usage_events ledger_usage_event_row[],
    p_usage_lines ledger_usage_line_row[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key_ids text[] := ARRAY(SELECT api_key_id FROM unnest(p_key_spends));
    found_count bigint;
BEGIN
    PERFORM ledger_write(
        p_balances, p_new_grants, p_grants, p_new_holds, p_holds, p_allocations, p_transactions, p_entries,
        p_usage_events, p_usage_lines
    );
    UPDATE key_spends AS k
    SET window_begins_at = w.window_begins_at,
        charged_microcredits = w.charged_microcredits,
        held_microcredits = w.held_microcredits
    FROM unnest(p_key_spends) AS w
    WHERE k.api_key_id = w.api_key_id AND k.api_key_id = ANY(key_ids);
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF found_count <> cardinality(p_key_spends) THEN
        RAISE EXCEPTION 'a key has no cap' USING ERRCODE = 'RL002';
    END IF;
END $$
"""
_FILLFACTOR_PERCENT = 90  # as of balances: updated in place, again and again


def upgrade() -> None:
    op.create_table(
        "key_spends",
        sa.Column("api_key_id", sa.Text(), nullable=False),
        sa.Column("limit_microcredits", BIGINT, nullable=False),
        sa.Column("cap_window", sa.Text(), nullable=False),
        sa.Column("window_begins_at", BIGINT, nullable=False),
        sa.Column("charged_microcredits", BIGINT, nullable=False),
        sa.Column("held_microcredits", BIGINT, nullable=False),
        sa.CheckConstraint(
            "cap_window IN ('lifetime', 'day', 'week', 'month')", name=op.f("ck_key_spends_cap_window_known")
        ),
        *(
            sa.CheckConstraint(f"{amount} >= 0", name=op.f(f"ck_key_spends_{amount}_not_negative"))
            for amount in AMOUNTS
        ),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_key_spends_api_key_id")),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("pk_key_spends")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name != "postgresql":
        return
    for name, columns in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ({columns})")
    op.execute(FUNCTION)
    op.execute(f"ALTER TABLE key_spends SET (fillfactor = {_FILLFACTOR_PERCENT})")

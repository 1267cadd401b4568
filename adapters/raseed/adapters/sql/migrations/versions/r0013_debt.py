"""What accounts may owe, and what open holds have reserved of that.

Workers of the version before settle what they placed, and none of that is owed: profiles that let accounts owe are for
after the last of them has stopped.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# (table, column, the rest of its definition, name of the check, condition)
COLUMNS = (
    (
        "accounts",
        "debt_limit_microcredits",
        "",
        "debt_limit_microcredits_not_negative",
        "debt_limit_microcredits >= 0",
    ),
    (
        "balances",
        "debt_reserved_microcredits",
        "DEFAULT 0 NOT NULL",
        "debt_reserved_microcredits_not_negative",
        "debt_reserved_microcredits >= 0",
    ),
    (
        "holds",
        "debt_microcredits",
        "DEFAULT 0 NOT NULL",
        "debt_within_amount",
        "debt_microcredits BETWEEN 0 AND amount_microcredits",
    ),
)

TYPES = {
    # Read, not written: those of revision 0002 with what came since.
    "ledger_account_state": """
        id text, status text, available_microcredits bigint, held_microcredits bigint, debt_microcredits bigint,
        debt_reserved_microcredits bigint, debt_limit_microcredits bigint, version bigint""",
    "ledger_hold_state": """
        id text, account_id text, api_key_id text, model text, price text, input_hash text,
        amount_microcredits bigint, state text, owner_instance text, owner_epoch bigint, lease_until bigint,
        checkpoint text, opened_at bigint, closed_at bigint, cost_microcredits bigint, debt_microcredits bigint""",
    "ledger_reservation_change": "debt_reserved_microcredits bigint, account_id text",
    "ledger_hold_debt_change": "debt_microcredits bigint, id text",
}

# Calls the functions of before, which lock the accounts and refuse if one of them changed: whoever has an account has
# its holds and what it may owe, also to give it another limit.
FUNCTION = """
CREATE FUNCTION ledger_write_owed(
    p_reservations ledger_reservation_change[],
    p_hold_debts ledger_hold_debt_change[],
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
    account_ids text[] := ARRAY(SELECT account_id FROM unnest(p_reservations));
    hold_ids text[] := ARRAY(SELECT id FROM unnest(p_hold_debts));
    found_count bigint;
BEGIN
    PERFORM ledger_write_capped(
        p_key_spends, p_balances, p_new_grants, p_grants, p_new_holds, p_holds, p_allocations, p_transactions,
        p_entries, p_usage_events, p_usage_lines
    );
    UPDATE balances AS b
    SET debt_reserved_microcredits = w.debt_reserved_microcredits
    FROM unnest(p_reservations) AS w
    WHERE b.account_id = w.account_id AND b.account_id = ANY(account_ids);
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF found_count <> cardinality(p_reservations) THEN
        RAISE EXCEPTION 'an account has no balance' USING ERRCODE = 'RL002';
    END IF;
    UPDATE holds AS h
    SET debt_microcredits = w.debt_microcredits
    FROM unnest(p_hold_debts) AS w
    WHERE h.id = w.id AND h.id = ANY(hold_ids);
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF found_count <> cardinality(p_hold_debts) THEN
        RAISE EXCEPTION 'there is no such hold' USING ERRCODE = 'RL002';
    END IF;
END $$
"""


def upgrade() -> None:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    whole_number = "BIGINT" if is_postgresql else "INTEGER"
    for table, column, rest, check, condition in COLUMNS:
        # As text: on SQLite a column can be added with its check, but a check not without its column.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} {whole_number} {rest} "
            f"CONSTRAINT ck_{table}_{check} CHECK ({condition})"
        )
    if not is_postgresql:
        return
    for name, columns in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ({columns})")
    op.execute(FUNCTION)

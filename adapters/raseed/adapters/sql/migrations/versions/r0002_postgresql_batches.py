"""PostgreSQL writes a whole batch of ledger commands in one call. Nothing changes on SQLite.

Each kind of row that a batch reads or writes is a composite type, and one function takes an array of each. The types are
not the tables' own row types: a later revision may add a column while workers of the version before it still serve, and
those go on with the columns that they know. Such a revision makes new types and a new function beside these.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TYPES = {
    "ledger_balance_row": """
        account_id text, available_microcredits bigint, held_microcredits bigint, debt_microcredits bigint,
        version bigint""",
    "ledger_grant_row": """
        id text, account_id text, grant_key text, source text, amount_microcredits bigint,
        remaining_microcredits bigint, held_microcredits bigint, priority bigint, effective_at bigint,
        expires_at bigint, status text, cost_basis_minor bigint, currency text, created_at bigint, reason text""",
    "ledger_grant_change": """
        id text, remaining_microcredits bigint, held_microcredits bigint, status text""",
    "ledger_hold_row": """
        id text, account_id text, api_key_id text, model text, price text, input_hash text,
        amount_microcredits bigint, state text, owner_instance text, owner_epoch bigint, lease_until bigint,
        checkpoint text, opened_at bigint, closed_at bigint, cost_microcredits bigint""",
    "ledger_hold_change": """
        id text, amount_microcredits bigint, state text, lease_until bigint, checkpoint text, closed_at bigint,
        cost_microcredits bigint""",
    "ledger_allocation_row": """
        hold_id text, grant_id text, seq bigint, amount_microcredits bigint""",
    "ledger_tx_row": """
        id text, kind text, idem_key text, account_id text, ref text, actor text, at bigint""",
    "ledger_entry_row": """
        tx_id text, seq bigint, ledger_account text, grant_id text, amount_microcredits bigint""",
    "ledger_usage_event_row": """
        request_id text, account_id text, api_key_id text, model text, source text, outcome text,
        finish_reason text, cost_microcredits bigint, shortfall_microcredits bigint, ledger_tx_id text,
        latency_ms bigint, first_token_ms bigint, backend text, at bigint""",
    "ledger_usage_line_row": """
        request_id text, meter text, quantity bigint, unit_price_microcredits bigint, per bigint,
        cost_microcredits bigint""",
}

# RL001: an account is not as it was when the batch was decided. RL002: a row that must be there is not.
FUNCTION = """
CREATE FUNCTION ledger_write(
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
    -- With its key among these, a row is found through the primary key, whatever the planner believes of the table's
    -- size. For the same reason nothing below names the condition of a partial index: a check says that an open hold
    -- is one without `closed_at`, and that an active grant is one with something left.
    account_ids text[] := ARRAY(SELECT account_id FROM unnest(p_balances));
    grant_ids text[] := ARRAY(SELECT id FROM unnest(p_grants));
    hold_ids text[] := ARRAY(SELECT id FROM unnest(p_holds));
    found_count bigint;
BEGIN
    -- In the order of the accounts, so that two batches never wait for each other in a ring. Whoever has the balance
    -- row has the account: nobody else changes its grants and holds meanwhile.
    SELECT count(*) INTO found_count FROM (
        SELECT FROM balances AS b
        JOIN unnest(p_balances) AS w ON w.account_id = b.account_id AND w.version = b.version
        WHERE b.account_id = ANY(account_ids)
        ORDER BY b.account_id
        FOR NO KEY UPDATE OF b
    ) AS locked;
    IF found_count <> cardinality(p_balances) THEN
        RAISE EXCEPTION 'an account changed since it was read' USING ERRCODE = 'RL001';
    END IF;

    UPDATE balances AS b
    SET available_microcredits = w.available_microcredits,
        held_microcredits = w.held_microcredits,
        debt_microcredits = w.debt_microcredits,
        version = w.version + 1
    FROM unnest(p_balances) AS w
    WHERE b.account_id = w.account_id AND b.account_id = ANY(account_ids);

    IF cardinality(p_new_grants) > 0 THEN
        INSERT INTO grants (
            id, account_id, grant_key, source, amount_microcredits, remaining_microcredits, held_microcredits,
            priority, effective_at, expires_at, status, cost_basis_minor, currency, created_at, reason
        )
        SELECT * FROM unnest(p_new_grants);
    END IF;

    UPDATE grants AS g
    SET remaining_microcredits = w.remaining_microcredits,
        held_microcredits = w.held_microcredits,
        status = w.status
    FROM unnest(p_grants) AS w
    WHERE g.id = w.id AND g.id = ANY(grant_ids) AND g.remaining_microcredits > 0;
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF found_count <> cardinality(p_grants) THEN
        RAISE EXCEPTION 'a grant is not active' USING ERRCODE = 'RL002';
    END IF;

    IF cardinality(p_new_holds) > 0 THEN
        INSERT INTO holds (
            id, account_id, api_key_id, model, price, input_hash, amount_microcredits, state, owner_instance,
            owner_epoch, lease_until, checkpoint, opened_at, closed_at, cost_microcredits
        )
        SELECT * FROM unnest(p_new_holds);
    END IF;

    IF cardinality(p_holds) > 0 THEN
        UPDATE holds AS h
        SET amount_microcredits = w.amount_microcredits,
            state = w.state,
            lease_until = w.lease_until,
            checkpoint = w.checkpoint,
            closed_at = w.closed_at,
            cost_microcredits = w.cost_microcredits
        FROM unnest(p_holds) AS w
        WHERE h.id = w.id AND h.id = ANY(hold_ids) AND h.closed_at IS NULL;
        GET DIAGNOSTICS found_count = ROW_COUNT;
        IF found_count <> cardinality(p_holds) THEN
            RAISE EXCEPTION 'a hold is not open' USING ERRCODE = 'RL002';
        END IF;
    END IF;

    IF cardinality(p_allocations) > 0 THEN
        INSERT INTO hold_allocations (hold_id, grant_id, seq, amount_microcredits)
        SELECT * FROM unnest(p_allocations)
        ON CONFLICT (hold_id, grant_id) DO UPDATE SET amount_microcredits = excluded.amount_microcredits;
    END IF;

    IF cardinality(p_transactions) > 0 THEN
        INSERT INTO ledger_tx (id, kind, idem_key, account_id, ref, actor, at)
        SELECT * FROM unnest(p_transactions);
        INSERT INTO ledger_entries (tx_id, seq, ledger_account, grant_id, amount_microcredits)
        SELECT * FROM unnest(p_entries);
    END IF;

    IF cardinality(p_usage_events) > 0 THEN
        INSERT INTO usage_events (
            request_id, account_id, api_key_id, model, source, outcome, finish_reason, cost_microcredits,
            shortfall_microcredits, ledger_tx_id, latency_ms, first_token_ms, backend, at
        )
        SELECT * FROM unnest(p_usage_events);
        INSERT INTO usage_lines (request_id, meter, quantity, unit_price_microcredits, per, cost_microcredits)
        SELECT * FROM unnest(p_usage_lines);
    END IF;
END $$
"""

# Room for the next version of a row on its own page: it is then updated without touching an index. Less than this and
# PostgreSQL tidies the page up at every visit; the rows of `holds` gain nothing, their one update is in an index.
FILLFACTORS = {"balances": 90, "grants": 90}

# UPDATE and DELETE are refused since the first revision; TRUNCATE, which SQLite does not have, fires no row trigger.
APPEND_ONLY = ("ledger_entries", "ledger_tx", "audit_log")


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for name, columns in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ({columns})")
    op.execute(FUNCTION)
    for table, percent in FILLFACTORS.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        )

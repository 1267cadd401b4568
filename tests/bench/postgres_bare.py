"""The other side of the PostgreSQL benchmark: plpgsql functions that write the same rows, with no ledger around them.

`bare_commands` is sent commands and takes one after the other, so each can be refused alone, as in a ledger written in
plpgsql. `bare_rows` is sent rows, as our store sends them, each once a batch: nothing is read beforehand, decided, queued
or answered, and nothing can be refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
from tests.unit.billing.builders import place

from raseed.adapters.sql.ledger import rows as ledger_rows
from raseed.adapters.sql.ledger.usage_sums import GRAINS
from raseed.core.billing.model import Meter
from raseed.core.clock import SystemClock
from raseed.core.ids import AccountId

AMOUNT = 100
COST = 40
PRICE = ledger_rows.price_text(place("any", 1).price)
USED = f'[["output_tokens",{COST}]]'

Pairs = Sequence[tuple[str, AccountId]]
"""Holds and their accounts."""


def _add_sums(settled: str) -> str:
    """Adds up usage by hour and day. `settled` has (account_id, at, cost) of each settlement."""
    return f"""
    INSERT INTO usage_sums (
        account_id, dimension, grain, begins_at, name, request_count, cost_microcredits, {", ".join(Meter)}
    )
    SELECT s.account_id, d.dimension, g.grain, s.at / g.length * g.length, d.name, count(*), sum(s.cost),
        {", ".join("sum(s.cost)" if meter is Meter.OUTPUT_TOKENS else "0" for meter in Meter)}
    FROM ({settled}) AS s (account_id, at, cost),
        (VALUES {", ".join(f"('{grain}', {length})" for grain, length in GRAINS.items())}) AS g (grain, length),
        (VALUES ('model', 'tiny'), ('key', '')) AS d (dimension, name)
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (account_id, dimension, grain, begins_at, name) DO UPDATE SET
        request_count = usage_sums.request_count + excluded.request_count,
        cost_microcredits = usage_sums.cost_microcredits + excluded.cost_microcredits,
        output_tokens = usage_sums.output_tokens + excluded.output_tokens;
"""


FUNCTIONS = (
    """
CREATE TYPE bare_sum AS (
    account_id text, grant_id text, available bigint, held bigint, remaining bigint
)
""",
    f"""
CREATE FUNCTION bare_rows(
    p_sums bare_sum[],
    p_new_holds ledger_hold_row[],
    p_holds ledger_hold_change[],
    p_allocations ledger_allocation_row[],
    p_transactions ledger_tx_row[],
    p_entries ledger_entry_row[],
    p_usage_events ledger_usage_event_row[],
    p_usage_lines ledger_usage_line_row[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    account_ids text[] := ARRAY(SELECT account_id FROM unnest(p_sums));
    grant_ids text[] := ARRAY(SELECT grant_id FROM unnest(p_sums));
    hold_ids text[] := ARRAY(SELECT id FROM unnest(p_holds));
BEGIN
    PERFORM FROM balances WHERE account_id = ANY(account_ids) ORDER BY account_id FOR NO KEY UPDATE;
    UPDATE balances AS b
    SET available_microcredits = b.available_microcredits + w.available,
        held_microcredits = b.held_microcredits + w.held,
        version = b.version + 1
    FROM unnest(p_sums) AS w
    WHERE b.account_id = w.account_id AND b.account_id = ANY(account_ids);
    UPDATE grants AS g
    SET remaining_microcredits = g.remaining_microcredits + w.remaining, held_microcredits = g.held_microcredits + w.held
    FROM unnest(p_sums) AS w
    WHERE g.id = w.grant_id AND g.id = ANY(grant_ids);
    INSERT INTO holds SELECT * FROM unnest(p_new_holds);
    UPDATE holds AS h
    SET state = w.state, checkpoint = w.checkpoint, closed_at = w.closed_at, cost_microcredits = w.cost_microcredits
    FROM unnest(p_holds) AS w
    WHERE h.id = w.id AND h.id = ANY(hold_ids) AND h.closed_at IS NULL;
    INSERT INTO hold_allocations SELECT * FROM unnest(p_allocations);
    INSERT INTO ledger_tx SELECT * FROM unnest(p_transactions);
    INSERT INTO ledger_entries SELECT * FROM unnest(p_entries);
    INSERT INTO usage_events SELECT * FROM unnest(p_usage_events);
    INSERT INTO usage_lines SELECT * FROM unnest(p_usage_lines);
    {_add_sums("SELECT account_id, at, cost_microcredits FROM unnest(p_usage_events)")}
END $$
""",
    f"""
CREATE FUNCTION bare_commands(
    p_settled text[], p_settled_accounts text[], p_cost bigint, p_used text,
    p_placed text[], p_placed_accounts text[], p_amount bigint, p_price text, p_at bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    h text;
    a text;
BEGIN
    PERFORM FROM balances WHERE account_id = ANY(p_settled_accounts || p_placed_accounts)
    ORDER BY account_id FOR NO KEY UPDATE;
    FOR h, a IN SELECT * FROM unnest(p_settled, p_settled_accounts) LOOP
        UPDATE holds SET state = 'settled', closed_at = p_at, cost_microcredits = p_cost, checkpoint = p_used
        WHERE id = h AND closed_at IS NULL;
        UPDATE balances
        SET available_microcredits = available_microcredits + p_amount - p_cost,
            held_microcredits = held_microcredits - p_amount, version = version + 1
        WHERE account_id = a;
        UPDATE grants
        SET remaining_microcredits = remaining_microcredits - p_cost, held_microcredits = held_microcredits - p_amount
        WHERE id = 'grant:' || a;
        INSERT INTO ledger_tx VALUES ('ltx_' || h, 'settle', 'hold:' || h, a, h, 'system', p_at);
        INSERT INTO ledger_entries VALUES
            ('ltx_' || h, 0, 'cust:' || a || ':grant:' || a, 'grant:' || a, -p_cost),
            ('ltx_' || h, 1, 'sys:consumed:tiny', NULL, p_cost);
        INSERT INTO usage_events VALUES
            (h, a, NULL, 'tiny', 'engine', 'completed', 'stop', p_cost, 0, 'ltx_' || h, 0, NULL, '', p_at);
        INSERT INTO usage_lines VALUES (h, 'output_tokens', p_cost, 1, 1, p_cost);
    END LOOP;
    {_add_sums("SELECT account_id, p_at, p_cost FROM unnest(p_settled_accounts) AS account_id")}
    FOR h, a IN SELECT * FROM unnest(p_placed, p_placed_accounts) LOOP
        UPDATE balances
        SET available_microcredits = available_microcredits - p_amount,
            held_microcredits = held_microcredits + p_amount, version = version + 1
        WHERE account_id = a AND available_microcredits >= p_amount;
        CONTINUE WHEN NOT FOUND;
        UPDATE grants SET held_microcredits = held_microcredits + p_amount WHERE id = 'grant:' || a;
        INSERT INTO holds VALUES
            (h, a, NULL, 'tiny', p_price, 'input', p_amount, 'open', 'bare', 1, p_at, '[]', p_at, NULL, NULL);
        INSERT INTO hold_allocations VALUES (h, 'grant:' || a, 0, p_amount);
    END LOOP;
END $$
""",
)


async def rows(connection: asyncpg.Connection, settled: Pairs, placed: Pairs) -> None:
    at = SystemClock().now()
    sums: Counter[tuple[AccountId, str]] = Counter()
    for _, account_id in settled:
        sums[account_id, "settled"] += 1
    for _, account_id in placed:
        sums[account_id, "placed"] += 1
    await connection.execute(
        "SELECT bare_rows($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                account_id,
                f"grant:{account_id}",
                sums[account_id, "settled"] * (AMOUNT - COST) - sums[account_id, "placed"] * AMOUNT,
                (sums[account_id, "placed"] - sums[account_id, "settled"]) * AMOUNT,
                -sums[account_id, "settled"] * COST,
            )
            for account_id in sorted({account_id for account_id, _ in sums})
        ],
        [
            (h, a, None, "tiny", PRICE, "input", AMOUNT, "open", "bare", 1, at, "[]", at, None, None)
            for h, a in placed
        ],
        [(h, AMOUNT, "settled", at, USED, at, COST) for h, _ in settled],
        [(h, f"grant:{a}", 0, AMOUNT) for h, a in placed],
        [(f"ltx_{h}", "settle", f"hold:{h}", a, h, "system", at) for h, a in settled],
        [
            entry
            for h, a in settled
            for entry in (
                (f"ltx_{h}", 0, f"cust:{a}:grant:{a}", f"grant:{a}", -COST),
                (f"ltx_{h}", 1, "sys:consumed:tiny", None, COST),
            )
        ],
        [
            (h, a, None, "tiny", "engine", "completed", "stop", COST, 0, f"ltx_{h}", 0, None, "", at)
            for h, a in settled
        ],
        [(h, "output_tokens", COST, 1, 1, COST) for h, _ in settled],
    )


async def commands(connection: asyncpg.Connection, settled: Pairs, placed: Pairs) -> None:
    def columns(pairs: Pairs) -> tuple[list[Any], list[Any]]:
        return [hold for hold, _ in pairs], [account_id for _, account_id in pairs]

    await connection.execute(
        "SELECT bare_commands($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *columns(settled),
        COST,
        USED,
        *columns(placed),
        AMOUNT,
        PRICE,
        SystemClock().now(),
    )

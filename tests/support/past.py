"""A past for an account, for either store: grants that are spent, and the holds, charges and usage that spent them.

Consistent books, made by a few statements in seconds. What the account has now is not touched.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg
from sqlalchemy import Connection, create_engine
from tests.unit.billing.builders import place, used

from raseed.adapters.sql.ledger_rows import measured_text, price_text
from raseed.adapters.sql.postgres_connect import migrating
from raseed.core.billing.model import Meter
from raseed.core.clock import DAY, HOUR, SystemClock

HELD = 100
COST = 40
DAYS = 365


def add_past_to_sqlite(path: Path, account_id: str, pairs: int, spent_grants: int) -> None:
    """Nobody else may be writing."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        _add_past(connection, account_id, pairs, spent_grants)
    engine.dispose()


async def add_past_to_postgres(url: str, account_id: str, pairs: int, spent_grants: int) -> None:
    async with migrating(url) as connection:
        # No triggers and no foreign keys: the rows are right by construction, and there are millions.
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.run_sync(_add_past, account_id, pairs, spent_grants)
    vacuum = await asyncpg.connect(url)
    await vacuum.execute("VACUUM ANALYZE")
    await vacuum.close()


def _add_past(connection: Connection, account_id: str, pairs: int, spent_grants: int) -> None:
    """Settled holds, two entries each, spread over a year and over the grants that they use up."""
    assert pairs % spent_grants == 0
    amount = pairs // spent_grants * COST
    begin = SystemClock().now() - DAYS * DAY
    at = f"{begin} + CAST(n AS BIGINT) * {DAYS * DAY // pairs}"
    price = price_text(place("any", 1).price)
    spent = f"'{account_id}-spent-' || n"
    hold, its_grant = f"'{account_id}-past-' || n", f"'{account_id}-spent-' || (n % {spent_grants})"
    quantities = ", ".join(
        "sum(cost_microcredits)" if meter is Meter.OUTPUT_TOKENS else "0" for meter in Meter
    )
    grants = {
        "grants": f"{spent}, '{account_id}', 'past-' || n, 'topup', {amount}, 0, 0, 50, {begin}, NULL, 'exhausted', 0, '', "
        f"{begin}, ''",
        "ledger_tx (id, kind, idem_key, account_id, ref, actor, at)": f"'ltx_' || {spent}, 'grant', "
        f"'grant:{account_id}:past-' || n, '{account_id}', {spent}, 'system', {begin}",
        _ENTRIES: f"'ltx_' || {spent}, 0, 'sys:issued:topup', NULL, -{amount}",
        f"{_ENTRIES} ": f"'ltx_' || {spent}, 1, 'cust:{account_id}:grant:' || {spent}, {spent}, {amount}",
    }
    holds = {
        "holds": f"{hold}, '{account_id}', NULL, 'tiny', '{price}', '', {HELD}, 'settled', 'core-0', 1, {at}, "
        f"'{measured_text(used(COST))}', {at}, {at}, {COST}",
        "hold_allocations": f"{hold}, {its_grant}, 0, {HELD}",
        "ledger_tx (id, kind, idem_key, account_id, ref, actor, at)": f"'ltx_' || {hold}, 'settle', 'hold:' || {hold}, "
        f"'{account_id}', {hold}, 'system', {at}",
        _ENTRIES: f"'ltx_' || {hold}, 0, 'cust:{account_id}:grant:' || {its_grant}, {its_grant}, -{COST}",
        f"{_ENTRIES} ": f"'ltx_' || {hold}, 1, 'sys:consumed:tiny', NULL, {COST}",
        "usage_events": f"{hold}, '{account_id}', NULL, 'tiny', 'engine', 'completed', 'stop', {COST}, 0, "
        f"'ltx_' || {hold}, 0, NULL, '', {at}",
        "usage_lines": f"{hold}, 'output_tokens', {COST}, 1, 1, {COST}",
    }
    for count, tables in ((spent_grants, grants), (pairs, holds)):
        for table, values in tables.items():
            connection.exec_driver_sql(
                f"INSERT INTO {table} "
                f"WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}) "
                f"SELECT {values} FROM numbers"
            )
    for grain, length in (("hour", HOUR), ("day", DAY)):
        connection.exec_driver_sql(
            f"INSERT INTO usage_sums SELECT account_id, '{grain}', at / {length} * {length}, model, '', count(*), "
            f"sum(cost_microcredits), {quantities} FROM usage_events WHERE request_id LIKE '{account_id}-past-%' "
            "GROUP BY 1, 3, 4"
        )


_ENTRIES = "ledger_entries (tx_id, seq, ledger_account, grant_id, amount_microcredits)"

"""A past for an account, for either store: grants that are spent, and the holds, charges and usage that spent them.

Consistent books, made by a few statements in seconds. What the account has now is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import Connection, create_engine
from tests.unit.billing.builders import place, used

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.ledger.rows import measured_text, price_text
from raseed.adapters.sql.ledger.usage_sums import GRAINS
from raseed.adapters.sql.postgres.connect import migrating
from raseed.core.accounts.model import ApiKey
from raseed.core.billing.model import Meter
from raseed.core.clock import DAY, Microseconds, SystemClock
from raseed.core.ids import AccountId, ApiKeyId

HELD = 100
COST = 40
DAYS = 365


@dataclass(frozen=True, slots=True)
class Past:
    pairs: int
    """Of hold and settlement, of two entries each, spread evenly over a year."""
    spent_grants: int
    """A whole part of the pairs: they use up all of them evenly."""
    models: int = 1
    keys: int = 0
    """Each model is used with each key, one after another. 0: without a key."""


def add_past_to_sqlite(path: Path, account_id: str, past: Past) -> None:
    """Nobody else may be writing."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        _add_past(connection, account_id, past)
    engine.dispose()


async def add_past_to_postgres(url: str, account_id: str, past: Past) -> None:
    async with migrating(url) as connection:
        # No triggers and no foreign keys: the rows are right by construction, and there are millions.
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.run_sync(_add_past, account_id, past)
    vacuum = await asyncpg.connect(url)
    await vacuum.execute("VACUUM ANALYZE")
    await vacuum.close()


def _add_past(connection: Connection, account_id: str, past: Past) -> None:
    pairs, spent_grants = past.pairs, past.spent_grants
    assert pairs % spent_grants == 0
    amount = pairs // spent_grants * COST
    begin = SystemClock().now() - DAYS * DAY
    at = f"{begin} + CAST(n AS BIGINT) * {DAYS * DAY // pairs}"
    price = price_text(place("any", 1).price)
    model = "'tiny'" if past.models == 1 else f"'model-' || (n % {past.models})"
    key = f"'key_{account_id}-' || (n / {past.models} % {past.keys})" if past.keys else "NULL"
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
        "holds": f"{hold}, '{account_id}', {key}, {model}, '{price}', '', {HELD}, 'settled', 'core-0', 1, {at}, "
        f"'{measured_text(used(COST))}', {at}, {at}, {COST}, 0, NULL, NULL",
        "hold_allocations": f"{hold}, {its_grant}, 0, {HELD}",
        "ledger_tx (id, kind, idem_key, account_id, ref, actor, at)": f"'ltx_' || {hold}, 'settle', 'hold:' || {hold}, "
        f"'{account_id}', {hold}, 'system', {at}",
        _ENTRIES: f"'ltx_' || {hold}, 0, 'cust:{account_id}:grant:' || {its_grant}, {its_grant}, -{COST}",
        f"{_ENTRIES} ": f"'ltx_' || {hold}, 1, 'sys:consumed:' || {model}, NULL, {COST}",
        "usage_events": f"{hold}, '{account_id}', {key}, {model}, 'engine', 'completed', 'stop', {COST}, 0, "
        f"'ltx_' || {hold}, 0, NULL, '', {at}, NULL",
        "usage_lines": f"{hold}, 'output_tokens', {COST}, 1, 1, {COST}",
    }
    for number in range(past.keys):
        insert_key(connection, _key(account_id, f"key_{account_id}-{number}"))
    for count, tables in ((spent_grants, grants), (pairs, holds)):
        for table, values in tables.items():
            connection.exec_driver_sql(
                f"INSERT INTO {table} "
                f"WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}) "
                f"SELECT {values} FROM numbers"
            )
    for dimension, name in (("model", "model"), ("key", "coalesce(api_key_id, '')")):
        for grain, length in GRAINS.items():
            connection.exec_driver_sql(
                f"INSERT INTO usage_sums SELECT account_id, '{dimension}', '{grain}', at / {length} * {length}, "
                f"{name}, count(*), sum(cost_microcredits), {quantities} FROM usage_events "
                f"WHERE request_id LIKE '{account_id}-past-%' GROUP BY 1, 4, 5"
            )


def _key(account_id: str, key_id: str) -> ApiKey:
    return ApiKey(
        id=ApiKeyId(key_id),
        account_id=AccountId(account_id),
        public_id=key_id,
        digest=b"",
        pepper_version=1,
        name="past",
        last4="0000",
        created_at=Microseconds(0),
        expires_at=None,
        revoked_at=None,
    )


_ENTRIES = "ledger_entries (tx_id, seq, ledger_account, grant_id, amount_microcredits)"

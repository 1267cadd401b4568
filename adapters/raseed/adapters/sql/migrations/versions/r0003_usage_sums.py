"""Usage added up by hour and day, scopes of API keys, and indexes for the lists of grants and top-ups.

What was used before is added up here. From now on SQLite's writer adds each event itself; on PostgreSQL `ledger_write`
does, from what it is given, so that workers of the version before, which know nothing of the sums, keep them right too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.versions.r0002_postgresql_batches import FUNCTION as LEDGER_WRITE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
METERS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "images",
    "audio_milliseconds",
    "characters",
    "search_units",
    "requests",
)
GRAINS = {"hour": 3_600_000_000, "day": 86_400_000_000}

WRITES_USAGE = "    IF cardinality(p_usage_events) > 0 THEN\n"
_FILLFACTOR_PERCENT = 90  # as of balances: the row of this hour changes with every batch

# Every name and number in these statements is a literal of this file; none is input.
_KEYS = "account_id, grain, begins_at, model, api_key_id"


def _add_up(events: str, lines: str, grains: str) -> str:
    """Adds up events with their lines; `grains` is rows of (grain, length)."""
    by_meter = ", ".join(
        f"sum(CASE WHEN meter = '{meter}' THEN quantity ELSE 0 END) AS {meter}" for meter in METERS
    )
    quantities = ", ".join(f"sum(coalesce(l.{meter}, 0))" for meter in METERS)
    return f"""INSERT INTO usage_sums ({_KEYS}, request_count, cost_microcredits, {", ".join(METERS)})
        SELECT e.account_id, g.grain, e.at / g.length * g.length, e.model, coalesce(e.api_key_id, ''),
            count(*), sum(e.cost_microcredits), {quantities}
        FROM {events} AS e
        LEFT JOIN (SELECT request_id, {by_meter} FROM {lines} AS m GROUP BY request_id) AS l
            ON l.request_id = e.request_id
        CROSS JOIN ({grains}) AS g
        GROUP BY e.account_id, g.grain, e.at / g.length * g.length, e.model, coalesce(e.api_key_id, '')"""  # noqa: S608


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("scopes", sa.Text(), server_default="", nullable=False))
    for name, condition in {"past": "status <> 'active'", "topups": "source = 'topup'"}.items():
        op.create_index(
            f"ix_grants_{name}",
            "grants",
            ["account_id", "id"],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_table(
        "usage_sums",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("begins_at", BIGINT, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.Text(), nullable=False),
        sa.Column("request_count", BIGINT, nullable=False),
        sa.Column("cost_microcredits", BIGINT, nullable=False),
        *(sa.Column(meter, BIGINT, nullable=False) for meter in METERS),
        sa.CheckConstraint("grain IN ('hour', 'day')", name=op.f("ck_usage_sums_grain_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_sums_account_id")),
        sa.PrimaryKeyConstraint(
            "account_id", "grain", "begins_at", "model", "api_key_id", name=op.f("pk_usage_sums")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    is_postgresql = op.get_context().dialect.name == "postgresql"
    number = "bigint" if is_postgresql else "integer"
    grains = " UNION ALL ".join(
        f"SELECT '{grain}' AS grain, CAST({length} AS {number}) AS length" for grain, length in GRAINS.items()
    )
    op.execute(_add_up("usage_events", "usage_lines", grains))
    if is_postgresql:
        op.execute(f"ALTER TABLE usage_sums SET (fillfactor = {_FILLFACTOR_PERCENT})")
        op.execute(_ledger_write(grains))


def _ledger_write(grains: str) -> str:
    """The function as it is, with one statement more where it writes usage."""
    added = ", ".join(
        f"{name} = usage_sums.{name} + excluded.{name}"
        for name in ("request_count", "cost_microcredits", *METERS)
    )
    add_up = _add_up("unnest(p_usage_events)", "unnest(p_usage_lines)", grains)
    replaced = LEDGER_WRITE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    before, after = replaced.split(WRITES_USAGE)
    return f"{before}{WRITES_USAGE}        {add_up}\n        ON CONFLICT ({_KEYS}) DO UPDATE SET {added};\n{after}"

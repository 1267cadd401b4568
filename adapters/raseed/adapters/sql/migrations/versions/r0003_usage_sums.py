"""Usage added up by hour and day, scopes of API keys, and indexes for the lists of grants and top-ups.

What was used before is added up here. From now on SQLite's writer adds each event itself; on PostgreSQL triggers do, so
that workers of the version before, which know nothing of the sums, keep them right as well.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

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

# Every name and number in these statements is a literal of this file; none is input.
_KEYS = "account_id, grain, begins_at, model, api_key_id"
_INSERT = f"INSERT INTO usage_sums ({_KEYS}, request_count, cost_microcredits, {', '.join(METERS)})"


def _of(events: str, grain: str, length: str) -> str:
    """The key of an event's row."""
    begins_at = f"{events}.at / {length} * {length}"
    return f"{events}.account_id, {grain}, {begins_at}, {events}.model, coalesce({events}.api_key_id, '')"


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
    for grain, length in GRAINS.items():
        op.execute(_backfill(grain, length))
    if op.get_context().dialect.name == "postgresql":
        _add_triggers()


def _backfill(grain: str, length: int) -> str:
    key = _of("e", f"'{grain}'", str(length))
    by_meter = ", ".join(
        f"sum(CASE WHEN meter = '{meter}' THEN quantity ELSE 0 END) AS {meter}" for meter in METERS
    )
    quantities = ", ".join(f"sum(coalesce(l.{meter}, 0))" for meter in METERS)
    return f"""{_INSERT}
        SELECT {key}, count(*), sum(e.cost_microcredits), {quantities}
        FROM usage_events AS e
        LEFT JOIN (SELECT request_id, {by_meter} FROM usage_lines GROUP BY request_id) AS l
            ON l.request_id = e.request_id
        GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608


def _add_triggers() -> None:
    """One statement for all rows of an insertion. Whoever inserts has locked the balances of the accounts, in order.

    The events are asked for by an array of their keys: a plan made while the table was empty then reads them through
    the primary key too, and not all there are.
    """
    grains = ", ".join(f"('{grain}', {length}::bigint)" for grain, length in GRAINS.items())
    each_grain = f"CROSS JOIN (VALUES {grains}) AS g (grain, length)"
    key = _of("e", "g.grain", "g.length")
    added = ", ".join(
        f"{name} = usage_sums.{name} + excluded.{name}"
        for name in ("request_count", "cost_microcredits", *METERS)
    )
    add_up = f"GROUP BY 1, 2, 3, 4, 5 ON CONFLICT ({_KEYS}) DO UPDATE SET {added}"
    zeros = ", ".join("0" for _ in METERS)
    quantities = ", ".join(
        f"coalesce(sum(l.quantity) FILTER (WHERE l.meter = '{meter}'), 0)" for meter in METERS
    )
    _add_trigger(
        "usage_events",
        f"""{_INSERT}
        SELECT {key}, count(*), sum(e.cost_microcredits), {zeros}
        FROM added AS e {each_grain} {add_up}""",  # noqa: S608
    )
    _add_trigger(
        "usage_lines",
        f"""{_INSERT}
        SELECT {key}, 0, 0, {quantities}
        FROM added AS l
        JOIN usage_events AS e
            ON e.request_id = l.request_id AND e.request_id = ANY(ARRAY(SELECT request_id FROM added))
        {each_grain} {add_up}""",  # noqa: S608
    )


def _add_trigger(table: str, statement: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_add_up() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {statement}; RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_added_up AFTER INSERT ON {table} REFERENCING NEW TABLE AS added "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_add_up()"
    )

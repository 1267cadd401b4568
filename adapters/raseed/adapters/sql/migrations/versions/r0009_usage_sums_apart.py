"""Usage added up for each model and, apart from that, for each key, also by fortnight.

Before, it was added up for each pair of a model and a key. A report by model does not ask for keys, and one by key not for
models: with twenty of each, it read four hundred rows for a day where it now reads twenty, and for a fortnight where it
spans the whole of one. What was added up before is added up again from those rows. On PostgreSQL workers of the
version before go on charging, because `ledger_write` writes the sums; a batch that waits for the table while it is
replaced is refused once, whole, as when the database is away, and their reports fail until they are replaced.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.versions.r0002_postgresql_batches import FUNCTION as LEDGER_WRITE
from raseed.adapters.sql.migrations.versions.r0003_usage_sums import METERS, WRITES_USAGE

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
SUMS = ("request_count", "cost_microcredits", *METERS)
GRAINS = {"hour": 3_600_000_000, "day": 86_400_000_000, "fortnight": 1_209_600_000_000}
DIMENSIONS = {"model": "model", "key": "api_key_id"}
_FILLFACTOR_PERCENT = 90  # as before: the row of this hour changes with every batch

# Every name and number in these statements is a literal of this file or of revision 0003; none is input.
_KEYS = "account_id, dimension, grain, begins_at, name"


def upgrade() -> None:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    op.rename_table("usage_sums", "usage_sums_before")
    if is_postgresql:  # where the name of a primary key is the name of an index, and those share one space
        op.execute("ALTER TABLE usage_sums_before RENAME CONSTRAINT pk_usage_sums TO pk_usage_sums_before")
    op.create_table(
        "usage_sums",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("begins_at", BIGINT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("request_count", BIGINT, nullable=False),
        sa.Column("cost_microcredits", BIGINT, nullable=False),
        *(sa.Column(meter, BIGINT, nullable=False) for meter in METERS),
        sa.CheckConstraint("dimension IN ('model', 'key')", name=op.f("ck_usage_sums_dimension_known")),
        sa.CheckConstraint("grain IN ('hour', 'day', 'fortnight')", name=op.f("ck_usage_sums_grain_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_sums_account_id")),
        sa.PrimaryKeyConstraint(
            "account_id", "dimension", "grain", "begins_at", "name", name=op.f("pk_usage_sums")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    added_up = ", ".join(f"sum({each})" for each in SUMS)
    for dimension, column in DIMENSIONS.items():
        for grain, length in GRAINS.items():
            begins_at = f"begins_at / {length} * {length}"
            op.execute(
                f"INSERT INTO usage_sums ({_KEYS}, {', '.join(SUMS)}) "  # noqa: S608
                f"SELECT account_id, '{dimension}', '{grain}', {begins_at}, {column}, {added_up} "
                f"FROM usage_sums_before WHERE grain = '{'hour' if grain == 'hour' else 'day'}' "
                f"GROUP BY account_id, {begins_at}, {column}"
            )
    op.drop_table("usage_sums_before")
    if is_postgresql:
        op.execute(f"ALTER TABLE usage_sums SET (fillfactor = {_FILLFACTOR_PERCENT})")
        op.execute(_ledger_write())


def _ledger_write() -> str:
    """The function of before, which adds up usage in another way."""
    replaced = LEDGER_WRITE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    before, after = replaced.split(WRITES_USAGE)
    return f"{before}{WRITES_USAGE}{_add_up()}{after}"


def _add_up() -> str:
    by_meter = ", ".join(
        f"sum(CASE WHEN meter = '{meter}' THEN quantity ELSE 0 END) AS {meter}" for meter in METERS
    )
    quantities = ", ".join(f"sum(coalesce(l.{meter}, 0))" for meter in METERS)
    grains = ", ".join(f"('{grain}', {length}::bigint)" for grain, length in GRAINS.items())
    added = ", ".join(f"{name} = usage_sums.{name} + excluded.{name}" for name in SUMS)
    return f"""        INSERT INTO usage_sums ({_KEYS}, {", ".join(SUMS)})
        SELECT e.account_id, d.dimension, g.grain, e.at / g.length * g.length, d.name, count(*),
            sum(e.cost_microcredits), {quantities}
        FROM unnest(p_usage_events) AS e
        LEFT JOIN (SELECT request_id, {by_meter} FROM unnest(p_usage_lines) AS m GROUP BY request_id) AS l
            ON l.request_id = e.request_id
        CROSS JOIN (VALUES {grains}) AS g (grain, length)
        CROSS JOIN LATERAL (VALUES ('model', e.model), ('key', coalesce(e.api_key_id, ''))) AS d (dimension, name)
        GROUP BY e.account_id, d.dimension, g.grain, e.at / g.length * g.length, d.name
        ON CONFLICT ({_KEYS}) DO UPDATE SET {added};
"""  # noqa: S608

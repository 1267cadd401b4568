"""The audit log becomes a chain: its details move to a table of their own, of which a salted digest stays."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from raseed.adapters.sql.migrations.append_only import refuse_changes, refuse_updates

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
KEPT = ("seq", "at", "actor", "action", "subject")
PAGE = 1_000
SALT_BYTES = 16
INDEXES = {
    "chain": ("chain_seq", "chain_seq IS NOT NULL", True),
    "unsealed": ("seq", "chain_seq IS NULL", False),
}


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        # A column that must have a value cannot be added to a table of SQLite.
        op.rename_table("audit_log", "audit_log_before")
        _create_log()
        _create_details()
        for details, row in _moved("audit_log_before"):
            op.execute(_insert("audit_log", (*KEPT, "detail_digest")).bindparams(**row))
            op.execute(_insert("audit_details", ("seq", "salt", "detail")).bindparams(**details))
        op.drop_table("audit_log_before")
    else:
        op.execute("DROP FUNCTION audit_log_append_only() CASCADE")  # with the triggers that call it
        op.add_column("audit_log", sa.Column("detail_digest", sa.LargeBinary(), nullable=True))
        _create_details()
        for details, row in _moved("audit_log"):
            op.execute(_insert("audit_details", ("seq", "salt", "detail")).bindparams(**details))
            digest = {"seq": row["seq"], "detail_digest": row["detail_digest"]}
            op.execute(
                sa.text("UPDATE audit_log SET detail_digest = :detail_digest WHERE seq = :seq").bindparams(
                    **digest
                )
            )
        op.alter_column("audit_log", "detail_digest", nullable=False)
        op.drop_column("audit_log", "detail")
        op.add_column("audit_log", sa.Column("chain_seq", BIGINT, nullable=True))
    for columns in (["subject", "seq"], ["actor", "seq"]):
        op.create_index(op.f(f"ix_audit_log_{'_'.join(columns)}"), "audit_log", columns)
    for name, (column, condition, is_unique) in INDEXES.items():
        op.create_index(
            f"ix_audit_log_{name}",
            "audit_log",
            [column],
            unique=is_unique,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    refuse_changes("audit_log", columns=(*KEPT, "detail_digest"), once=("prev_hash", "hash", "chain_seq"))
    refuse_updates("audit_details", columns=("seq", "salt", "detail"))
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()"
        )


def _create_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", BIGINT, autoincrement=True, nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail_digest", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.Column("chain_seq", BIGINT, nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )


def _create_details() -> None:
    op.create_table(
        "audit_details",
        sa.Column("seq", BIGINT, autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["audit_log.seq"], name=op.f("fk_audit_details_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_details")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _moved(table: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Of every row: what goes beside it, and what stays."""
    before = sa.table(table, *(sa.column(name) for name in (*KEPT, "detail")))
    seq = 0
    while True:
        query = sa.select(before).where(before.c.seq > seq).order_by(before.c.seq).limit(PAGE)
        page = op.get_bind().execute(query).all()
        if not page:
            return
        for row in page:
            salt = secrets.token_bytes(SALT_BYTES)
            digest = hashlib.sha256(salt + row.detail.encode()).digest()
            kept = {name: getattr(row, name) for name in KEPT}
            yield {"seq": row.seq, "salt": salt, "detail": row.detail}, {**kept, "detail_digest": digest}
        seq = page[-1].seq


def _insert(table: str, columns: tuple[str, ...]) -> sa.TextClause:
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    return sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608 - names of this file

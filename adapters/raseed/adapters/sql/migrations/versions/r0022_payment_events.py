"""The inbox of payments: what providers told us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
KNOWN = {
    "provider": ("myfatoorah", "creem"),
    "mode": ("test", "live"),
    "kind": ("payment", "refund", "subscription", "other"),
    "state": ("new", "done", "ignored", "dead"),
}
INDEXES = {
    "due": ("due_at", "state = 'new'"),
    "kept": ("received_at", "body IS NOT NULL"),
    "payment": ("payment_id", "payment_id <> ''"),
}


def upgrade() -> None:
    texts = ("provider", "mode", "key", "kind", "name", "reference", "invoice_id", "provider_payment_id")
    op.create_table(
        "payment_events",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("provider_subscription_id", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", BIGINT, nullable=False),
        sa.Column("due_at", BIGINT, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("received_at", BIGINT, nullable=False),
        sa.Column("ended_at", BIGINT, nullable=True),
        *(
            sa.CheckConstraint(
                f"{column} IN ({', '.join(repr(value) for value in values)})",
                name=op.f(f"ck_payment_events_{column}_known"),
            )
            for column, values in KNOWN.items()
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_payment_events_attempts_not_negative")),
        sa.CheckConstraint("(state = 'new') = (ended_at IS NULL)", name=op.f("ck_payment_events_ended_once")),
        sa.CheckConstraint(
            "(body IS NULL) = (headers IS NULL)", name=op.f("ck_payment_events_emptied_whole")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_events")),
        sa.UniqueConstraint("provider", "mode", "key", name=op.f("uq_payment_events_provider_mode_key")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_events_state_id", "payment_events", ["state", "id"], unique=False)
    for name, (column, condition) in INDEXES.items():
        op.create_index(
            f"ix_payment_events_{name}",
            "payment_events",
            [column],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )

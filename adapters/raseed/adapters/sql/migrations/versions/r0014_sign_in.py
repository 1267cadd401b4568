"""One-time codes and what is counted of them, verified identities, consents, sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}
INDEXES = {
    "sign_in_codes": (["expires_at"],),
    "sign_in_tallies": (["expires_at"],),
    "sessions": (["account_id", "id"], ["expires_at"]),
}


def upgrade() -> None:
    op.create_table(
        "sign_in_codes",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text()),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_version", BIGINT, nullable=False),
        sa.Column("attempt_count", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=False),
        sa.CheckConstraint(
            "purpose IN ('sign_in', 'change_identifier')", name=op.f("ck_sign_in_codes_purpose_known")
        ),
        sa.CheckConstraint("kind IN ('phone', 'email')", name=op.f("ck_sign_in_codes_kind_known")),
        _of_account("sign_in_codes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_codes")),
        **OPTIONS,
    )
    op.create_table(
        "sign_in_tallies",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_sign_in_tallies")),
        **OPTIONS,
    )
    op.create_table(
        "verified_identities",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_version", BIGINT, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("verified_at", BIGINT, nullable=False),
        sa.Column("welcomed_at", BIGINT, nullable=True),
        _of_account("verified_identities"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_verified_identities")),
        **OPTIONS,
    )
    op.create_table(
        "consents",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("terms_version", sa.Text(), nullable=False),
        sa.Column("minimum_age", BIGINT, nullable=False),
        sa.Column("accepted_at", BIGINT, nullable=False),
        _of_account("consents"),
        sa.PrimaryKeyConstraint("account_id", "terms_version", name=op.f("pk_consents")),
        **OPTIONS,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("authenticated_at", BIGINT, nullable=False),
        sa.Column("last_used_at", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=False),
        _of_account("sessions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
        **OPTIONS,
    )
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f(f"fk_{table}_account_id"))

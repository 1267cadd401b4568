"""Organisations, their members and invitations; which person made a key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}
REACHABLE = "email IS NOT NULL OR phone_e164 IS NOT NULL"
REACHABLE_PERSONS = "(kind = 'person') = (email IS NOT NULL OR phone_e164 IS NOT NULL)"
ROLES = "role IN ('owner', 'admin', 'billing', 'member')"


def upgrade() -> None:
    # As text: on SQLite a column can be added with its check, but a check not without its column.
    op.execute(
        "ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'person' NOT NULL "
        "CONSTRAINT ck_accounts_kind_known CHECK (kind IN ('person', 'organisation'))"
    )
    _let_organisations_be_unreachable()
    op.add_column("api_keys", sa.Column("created_by", sa.Text()))
    op.create_index(op.f("ix_api_keys_created_by"), "api_keys", ["created_by"])
    op.create_table(
        "organisations",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        _refers("organisations", "account_id"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_organisations")),
        **OPTIONS,
    )
    op.create_table(
        "memberships",
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("joined_at", BIGINT, nullable=False),
        _refers("memberships", "organisation_id", "organisations.account_id"),
        _refers("memberships", "person_id"),
        sa.PrimaryKeyConstraint("organisation_id", "person_id", name=op.f("pk_memberships")),
        sa.CheckConstraint(ROLES, name=op.f("ck_memberships_role_known")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_memberships_person_id"), "memberships", ["person_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=False),
        sa.Column("ended_at", BIGINT, nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        _refers("invitations", "organisation_id", "organisations.account_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
        sa.CheckConstraint("kind IN ('phone', 'email')", name=op.f("ck_invitations_kind_known")),
        sa.CheckConstraint(ROLES, name=op.f("ck_invitations_role_known")),
        **OPTIONS,
    )
    for columns in (["organisation_id", "created_at"], ["identifier", "created_at"], ["expires_at"]):
        op.create_index(op.f(f"ix_invitations_{'_'.join(columns)}"), "invitations", columns)


def _let_organisations_be_unreachable() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_reachable")
        op.execute(f"ALTER TABLE accounts ADD CONSTRAINT ck_accounts_reachable CHECK ({REACHABLE_PERSONS})")
        return
    # SQLite cannot alter a check, and to make the table anew would search every table that refers to it for each account.
    # What lies on disk stays valid, so its documentation (lang_altertable, section 8) has the text changed in place.
    op.execute("PRAGMA writable_schema = ON")
    schema = sa.table("sqlite_master", *map(sa.column, ("type", "name", "sql")))
    changed = sa.func.replace(
        schema.c.sql, f"reachable CHECK ({REACHABLE})", f"reachable CHECK ({REACHABLE_PERSONS})"
    )
    op.execute(
        schema.update().where(schema.c.type == "table", schema.c.name == "accounts").values(sql=changed)
    )
    op.execute("PRAGMA writable_schema = RESET")


def _refers(table: str, column: str, to: str = "accounts.id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))

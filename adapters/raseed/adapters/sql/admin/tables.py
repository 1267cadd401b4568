"""Tables of operators and the audit log."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from raseed.adapters.sql.metadata import BIGINT, metadata, moment, table

operators = table(
    "operators",
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    moment("created_at"),
    moment("disabled_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("name"),
)

operator_keys = table(
    "operator_keys",
    Column("id", Text, nullable=False),
    Column("operator_id", Text, ForeignKey("operators.id"), nullable=False),
    Column("public_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("last4", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # with spaces between them
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("public_id"),
    Index(None, "operator_id", "id"),
)

audit_log = Table(
    # Ids only: what could name a person is in `audit_details`, of which a salted digest stays here.
    "audit_log",
    metadata,
    Column("seq", BIGINT, primary_key=True, autoincrement=True),
    moment("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail_digest", LargeBinary, nullable=False),
    # Filled in after the commit, when the row is sealed as a link of the chain.
    Column("prev_hash", LargeBinary),
    Column("hash", LargeBinary),
    Column("chain_seq", BIGINT),
    Index(None, "subject", "seq"),
    Index(None, "actor", "seq"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

Index(
    "ix_audit_log_chain",
    audit_log.c.chain_seq,
    unique=True,
    sqlite_where=text("chain_seq IS NOT NULL"),
    postgresql_where=text("chain_seq IS NOT NULL"),
)

Index(
    "ix_audit_log_unsealed",
    audit_log.c.seq,
    sqlite_where=text("chain_seq IS NULL"),
    postgresql_where=text("chain_seq IS NULL"),
)

audit_details = table(
    # The only part of the audit log that can be deleted, to forget a person. Never changed.
    "audit_details",
    Column("seq", BIGINT, ForeignKey("audit_log.seq"), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("seq"),
)

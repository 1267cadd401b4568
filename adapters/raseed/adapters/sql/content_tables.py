"""Tables of stored content."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Text

from raseed.adapters.sql.metadata import BIGINT, moment, table

content_accounts = table(
    # What an account keeps as content, and the key that it is encrypted with: without this row it is unreadable.
    "content_accounts",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("stored_bytes", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("stored_bytes >= 0", name="stored_bytes_not_negative"),
)

content_items = table(
    "content_items",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("size_bytes", BIGINT, nullable=False),
    Column("data", LargeBinary, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    PrimaryKeyConstraint("account_id", "kind", "name"),
    Index(None, "expires_at"),
    rowid=True,  # long rows: as a tree of its own the primary key stays small
)

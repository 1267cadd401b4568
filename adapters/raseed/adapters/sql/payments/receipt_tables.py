"""Tables of receipts and credit notes, their numbers, and who bought."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

from raseed.adapters.sql.metadata import BIGINT, moment, one_of, table
from raseed.core.payments.receipts import DocumentKind

receipt_counters = table(
    # How far a series has got in a year. Raised in the transaction that writes the document: a number that was taken and
    # not used does not exist.
    "receipt_counters",
    Column("series", Text, nullable=False),
    Column("year", BIGINT, nullable=False),
    Column("last_ordinal", BIGINT, nullable=False),
    PrimaryKeyConstraint("series", "year"),
    CheckConstraint("last_ordinal > 0", name="last_ordinal_positive"),
)

receipts = table(
    # Never changed and never deleted. What names somebody is in `receipt_buyers`.
    "receipts",
    Column("id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("series", Text, nullable=False),
    Column("year", BIGINT, nullable=False),
    Column("ordinal", BIGINT, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("refund_id", Text, nullable=False),  # empty: it is about what was paid
    moment("issued_at"),
    Column("snapshot", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("id"),
    UniqueConstraint("number"),
    UniqueConstraint("series", "year", "ordinal"),
    UniqueConstraint("payment_id", "refund_id"),
    Index(None, "account_id", "id"),
    one_of("kind", list(DocumentKind)),
    CheckConstraint(
        "(kind IN ('credit_note', 'refund_confirmation')) = (refund_id <> '')", name="of_a_refund"
    ),
    CheckConstraint("ordinal > 0", name="ordinal_positive"),
    rowid=True,
)

receipt_buyers = table(
    # Deleted when the holder of the account is forgotten.
    "receipt_buyers",
    Column("receipt_id", Text, ForeignKey("receipts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone_e164", Text, nullable=False),
    PrimaryKeyConstraint("receipt_id"),
)

"""The tables that belong to no area, and with them `metadata` of all: workers' lives, what changed, how far jobs have got."""

from __future__ import annotations

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text

from raseed.adapters.sql import content_tables
from raseed.adapters.sql.accounts import tables as account_tables
from raseed.adapters.sql.admin import tables as admin_tables
from raseed.adapters.sql.ledger import tables as ledger_tables
from raseed.adapters.sql.messaging import tables as messaging_tables
from raseed.adapters.sql.metadata import BIGINT, metadata, moment, table
from raseed.adapters.sql.models import tables as model_tables
from raseed.adapters.sql.organisations import tables as organisation_tables
from raseed.adapters.sql.payments import receipt_tables, redemption_tables, subscription_tables
from raseed.adapters.sql.payments import tables as payment_tables

__all__ = ["AREAS", "changes", "cursors", "instances", "metadata"]

AREAS = (
    account_tables,
    admin_tables,
    content_tables,
    ledger_tables,
    messaging_tables,
    model_tables,
    organisation_tables,
    payment_tables,
    receipt_tables,
    redemption_tables,
    subscription_tables,
)
"""Whose tables `metadata` knows beside those of this file."""

instances = table(
    "instances",
    Column("id", Text, nullable=False),
    Column("epoch", BIGINT, nullable=False),
    moment("started_at"),
    PrimaryKeyConstraint("id"),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", BIGINT, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    sqlite_strict=True,
    sqlite_autoincrement=True,  # a number is never used twice, also after old rows were deleted
)

cursors = table(
    # How far a job has read in something that only grows.
    "cursors",
    Column("name", Text, nullable=False),
    Column("position", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)

"""What tables are made of: their naming, column types and checks, for SQLite and PostgreSQL.

Amounts are whole micro-credits, moments are microseconds since 1970 (UTC). `migrations/` creates the tables; a test compares
the two. Two rules cannot be written here and live in the first migration: triggers that refuse to change or delete what was
booked, and those that refuse to alter the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, CheckConstraint, Column, MetaData, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# STRICT tables of SQLite know INTEGER (64 bits) but not BIGINT.
BIGINT = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def table(name: str, *items: SchemaItem, rowid: bool = False) -> Table:
    """STRICT on SQLite. Without a rowid the primary key is the table itself: one tree to write instead of two."""
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)  # members of our own enums, not input
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def never_negative(*columns: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def amount(name: str) -> Column[int]:
    return Column(f"{name}_microcredits", BIGINT, nullable=False)


def moment(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BIGINT, nullable=nullable)

"""Tables of the local models: versions, their artifacts, and the names that customers use."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text

from raseed.adapters.sql.metadata import BIGINT, moment, never_negative, one_of, table
from raseed.core.models.model import VersionState

model_versions = table(
    "model_versions",
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("problem", Text, nullable=False),
    # Of the files; all four, or none before they were looked at.
    Column("context_length", BIGINT),
    Column("vocab_size", BIGINT),
    Column("dtype", Text),
    Column("estimated_bytes", BIGINT),
    Column("measured_bytes", BIGINT),
    Column("is_pinned", BIGINT, nullable=False),
    Column("keep_alive_s", BIGINT),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    PrimaryKeyConstraint("model", "version"),
    one_of("state", list(VersionState)),
    CheckConstraint("is_pinned IN (0, 1)", name="is_pinned_boolean"),
)

model_artifacts = table(
    "model_artifacts",
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BIGINT, nullable=False),
    PrimaryKeyConstraint("model", "version", "name"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    *never_negative("size_bytes"),
)

model_aliases = table(
    "model_aliases",
    Column("name", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("previous_model", Text),
    Column("previous_version", Text),
    Column("changed_by", Text, nullable=False),
    moment("changed_at"),
    PrimaryKeyConstraint("name"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    CheckConstraint("(previous_model IS NULL) = (previous_version IS NULL)", name="previous_whole"),
    Index(None, "model", "version"),
)

"""Tables of organisations and their members."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Text, UniqueConstraint

from raseed.adapters.sql.metadata import moment, one_of, table
from raseed.core.accounts.identity import IdentifierKind
from raseed.core.accounts.scopes import Role

organisations = table(
    "organisations",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    moment("created_at"),
    PrimaryKeyConstraint("account_id"),
)

memberships = table(
    "memberships",
    Column("organisation_id", Text, ForeignKey("organisations.account_id"), nullable=False),
    Column("person_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    moment("joined_at"),
    PrimaryKeyConstraint("organisation_id", "person_id"),
    Index(None, "person_id"),
    one_of("role", list(Role)),
)

invitations = table(
    # Those that ended or expired are deleted some days later, with the number or address that is in them.
    "invitations",
    Column("id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("organisation_id", Text, ForeignKey("organisations.account_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("invited_by", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    moment("ended_at", nullable=True),
    Column("accepted_by", Text),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("digest"),
    Index(None, "organisation_id", "created_at"),
    Index(None, "identifier", "created_at"),
    Index(None, "expires_at"),
    one_of("kind", list(IdentifierKind)),
    one_of("role", list(Role)),
)

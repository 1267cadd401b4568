"""Tables of accounts, what they sign in with, and their keys and sessions."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from raseed.adapters.sql.metadata import BIGINT, moment, never_negative, one_of, table
from raseed.core.accounts.identity import IdentifierKind
from raseed.core.accounts.model import AccountKind, AccountStatus, Tier
from raseed.core.accounts.sign_in_model import Purpose

accounts = table(
    "accounts",
    Column("id", Text, nullable=False),
    Column("email", Text),
    Column("phone_e164", Text),
    Column("tier", Text, nullable=False),
    Column("status", Text, nullable=False),
    moment("tier_expires_at", nullable=True),
    moment("created_at"),
    # A later column. Empty: the profile's.
    Column("language", Text, nullable=False, server_default=""),
    # What the account may owe; NULL: what the profile says.
    Column("debt_limit_microcredits", BIGINT),
    # A JSON object, or empty: what of the tier's limits is another for this account; null is no limit.
    Column("own_limits", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False, server_default=AccountKind.PERSON.value),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("email"),
    UniqueConstraint("phone_e164"),
    one_of("status", list(AccountStatus)),
    one_of("tier", list(Tier)),
    one_of("kind", list(AccountKind)),
    # Nobody signs in to an organisation: its members do, each to an account of his own.
    CheckConstraint("(kind = 'person') = (email IS NOT NULL OR phone_e164 IS NOT NULL)", name="reachable"),
    *never_negative("debt_limit_microcredits"),
)

# Of accounts whose tier ends, and while it lasts: the queue of the job that ends it.
Index(
    "ix_accounts_tier_ends",
    accounts.c.tier_expires_at,
    sqlite_where=text("tier_expires_at IS NOT NULL"),
    postgresql_where=text("tier_expires_at IS NOT NULL"),
)

account_standing = table(
    # What operators decided about an account. Accounts of which they never decided anything have no row.
    "account_standing",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("reason", Text, nullable=False),
    moment("since", nullable=True),
    Column("actor", Text, nullable=False),
    Column("second_of", Text, ForeignKey("accounts.id")),
    Column("is_forfeit_due", BIGINT, nullable=False),
    Column("forfeit_microcredits", BIGINT),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("is_forfeit_due IN (0, 1)", name="is_forfeit_due_known"),
    *never_negative("forfeit_microcredits"),
)

Index(
    "ix_account_standing_forfeits",
    account_standing.c.account_id,
    sqlite_where=text("is_forfeit_due = 1"),
    postgresql_where=text("is_forfeit_due = 1"),
)

closing_requests = table(
    # Until the account is closed, or erased if that is wished.
    "closing_requests",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    moment("requested_at"),
    Column("reason", Text, nullable=False),
    Column("wants_erasure", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("wants_erasure IN (0, 1)", name="wants_erasure_boolean"),
)

account_notes = table(
    "account_notes",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    moment("at"),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    Index(None, "account_id", "id"),
)

api_keys = table(
    "api_keys",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("public_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("name", Text, nullable=False),
    Column("last4", Text, nullable=False),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    # With spaces between them.
    Column("scopes", Text, nullable=False, server_default=""),
    # Later columns: their defaults are what keys of before have.
    Column("mode", Text, nullable=False, server_default="live"),
    Column("parent_id", Text),
    Column("allowed_models", Text),  # a JSON array; NULL: every one that the account may use
    Column("allowed_networks", Text),  # with spaces between them; NULL: from anywhere
    Column("requests_per_minute", BIGINT),
    Column("tokens_per_minute", BIGINT),
    Column("concurrency", BIGINT),
    Column("past_digest", LargeBinary),
    Column("past_pepper_version", BIGINT),
    Column("past_ends_at", BIGINT),
    Column("rotated_by", LargeBinary),
    Column("last_used_at", BIGINT),
    Column("request_digest", LargeBinary),
    Column("request_input", LargeBinary),
    # The person behind it; NULL: an operator made it, or nobody knows.
    Column("created_by", Text),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("public_id"),
    Index(None, "account_id", "id"),
    Index(None, "parent_id"),
    Index(None, "created_by"),
    Index("uq_api_keys_request_digest", "request_digest", unique=True),
)

sign_in_codes = table(
    # One-time codes while they are valid. The code itself is in its message alone: here is a keyed hash.
    "sign_in_codes",
    Column("id", LargeBinary, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id")),
    Column("device", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("attempt_count", BIGINT, nullable=False),
    moment("expires_at"),
    PrimaryKeyConstraint("id"),
    Index(None, "expires_at"),
    one_of("purpose", list(Purpose)),
    one_of("kind", list(IdentifierKind)),
)

sign_in_tallies = table(
    # How often codes were sent and guessed, by a keyed hash of whom it is counted for.
    "sign_in_tallies",
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    moment("expires_at"),
    PrimaryKeyConstraint("subject"),
    Index(None, "expires_at"),
)

verified_identities = table(
    # Every number and address that was ever proven, as a keyed hash, and the account that it belonged to first: also
    # after that account was closed, so that nobody is welcomed twice.
    "verified_identities",
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    moment("verified_at"),
    moment("welcomed_at", nullable=True),
    PrimaryKeyConstraint("digest"),
)

consents = table(
    # What the holder of an account accepted when it was opened.
    "consents",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("terms_version", Text, nullable=False),
    Column("minimum_age", BIGINT, nullable=False),
    moment("accepted_at"),
    PrimaryKeyConstraint("account_id", "terms_version"),
)

sessions = table(
    # Rows of sessions that were ended are deleted. The token is nowhere: only its hash is.
    "sessions",
    Column("id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("device", Text, nullable=False),
    moment("created_at"),
    moment("authenticated_at"),
    moment("last_used_at"),
    moment("expires_at"),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("digest"),
    Index(None, "account_id", "id"),
    Index(None, "expires_at"),
)

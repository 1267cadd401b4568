"""The tables, for SQLite and PostgreSQL. Amounts are whole micro-credits, moments are microseconds since 1970 (UTC).

`migrations/` creates them; a test compares the two. Two rules cannot be written here and live in the first migration:
triggers that refuse to change or delete what was booked, and those that refuse to alter the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.schema import SchemaItem

from raseed.core.accounts.identity import IdentifierKind
from raseed.core.accounts.model import AccountKind, AccountStatus, Tier
from raseed.core.accounts.scopes import Role
from raseed.core.accounts.sign_in_model import Purpose
from raseed.core.billing.model import GrantSource, GrantStatus, HoldState, Meter
from raseed.core.billing.spend_caps import CapWindow
from raseed.core.inference.model import UsageSource
from raseed.core.messaging.outbox import NoticeState

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


def _table(name: str, *items: SchemaItem, rowid: bool = False) -> Table:
    """STRICT on SQLite. Without a rowid the primary key is the table itself: one tree to write instead of two."""
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def _one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)  # members of our own enums, not input
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def _never_negative(*columns: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def _amount(name: str) -> Column[int]:
    return Column(f"{name}_microcredits", BIGINT, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BIGINT, nullable=nullable)


accounts = _table(
    "accounts",
    Column("id", Text, nullable=False),
    Column("email", Text),
    Column("phone_e164", Text),
    Column("tier", Text, nullable=False),
    Column("status", Text, nullable=False),
    _moment("tier_expires_at", nullable=True),
    _moment("created_at"),
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
    _one_of("status", list(AccountStatus)),
    _one_of("tier", list(Tier)),
    _one_of("kind", list(AccountKind)),
    # Nobody signs in to an organisation: its members do, each to an account of his own.
    CheckConstraint("(kind = 'person') = (email IS NOT NULL OR phone_e164 IS NOT NULL)", name="reachable"),
    *_never_negative("debt_limit_microcredits"),
)

# Of accounts whose tier ends, and while it lasts: the queue of the job that ends it.
Index(
    "ix_accounts_tier_ends",
    accounts.c.tier_expires_at,
    sqlite_where=text("tier_expires_at IS NOT NULL"),
    postgresql_where=text("tier_expires_at IS NOT NULL"),
)

account_standing = _table(
    # What operators decided about an account. Accounts of which they never decided anything have no row.
    "account_standing",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("reason", Text, nullable=False),
    _moment("since", nullable=True),
    Column("actor", Text, nullable=False),
    Column("second_of", Text, ForeignKey("accounts.id")),
    Column("is_forfeit_due", BIGINT, nullable=False),
    Column("forfeit_microcredits", BIGINT),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("is_forfeit_due IN (0, 1)", name="is_forfeit_due_known"),
    *_never_negative("forfeit_microcredits"),
)
Index(
    "ix_account_standing_forfeits",
    account_standing.c.account_id,
    sqlite_where=text("is_forfeit_due = 1"),
    postgresql_where=text("is_forfeit_due = 1"),
)

closing_requests = _table(
    # Until the account is closed, or erased if that is wished.
    "closing_requests",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _moment("requested_at"),
    Column("reason", Text, nullable=False),
    Column("wants_erasure", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("wants_erasure IN (0, 1)", name="wants_erasure_boolean"),
)

account_notes = _table(
    "account_notes",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _moment("at"),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    Index(None, "account_id", "id"),
)

api_keys = _table(
    "api_keys",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("public_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("name", Text, nullable=False),
    Column("last4", Text, nullable=False),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
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

organisations = _table(
    "organisations",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    _moment("created_at"),
    PrimaryKeyConstraint("account_id"),
)

memberships = _table(
    "memberships",
    Column("organisation_id", Text, ForeignKey("organisations.account_id"), nullable=False),
    Column("person_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    _moment("joined_at"),
    PrimaryKeyConstraint("organisation_id", "person_id"),
    Index(None, "person_id"),
    _one_of("role", list(Role)),
)

invitations = _table(
    # Those that ended or expired are deleted some days later, with the number or address that is in them.
    "invitations",
    Column("id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("organisation_id", Text, ForeignKey("organisations.account_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("invited_by", Text, nullable=False),
    _moment("created_at"),
    _moment("expires_at"),
    _moment("ended_at", nullable=True),
    Column("accepted_by", Text),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("digest"),
    Index(None, "organisation_id", "created_at"),
    Index(None, "identifier", "created_at"),
    Index(None, "expires_at"),
    _one_of("kind", list(IdentifierKind)),
    _one_of("role", list(Role)),
)

key_spends = _table(
    # The caps of API keys, and what counts against them. Only keys with a cap have a row; it changes in the transaction
    # that moves the credit, under the lock of the account's balance row.
    "key_spends",
    Column("api_key_id", Text, ForeignKey("api_keys.id"), nullable=False),
    _amount("limit"),
    Column("cap_window", Text, nullable=False),
    _moment("window_begins_at"),
    _amount("charged"),
    _amount("held"),
    PrimaryKeyConstraint("api_key_id"),
    _one_of("cap_window", list(CapWindow)),
    *_never_negative("limit_microcredits", "charged_microcredits", "held_microcredits"),
)

operators = _table(
    "operators",
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    _moment("created_at"),
    _moment("disabled_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("name"),
)

operator_keys = _table(
    "operator_keys",
    Column("id", Text, nullable=False),
    Column("operator_id", Text, ForeignKey("operators.id"), nullable=False),
    Column("public_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("last4", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # with spaces between them
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("public_id"),
    Index(None, "operator_id", "id"),
)

instances = _table(
    "instances",
    Column("id", Text, nullable=False),
    Column("epoch", BIGINT, nullable=False),
    _moment("started_at"),
    PrimaryKeyConstraint("id"),
)

grants = _table(
    "grants",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("grant_key", Text, nullable=False),
    Column("source", Text, nullable=False),
    _amount("amount"),
    _amount("remaining"),
    _amount("held"),
    Column("priority", BIGINT, nullable=False),
    _moment("effective_at"),
    _moment("expires_at", nullable=True),
    Column("status", Text, nullable=False),
    Column("cost_basis_minor", BIGINT, nullable=False),
    Column("currency", Text, nullable=False),
    _moment("created_at"),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("account_id", "grant_key"),
    _one_of("source", list(GrantSource)),
    _one_of("status", list(GrantStatus)),
    CheckConstraint("held_microcredits >= 0", name="held_not_negative"),
    CheckConstraint("held_microcredits <= remaining_microcredits", name="held_within_remaining"),
    CheckConstraint("remaining_microcredits <= amount_microcredits", name="remaining_within_amount"),
    CheckConstraint(
        "(status = 'active') = (remaining_microcredits > 0)", name="active_while_something_is_left"
    ),
)
# The condition is on the status, which changes once in a grant's life, and not on what is left, which changes with
# every request: an account with thousands of spent grants costs no more than its live ones, and PostgreSQL can update
# amounts in place.
Index(
    "ix_grants_spendable",
    grants.c.account_id,
    grants.c.priority,
    grants.c.expires_at,
    grants.c.id,
    sqlite_where=text("status = 'active'"),
    postgresql_where=text("status = 'active'"),
)

# Of grants that expire, and while they may: the expiry job's queue.
Index(
    "ix_grants_due",
    grants.c.expires_at,
    sqlite_where=text("status = 'active' AND expires_at IS NOT NULL"),
    postgresql_where=text("status = 'active' AND expires_at IS NOT NULL"),
)

# Also conditional: an index over all of an account's grants would be as good to the planner as the one above, and an
# account with thousands of spent grants would pay for them with every request.
Index(
    "ix_grants_past",
    grants.c.account_id,
    grants.c.id,
    sqlite_where=text("status <> 'active'"),
    postgresql_where=text("status <> 'active'"),
)
Index(
    "ix_grants_topups",
    grants.c.account_id,
    grants.c.id,
    sqlite_where=text("source = 'topup'"),
    postgresql_where=text("source = 'topup'"),
)

balances = _table(
    "balances",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _amount("available"),
    _amount("held"),
    _amount("debt"),
    Column("version", BIGINT, nullable=False),
    # What open holds may add to the debt. Only batches in which that changes write it.
    Column("debt_reserved_microcredits", BIGINT, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("account_id"),
    *_never_negative("available_microcredits", "held_microcredits", "debt_microcredits"),
    *_never_negative("debt_reserved_microcredits"),
)

ledger_tx = _table(
    "ledger_tx",
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("idem_key", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _moment("at"),
    # Filled in after the commit, when the transaction is sealed as a link of the chain.
    Column("prev_hash", LargeBinary),
    Column("hash", LargeBinary),
    Column("chain_seq", BIGINT),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("idem_key"),
    Index(None, "account_id", "at"),
)

# Partial, so that a transaction is in one of them at a time, and booking it writes to the queue alone.
Index(
    "ix_ledger_tx_chain",
    ledger_tx.c.chain_seq,
    unique=True,
    sqlite_where=text("chain_seq IS NOT NULL"),
    postgresql_where=text("chain_seq IS NOT NULL"),
)
Index(
    "ix_ledger_tx_unsealed",
    ledger_tx.c.id,
    sqlite_where=text("chain_seq IS NULL"),
    postgresql_where=text("chain_seq IS NULL"),
)

ledger_entries = _table(
    "ledger_entries",
    Column("tx_id", Text, ForeignKey("ledger_tx.id"), nullable=False),
    Column("seq", BIGINT, nullable=False),
    Column("ledger_account", Text, nullable=False),
    Column("grant_id", Text, ForeignKey("grants.id")),
    _amount("amount"),
    PrimaryKeyConstraint("tx_id", "seq"),
    CheckConstraint("amount_microcredits <> 0", name="amount_not_zero"),
)

holds = _table(
    "holds",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("api_key_id", Text, ForeignKey("api_keys.id")),
    Column("model", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("input_hash", Text, nullable=False),
    _amount("amount"),
    Column("state", Text, nullable=False),
    Column("owner_instance", Text, nullable=False),
    Column("owner_epoch", BIGINT, nullable=False),
    _moment("lease_until"),
    Column("checkpoint", Text, nullable=False),
    _moment("opened_at"),
    _moment("closed_at", nullable=True),
    Column("cost_microcredits", BIGINT),
    # Of the amount, what the account has no credit for and may owe. None of it when the hold is placed.
    Column("debt_microcredits", BIGINT, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id <> ''", name="id_not_empty"),
    _one_of("state", list(HoldState)),
    CheckConstraint("amount_microcredits >= 0", name="amount_not_negative"),
    CheckConstraint("debt_microcredits BETWEEN 0 AND amount_microcredits", name="debt_within_amount"),
    CheckConstraint("cost_microcredits BETWEEN 0 AND amount_microcredits", name="cost_within_amount"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_once"),
    CheckConstraint("(state = 'open') = (cost_microcredits IS NULL)", name="cost_when_closed"),
)
Index(
    "ix_holds_open",
    holds.c.lease_until,
    holds.c.owner_instance,
    holds.c.owner_epoch,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

hold_allocations = _table(
    "hold_allocations",
    Column("hold_id", Text, ForeignKey("holds.id"), nullable=False),
    Column("grant_id", Text, ForeignKey("grants.id"), nullable=False),
    Column("seq", BIGINT, nullable=False),
    _amount("amount"),
    PrimaryKeyConstraint("hold_id", "grant_id"),
    CheckConstraint("amount_microcredits > 0", name="amount_positive"),
)

usage_events = _table(
    "usage_events",
    Column("request_id", Text, ForeignKey("holds.id"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("api_key_id", Text, ForeignKey("api_keys.id")),
    Column("model", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("finish_reason", Text),
    _amount("cost"),
    _amount("shortfall"),
    Column("ledger_tx_id", Text, ForeignKey("ledger_tx.id")),
    Column("latency_ms", BIGINT, nullable=False),
    Column("first_token_ms", BIGINT),
    Column("backend", Text, nullable=False),
    _moment("at"),
    PrimaryKeyConstraint("request_id"),
    Index(None, "account_id", "at"),
    _one_of("source", list(UsageSource)),
    *_never_negative("cost_microcredits", "shortfall_microcredits"),
)

usage_lines = _table(
    "usage_lines",
    Column("request_id", Text, ForeignKey("usage_events.request_id"), nullable=False),
    Column("meter", Text, nullable=False),
    Column("quantity", BIGINT, nullable=False),
    _amount("unit_price"),
    Column("per", BIGINT, nullable=False),
    _amount("cost"),
    PrimaryKeyConstraint("request_id", "meter"),
    _one_of("meter", list(Meter)),
    *_never_negative("quantity", "cost_microcredits"),
)

usage_sums = _table(
    # Usage events added up by hour, day and fortnight (UTC), in the transaction that writes them: SQLite's writer does it
    # itself, on PostgreSQL `ledger_write`. Each event is in the sums of its model and in those of its key: a report
    # reads a row for each model or key of an hour or day, neither for each request nor for each pair of the two.
    "usage_sums",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("dimension", Text, nullable=False),
    Column("grain", Text, nullable=False),
    _moment("begins_at"),
    Column("name", Text, nullable=False),  # of the model, or the id of the key; empty: without a key
    Column("request_count", BIGINT, nullable=False),
    _amount("cost"),
    *(Column(meter.value, BIGINT, nullable=False) for meter in Meter),
    PrimaryKeyConstraint("account_id", "dimension", "grain", "begins_at", "name"),
    CheckConstraint("dimension IN ('model', 'key')", name="dimension_known"),
    CheckConstraint("grain IN ('hour', 'day', 'fortnight')", name="grain_known"),
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

audit_log = Table(
    # Ids only: what could name a person is in `audit_details`, of which a salted digest stays here.
    "audit_log",
    metadata,
    Column("seq", BIGINT, primary_key=True, autoincrement=True),
    _moment("at"),
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

audit_details = _table(
    # The only part of the audit log that can be deleted, to forget a person. Never changed.
    "audit_details",
    Column("seq", BIGINT, ForeignKey("audit_log.seq"), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("seq"),
)

broadcasts = _table(
    # Notices to every active account: one for each version of what they tell of.
    "broadcasts",
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("begins_on", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _moment("created_at"),
    # Id of the last account that was looked at; empty: none yet.
    Column("done_to", Text, nullable=False),
    Column("account_count", BIGINT, nullable=False),
    _moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("kind", "version"),
)

content_accounts = _table(
    # What an account keeps as content, and the key that it is encrypted with: without this row it is unreadable.
    "content_accounts",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("stored_bytes", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("stored_bytes >= 0", name="stored_bytes_not_negative"),
)

content_items = _table(
    "content_items",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("size_bytes", BIGINT, nullable=False),
    Column("data", LargeBinary, nullable=False),
    _moment("created_at"),
    _moment("expires_at"),
    PrimaryKeyConstraint("account_id", "kind", "name"),
    Index(None, "expires_at"),
    rowid=True,  # long rows: as a tree of its own the primary key stays small
)

outbox = _table(
    # Notices: written in the transaction of their cause, sent by a job, kept for a while so that each is told once.
    "outbox",
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id")),
    Column("kind", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # JSON; emptied when it has arrived, as far as that is told
    Column("state", Text, nullable=False),
    Column("attempts", BIGINT, nullable=False),
    _moment("due_at"),  # while it is being sent: when whoever sends it is taken for dead
    Column("channel", Text, nullable=False),  # the last one that was tried
    Column("provider_id", Text, nullable=False),
    Column("delivery", Text, nullable=False),  # what the provider told of it since
    Column("error", Text, nullable=False),
    _moment("created_at"),
    _moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("key"),
    _one_of("state", list(NoticeState)),
    CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended_once"),
    rowid=True,
)
Index(
    "ix_outbox_due",
    outbox.c.due_at,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index(
    "ix_outbox_failed",
    outbox.c.id,
    sqlite_where=text("state = 'failed'"),
    postgresql_where=text("state = 'failed'"),
)
Index(
    "ix_outbox_ended",
    outbox.c.ended_at,
    sqlite_where=text("ended_at IS NOT NULL"),
    postgresql_where=text("ended_at IS NOT NULL"),
)
Index(
    "ix_outbox_provider_id",
    outbox.c.provider_id,
    sqlite_where=text("provider_id <> ''"),
    postgresql_where=text("provider_id <> ''"),
)

notice_preferences = _table(
    # What an account wants to be told, where it has said so.
    "notice_preferences",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("is_wanted", BIGINT, nullable=False),
    PrimaryKeyConstraint("account_id", "kind"),
    CheckConstraint("is_wanted IN (0, 1)", name="is_wanted_boolean"),
)

cursors = _table(
    # How far a job has read in something that only grows.
    "cursors",
    Column("name", Text, nullable=False),
    Column("position", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)

refills = _table(
    # What an account had after it last got credit: the measure of "running low".
    "refills",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("grant_id", Text, nullable=False),
    _amount("basis"),
    PrimaryKeyConstraint("account_id"),
    CheckConstraint("basis_microcredits >= 0", name="basis_not_negative"),
)

sign_in_codes = _table(
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
    _moment("expires_at"),
    PrimaryKeyConstraint("id"),
    Index(None, "expires_at"),
    _one_of("purpose", list(Purpose)),
    _one_of("kind", list(IdentifierKind)),
)

sign_in_tallies = _table(
    # How often codes were sent and guessed, by a keyed hash of whom it is counted for.
    "sign_in_tallies",
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    _moment("expires_at"),
    PrimaryKeyConstraint("subject"),
    Index(None, "expires_at"),
)

verified_identities = _table(
    # Every number and address that was ever proven, as a keyed hash, and the account that it belonged to first: also
    # after that account was closed, so that nobody is welcomed twice.
    "verified_identities",
    Column("digest", LargeBinary, nullable=False),
    Column("pepper_version", BIGINT, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _moment("verified_at"),
    _moment("welcomed_at", nullable=True),
    PrimaryKeyConstraint("digest"),
)

consents = _table(
    # What the holder of an account accepted when it was opened.
    "consents",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("terms_version", Text, nullable=False),
    Column("minimum_age", BIGINT, nullable=False),
    _moment("accepted_at"),
    PrimaryKeyConstraint("account_id", "terms_version"),
)

sessions = _table(
    # Rows of sessions that were ended are deleted. The token is nowhere: only its hash is.
    "sessions",
    Column("id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("device", Text, nullable=False),
    _moment("created_at"),
    _moment("authenticated_at"),
    _moment("last_used_at"),
    _moment("expires_at"),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("digest"),
    Index(None, "account_id", "id"),
    Index(None, "expires_at"),
)

"""Tables of the ledger: grants, holds, entries, and what was used. Amounts are whole micro-credits."""

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

from raseed.adapters.sql.metadata import BIGINT, amount, moment, never_negative, one_of, table
from raseed.core.billing.model import GrantSource, GrantStatus, HoldState, Meter
from raseed.core.billing.spend_caps import CapWindow
from raseed.core.inference.model import UsageSource

spend_buckets = table(
    # Spend caps, and what counts against them. Only what has a cap has a row; it changes in the transaction that moves the
    # credit, under the lock of the account's balance row.
    "spend_buckets",
    Column("id", Text, nullable=False),  # of an API key, or organisation/person
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    amount("limit"),
    Column("cap_window", Text, nullable=False),
    moment("window_begins_at"),
    amount("charged"),
    amount("held"),
    PrimaryKeyConstraint("id"),
    Index(None, "account_id"),
    one_of("cap_window", list(CapWindow)),
    *never_negative("limit_microcredits", "charged_microcredits", "held_microcredits"),
)

grants = table(
    "grants",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("grant_key", Text, nullable=False),
    Column("source", Text, nullable=False),
    amount("amount"),
    amount("remaining"),
    amount("held"),
    Column("priority", BIGINT, nullable=False),
    moment("effective_at"),
    moment("expires_at", nullable=True),
    Column("status", Text, nullable=False),
    Column("cost_basis_minor", BIGINT, nullable=False),
    Column("currency", Text, nullable=False),
    moment("created_at"),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("account_id", "grant_key"),
    one_of("source", list(GrantSource)),
    one_of("status", list(GrantStatus)),
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

balances = table(
    "balances",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    amount("available"),
    amount("held"),
    amount("debt"),
    Column("version", BIGINT, nullable=False),
    # What open holds may add to the debt. Only batches in which that changes write it.
    Column("debt_reserved_microcredits", BIGINT, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("account_id"),
    *never_negative("available_microcredits", "held_microcredits", "debt_microcredits"),
    *never_negative("debt_reserved_microcredits"),
)

ledger_tx = table(
    "ledger_tx",
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("idem_key", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("actor", Text, nullable=False),
    moment("at"),
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

ledger_entries = table(
    "ledger_entries",
    Column("tx_id", Text, ForeignKey("ledger_tx.id"), nullable=False),
    Column("seq", BIGINT, nullable=False),
    Column("ledger_account", Text, nullable=False),
    Column("grant_id", Text, ForeignKey("grants.id")),
    amount("amount"),
    PrimaryKeyConstraint("tx_id", "seq"),
    CheckConstraint("amount_microcredits <> 0", name="amount_not_zero"),
)

holds = table(
    "holds",
    Column("id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("api_key_id", Text, ForeignKey("api_keys.id")),
    Column("model", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("input_hash", Text, nullable=False),
    amount("amount"),
    Column("state", Text, nullable=False),
    Column("owner_instance", Text, nullable=False),
    Column("owner_epoch", BIGINT, nullable=False),
    moment("lease_until"),
    Column("checkpoint", Text, nullable=False),
    moment("opened_at"),
    moment("closed_at", nullable=True),
    Column("cost_microcredits", BIGINT),
    # Of the amount, what the account has no credit for and may owe. None of it when the hold is placed.
    Column("debt_microcredits", BIGINT, nullable=False, server_default=text("0")),
    # With the key these say in which buckets it counts (`Hold.bucket_ids`): fixed when it is placed.
    Column("parent_key_id", Text),
    Column("person_id", Text),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id <> ''", name="id_not_empty"),
    one_of("state", list(HoldState)),
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

hold_allocations = table(
    "hold_allocations",
    Column("hold_id", Text, ForeignKey("holds.id"), nullable=False),
    Column("grant_id", Text, ForeignKey("grants.id"), nullable=False),
    Column("seq", BIGINT, nullable=False),
    amount("amount"),
    PrimaryKeyConstraint("hold_id", "grant_id"),
    CheckConstraint("amount_microcredits > 0", name="amount_positive"),
)

usage_events = table(
    "usage_events",
    Column("request_id", Text, ForeignKey("holds.id"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("api_key_id", Text, ForeignKey("api_keys.id")),
    Column("model", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("finish_reason", Text),
    amount("cost"),
    amount("shortfall"),
    Column("ledger_tx_id", Text, ForeignKey("ledger_tx.id")),
    Column("latency_ms", BIGINT, nullable=False),
    Column("first_token_ms", BIGINT),
    Column("backend", Text, nullable=False),
    moment("at"),
    Column("person_id", Text),  # in an organisation: who made the key, or signed in
    PrimaryKeyConstraint("request_id"),
    Index(None, "account_id", "at"),
    one_of("source", list(UsageSource)),
    *never_negative("cost_microcredits", "shortfall_microcredits"),
)

usage_lines = table(
    "usage_lines",
    Column("request_id", Text, ForeignKey("usage_events.request_id"), nullable=False),
    Column("meter", Text, nullable=False),
    Column("quantity", BIGINT, nullable=False),
    amount("unit_price"),
    Column("per", BIGINT, nullable=False),
    amount("cost"),
    PrimaryKeyConstraint("request_id", "meter"),
    one_of("meter", list(Meter)),
    *never_negative("quantity", "cost_microcredits"),
)

usage_sums = table(
    # Usage events added up by hour, day and fortnight (UTC), in the transaction that writes them: SQLite's writer does it
    # itself, on PostgreSQL `ledger_book`. Each event is in the sums of its model and in those of its key: a report
    # reads a row for each model or key of an hour or day, neither for each request nor for each pair of the two.
    "usage_sums",
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("dimension", Text, nullable=False),
    Column("grain", Text, nullable=False),
    moment("begins_at"),
    # Of the model, or the id of the key. Without a key: `@` and the person who signed in, or empty in his own account.
    Column("name", Text, nullable=False),
    Column("request_count", BIGINT, nullable=False),
    amount("cost"),
    *(Column(meter.value, BIGINT, nullable=False) for meter in Meter),
    PrimaryKeyConstraint("account_id", "dimension", "grain", "begins_at", "name"),
    CheckConstraint("dimension IN ('model', 'key')", name="dimension_known"),
    CheckConstraint("grain IN ('hour', 'day', 'fortnight')", name="grain_known"),
)

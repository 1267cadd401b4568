"""The ledger's SQL for PostgreSQL. Each statement is one round trip; rows come as records in the table's column order.

The types are those of the revisions, in the order that `ledger_rows` reads and writes; the driver reads a row of a type
that it knows faster than one that it has to find out about.
"""

from __future__ import annotations

from typing import Final

_ACCOUNT: Final = """ROW(a.id, a.status, b.available_microcredits, b.held_microcredits, b.debt_microcredits,
    b.debt_reserved_microcredits, a.debt_limit_microcredits, b.version)::ledger_account_state"""
_GRANT: Final = """ROW(g.id, g.account_id, g.grant_key, g.source, g.amount_microcredits, g.remaining_microcredits,
    g.held_microcredits, g.priority, g.effective_at, g.expires_at, g.status, g.cost_basis_minor, g.currency,
    g.created_at, g.reason)::ledger_grant_row"""
_HOLD: Final = """ROW(h.id, h.account_id, h.api_key_id, h.model, h.price, h.input_hash, h.amount_microcredits, h.state,
    h.owner_instance, h.owner_epoch, h.lease_until, h.checkpoint, h.opened_at, h.closed_at,
    h.cost_microcredits, h.debt_microcredits, h.parent_key_id, h.person_id)::ledger_hold_image"""
_ALLOCATION: Final = "ROW(a.hold_id, a.grant_id, a.seq, a.amount_microcredits)::ledger_allocation_row"
_TRANSACTION: Final = "ROW(t.id, t.kind, t.idem_key, t.account_id, t.ref, t.actor, t.at)::ledger_tx_row"
_ENTRY: Final = "ROW(e.tx_id, e.seq, e.ledger_account, e.grant_id, e.amount_microcredits)::ledger_entry_row"

_BUCKET: Final = """ROW(k.id, k.limit_microcredits, k.cap_window, k.window_begins_at, k.charged_microcredits,
    k.held_microcredits)::ledger_bucket_row"""

# Literals of ours, joined at import: nothing of them is input.

LOAD: Final = f"""
SELECT
  ARRAY(SELECT {_ACCOUNT} FROM accounts AS a JOIN balances AS b ON b.account_id = a.id
        WHERE a.id = ANY($1::text[]) AND b.account_id = ANY($1::text[])),
  ARRAY(SELECT {_GRANT} FROM grants AS g WHERE g.account_id = ANY($1::text[]) AND g.status = 'active'),
  ARRAY(SELECT {_HOLD} FROM holds AS h WHERE h.id = ANY($2::text[])),
  ARRAY(SELECT {_ALLOCATION} FROM hold_allocations AS a WHERE a.hold_id = ANY($2::text[])
        ORDER BY a.hold_id, a.seq),
  ARRAY(SELECT {_GRANT} FROM grants AS g WHERE g.account_id = ANY($3::text[]) AND g.grant_key = ANY($4::text[])),
  ARRAY(SELECT {_TRANSACTION} FROM ledger_tx AS t WHERE t.idem_key = ANY($5::text[])),
  ARRAY(SELECT {_ENTRY} FROM ledger_entries AS e
        WHERE e.tx_id = ANY(ARRAY(SELECT t.id FROM ledger_tx AS t WHERE t.idem_key = ANY($5::text[])))
        ORDER BY e.tx_id, e.seq),
  ARRAY(SELECT {_BUCKET} FROM spend_buckets AS k
        WHERE k.id = ANY($6::text[] || ARRAY(
          SELECT unnest(ARRAY[h.api_key_id, h.parent_key_id, h.account_id || '/' || h.person_id])
          FROM holds AS h WHERE h.id = ANY($2::text[]))))
"""  # noqa: S608
"""All that `needs` names: account ids; hold ids; accounts and keys of grants, which also finds one account's grant
under another's key; idempotency keys of transactions; buckets of new holds. One statement, so one snapshot.
"""

LOAD_OWNERS: Final = "SELECT id, account_id FROM grants WHERE id = ANY($1::text[])"
"""Whose grants these are, whatever their status."""

LOCK: Final = """
SELECT count(*) FROM (
  SELECT FROM balances WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR NO KEY UPDATE
) AS locked
"""
"""Keeps everybody else away from these accounts until the transaction ends. The order is that of `ledger_book`."""

WRITE: Final = "SELECT ledger_book($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
"""Writes what a batch changed, or nothing (revision 0027)."""

LOAD_HOLDS_TO_SWEEP: Final = f"""
WITH found AS (
  SELECT h.* FROM holds AS h
  WHERE h.state = 'open'
    AND (h.lease_until, h.id) > ($5::bigint, $6::text)
    AND (h.lease_until <= $1::bigint OR (h.owner_instance = $2::text AND h.owner_epoch < $3::bigint))
  ORDER BY h.lease_until, h.id
  LIMIT $4::bigint
)
SELECT
  ARRAY(SELECT {_HOLD} FROM found AS h ORDER BY h.lease_until, h.id),
  ARRAY(SELECT {_ALLOCATION} FROM hold_allocations AS a WHERE a.hold_id = ANY(ARRAY(SELECT id FROM found))
        ORDER BY a.hold_id, a.seq)
"""  # noqa: S608

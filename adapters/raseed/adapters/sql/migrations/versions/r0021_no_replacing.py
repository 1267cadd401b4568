"""On SQLite, rows that stay are not replaced either."""

from __future__ import annotations

from raseed.adapters.sql.migrations.append_only import refuse_replacing, refuse_taking

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    refuse_replacing("ledger_tx", ("id",), ("idem_key",), ("chain_seq",))
    refuse_replacing("ledger_entries", ("tx_id", "seq"))
    refuse_replacing("audit_log", ("seq",), ("chain_seq",))
    refuse_replacing("audit_details", ("seq",))
    refuse_taking("ledger_tx", "id", "chain_seq")
    refuse_taking("audit_log", "seq", "chain_seq")

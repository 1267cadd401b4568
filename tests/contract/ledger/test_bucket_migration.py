"""Caps of before stay what they were, and workers of the version before go on counting in them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.support.migrations import on_postgres, on_sqlite, upgrade

BEFORE = (
    "INSERT INTO accounts (id, email, tier, status, created_at) VALUES ('acct_a', 'a@example.com', 'free', 'active', 1)",
    (
        "INSERT INTO balances (account_id, available_microcredits, held_microcredits, debt_microcredits, version) "
        "VALUES ('acct_a', 0, 0, 0, 0)"
    ),
    (
        "INSERT INTO api_keys (id, account_id, public_id, digest, pepper_version, name, last4, created_at) "
        "VALUES ('key_1', 'acct_a', 'p', {digest}, 1, 'k', '0000', 1)"
    ),
    "INSERT INTO key_spends VALUES ('key_1', 100, 'month', 5, 40, 30)",
)
OLD_WRITE = (
    "SELECT ledger_write_owed('{}', '{}', ARRAY[ROW(6, 50, 20, 'key_1')::ledger_key_spend_change], "
    "ARRAY[ROW('acct_a', 0, 0, 0, 0)::ledger_balance_row], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"
)
OLD_READ = "SELECT api_key_id, charged_microcredits, held_microcredits FROM key_spends"


def history(connection: Connection) -> Any:
    is_postgres = connection.dialect.name == "postgresql"
    upgrade(connection, "0026")
    for statement in BEFORE:
        connection.execute(text(statement.replace("{digest}", "'\\x00'" if is_postgres else "x'00'")))
    upgrade(connection, "head")
    kept = [tuple(row) for row in connection.execute(text("SELECT * FROM spend_buckets"))]
    if is_postgres:
        connection.exec_driver_sql(OLD_WRITE)
        assert connection.execute(text(OLD_READ)).all() == [("key_1", 50, 20)]
    return kept


@pytest.mark.parametrize("on", [on_sqlite, on_postgres])
async def test_the_cap_of_a_key_becomes_its_bucket(on: Any, tmp_path: Any) -> None:
    assert await on(history, tmp_path) == [("key_1", "acct_a", 100, "month", 5, 40, 30)]

"""An upgrade takes nothing away from the keys that people have, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from tests.support.migrations import on_postgres, on_sqlite, upgrade

from raseed.adapters.sql.accounts.api_keys import list_keys
from raseed.core.accounts.key_bounds import Bounds
from raseed.core.accounts.scopes import KEY_DEFAULT, Scope
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId

BEFORE, SINCE = "0010", "0011"


def migrate_with_keys(connection: Connection) -> dict[str, frozenset[str]]:
    """The scopes of each key after the upgrade."""
    upgrade(connection, BEFORE)
    account = "INSERT INTO accounts (id, email, tier, status, created_at) VALUES ('acct', 'a@b', 'free', 'active', 0)"
    connection.execute(text(account))
    for id_, scopes in (("plain", ""), ("metering", "metering:write")):
        connection.execute(
            text(
                "INSERT INTO api_keys (id, account_id, public_id, digest, pepper_version, name, last4, created_at, "
                "scopes) VALUES (:id, 'acct', :id, :digest, 1, '', '', 0, :scopes)"
            ),
            {"id": id_, "digest": b"", "scopes": scopes},
        )
    upgrade(connection, SINCE)
    rows = connection.execute(text("SELECT id, scopes FROM api_keys"))
    found = {id_: frozenset(scopes.split(" ")) for id_, scopes in rows}
    upgrade(connection, "head")
    for key in list_keys(connection, AccountId("acct"), "", 9):
        assert key.bounds == Bounds(scopes=found[key.id])
        assert key.is_valid(Microseconds(1))
    return found


@pytest.mark.parametrize("run", [on_sqlite, on_postgres])
async def test_old_keys_may_do_what_they_could_do(run, tmp_path):
    could = KEY_DEFAULT | {Scope.ACCOUNT_READ, Scope.KEYS_READ}
    assert await run(migrate_with_keys, tmp_path) == {
        "plain": could,
        "metering": could | {Scope.METERING_WRITE},
    }

"""Accounts of before organisations stay as they were, and the database knows what an organisation is from then on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from tests.support.migrations import on_postgres, on_sqlite, upgrade

ACCOUNT = (
    "INSERT INTO accounts (id, email, phone_e164, tier, status, created_at{columns}) "
    "VALUES ('{id}', {email}, NULL, 'free', 'active', 1{values})"
)


def add(connection: Connection, id_: str, email: str | None, kind: str = "") -> None:
    statement = ACCOUNT.format(
        id=id_,
        email="NULL" if email is None else f"'{email}'",
        columns=", kind" if kind else "",
        values=f", '{kind}'" if kind else "",
    )
    with connection.begin_nested():
        connection.execute(text(statement))


def history(connection: Connection) -> Any:
    upgrade(connection, "0018")
    add(connection, "acct_old", "old@example.com")
    upgrade(connection, "head")
    add(connection, "acct_new", "new@example.com", "person")
    add(connection, "acct_org", None, "organisation")
    for id_, email, kind in (
        ("acct_a", None, "person"),
        ("acct_b", "b@example.com", "organisation"),
        ("acct_c", "c@example.com", "club"),
        ("acct_d", "old@example.com", "person"),
    ):
        with pytest.raises(IntegrityError):
            add(connection, id_, email, kind)
    return connection.execute(text("SELECT id, kind FROM accounts ORDER BY id")).all()


@pytest.mark.parametrize("on", [on_sqlite, on_postgres])
async def test_persons_are_reached_and_organisations_are_not(on: Any, tmp_path: Any) -> None:
    assert await on(history, tmp_path) == [
        ("acct_new", "person"),
        ("acct_old", "person"),
        ("acct_org", "organisation"),
    ]

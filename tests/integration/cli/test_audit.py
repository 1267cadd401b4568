"""`raseed audit` on a stopped system: rows are found, and what somebody changed in the file is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "home"


@pytest.fixture(scope="module")
def raseed(home: Path) -> Any:
    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home), "RASEED_CONFIG": ""}, *arguments)

    return run


@pytest.fixture(scope="module")
def account(raseed) -> str:
    made = raseed(
        "accounts", "create", "--email", "a@example.com", "--no-welcome", "--credits", "9", "--json"
    )
    id_: str = made.value["id"]
    return id_


def test_rows_are_listed_by_what_they_are_about(raseed, account):
    key = raseed("keys", "create", account, "--json").value["id"]
    rows = raseed("audit", "list", "--subject", account, "--json").value
    assert [row["action"] for row in rows] == ["credits.grant", "account.create"]
    assert {row["actor"] for row in rows} == {"local-socket"}
    assert "9000000 at account creation" in rows[0]["detail"]
    [row] = raseed("audit", "list", "--action", "key.create", "--json").value
    assert row["subject"] == key
    assert row["detail"].startswith(f"account={account} scopes=billing:read,")
    assert raseed("audit", "list", "--actor", "nobody").out == "no rows\n"
    assert raseed("audit", "list", "--to", "2020-01-01", "--json").value == []
    [newest] = raseed("audit", "list", "--limit", "1", "--json").value
    assert newest["seq"] == row["seq"]
    raseed("audit", "list", "--from", "yesterday").refused()


def test_verify_names_the_row_whose_detail_was_changed(raseed, account, home):
    verified = raseed("audit", "verify", "--json")
    assert (verified.status, verified.value["ok"], verified.value["rows"] > 0) == (0, True, True)
    raseed("audit", "verify", "--since-head", "xyz").refused()
    cut = raseed("audit", "verify", "--since-head", "ab" * 32, "--json")
    assert (cut.status, cut.value["violations"][0]["seq"]) == (1, 0)

    raw = sqlite3.connect(home / "raseed.db", isolation_level=None)
    raw.execute("DROP TRIGGER audit_details_no_update")
    raw.execute("UPDATE audit_details SET detail = 'nothing' WHERE seq = 1")
    raw.close()
    broken = raseed("audit", "verify")
    assert broken.status == 1
    assert broken.out == "row 1: its detail is not what was written\n"
    assert broken.err == "raseed: the audit log is broken: its detail is not what was written\n"

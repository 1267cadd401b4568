"""`raseed accounts` on a stopped system: the life of an account, as scripts see it."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def raseed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home: Path = tmp_path_factory.mktemp("accounts") / "home"

    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home), "RASEED_CONFIG": ""}, *arguments)

    return run


def test_the_life_of_an_account(raseed, tmp_path: Path):
    made = raseed("accounts", "create", "--email", "ada@example.com", "--json").value
    suspended = raseed("accounts", "suspend", made["id"], "--reason", "spam", "--json").value
    assert (suspended["status"], suspended["status_reason"]) == ("suspended", "spam")
    assert raseed("accounts", "list", "--status", "suspended", "--json").value[0]["id"] == made["id"]
    assert (
        raseed("accounts", "reinstate", made["id"], "--reason", "sorry", "--json").value["status"] == "active"
    )
    tier = raseed(
        "accounts", "tier", made["id"], "pro", "--until", "2099-01-01T00:00:00Z", "--reason", "gift", "--json"
    ).value
    assert (tier["tier"], tier["tier_expires_at"]) == ("pro", "2099-01-01T00:00:00Z")

    raseed("accounts", "note", "ada@example.com", "called twice")
    shown = raseed("accounts", "show", "ada@example.com", "--json").value
    assert [note["text"] for note in shown["notes"]] == ["called twice"]
    lines = raseed("accounts", "show", made["id"]).out.splitlines()
    assert lines[0] == f"{made['id']}  ada@example.com  pro  1000"
    assert lines[-1].endswith("local-socket  called twice")

    other = raseed("accounts", "create", "--email", "ada2@example.com", "--no-welcome", "--json").value["id"]
    second = raseed("accounts", "second", other, "--of", made["id"], "--reason", "family", "--json").value
    assert second["second_of"] == made["id"]
    assert (
        raseed("accounts", "second", other, "--none", "--reason", "over", "--json").value["second_of"] is None
    )
    found = raseed("accounts", "list", "--query", "ada", "--json").value
    assert [account["id"] for account in found] == [other, made["id"]]

    assert raseed("accounts", "closing").out == "none\n"
    file = tmp_path / "ada.jsonl"
    exported = raseed("accounts", "export", made["id"], str(file), "--json").value
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert exported["records"] == Counter(record["record"] for record in records)
    assert records[0]["email"] == "ada@example.com"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    raseed("accounts", "export", made["id"], str(file)).refused(2)
    raseed("accounts", "export", "nobody", str(tmp_path / "nobody")).refused()
    assert not (tmp_path / "nobody").exists()

    closed = raseed("accounts", "close", made["id"], "--reason", "asked for", "--forfeit", "--json").value
    assert closed["status"] == "closed"
    assert raseed("accounts", "reinstate", made["id"], "--reason", "x").refused() == (
        "raseed: This account is closed.\n"
    )
    early = raseed("accounts", "erase", made["id"], "--reason", "asked for").refused()
    assert early == "raseed: Its last requests have not ended yet.\n"  # a running stack takes the credit back
    raseed("accounts", "close", other, "--reason", "asked for", "--keep")
    erased = raseed("accounts", "erase", other, "--reason", "asked for", "--json").value
    assert erased["email"] == f"{other}@erased.invalid"


def test_what_is_typed_wrongly_is_refused_before_anything_is_asked(raseed):
    raseed("accounts", "tier", "x", "pro", "--until", "tomorrow", "--reason", "x").refused(2)
    raseed("accounts", "tier", "x", "pro", "--until", "2099-01-01T00:00:00", "--reason", "x").refused(2)
    raseed("accounts", "second", "x", "--reason", "x").refused(2)
    raseed("accounts", "second", "x", "--of", "y", "--none", "--reason", "x").refused(2)
    assert raseed("accounts", "suspend", "nobody").status == 2
    raseed("accounts", "suspend", "nobody", "--reason", "x").refused()


def test_an_account_whose_telephone_was_lost_gets_another_number(raseed):
    made = raseed("accounts", "create", "--phone", "+96550123456", "--json").value["id"]
    other = raseed("accounts", "create", "--phone", "+96550123457", "--json").value["id"]
    why = ("--reason", "knows her last payment")
    changed = raseed("accounts", "contact", made, "--phone", "5099 8877", *why, "--json").value
    assert (changed["id"], changed["phone"]) == (made, "+96550998877")
    assert raseed("accounts", "contact", made, "--phone", "+96550998877", *why).status == 0
    assert "another account" in raseed("accounts", "contact", made, "--phone", "+96550123457", *why).refused()
    assert "telephone" in raseed("accounts", "contact", made, "--phone", "12", *why).refused()
    raseed("accounts", "contact", made, *why).refused(2)
    assert raseed("accounts", "contact", made, "--phone", "+96550998877").status == 2
    raseed("accounts", "close", other, "--reason", "asked for")
    assert "closed" in raseed("accounts", "contact", other, "--phone", "+96550123458", *why).refused()
    rows = raseed("audit", "list", "--subject", made, "--json").value
    assert [row["detail"] for row in rows if row["action"] == "account.identifier"] == [why[1]] * 2

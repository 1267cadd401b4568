"""An operator's script: the command line from elsewhere, by the admin listener, with an admin key in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.e2e.test_sign_in import TERMS, send
from tests.support.command_line import Outcome, run_cli
from tests.support.customer import Customer
from tests.support.http import Http
from tests.support.mailbox import code_sent
from tests.support.stack import Stack
from tests.support.waiting import until


@pytest.fixture
def key_file(stack: Stack, tmp_path: Path) -> Path:
    """Of a new operator who may read accounts."""
    name = f"script-{os.urandom(4).hex()}"
    made = run_cli(stack.environ, "operators", "create", name, "--scope", "accounts:read", "--json").value
    file = tmp_path / "admin-key"
    file.write_text(made["key"] + "\n")
    file.chmod(0o600)
    return file


def elsewhere(stack: Stack, key_file: Path, *arguments: str) -> Outcome:
    """From a machine that has neither the home nor the configuration of the stack."""
    return run_cli(
        {"RASEED_CONFIG": "/nowhere/raseed.toml"},
        "--server",
        stack.run_file()["admin_listen"],
        "--key-file",
        str(key_file),
        *arguments,
    )


def test_a_script_does_what_its_key_may_do_and_no_more(stack: Stack, key_file: Path):
    found = elsewhere(stack, key_file, "accounts", "list", "--json")
    assert found.status == 0, found
    assert "owner@localhost" in [account["email"] for account in found.value]
    refused = elsewhere(stack, key_file, "ledger", "verify").refused()
    assert refused == "raseed: This admin key lacks the scope `ledger:read`.\n"
    secret = key_file.read_text().strip().rpartition("_")[2]
    everywhere = [
        *stack.files.logs.glob("*"),
        *stack.home.glob("raseed.db*"),
        *stack.files.run.glob("*.json"),
    ]
    assert [file.name for file in everywhere if secret.encode() in file.read_bytes()] == []
    by_environment = {
        "RASEED_ADMIN_ADDRESS": stack.run_file()["admin_listen"],
        "RASEED_ADMIN_KEY_FILE": str(key_file),
    }
    assert run_cli(by_environment, "accounts", "list", "--json").value == found.value


def test_a_key_that_is_none_or_lies_open_is_refused(stack: Stack, key_file: Path, tmp_path: Path):
    key_file.chmod(0o644)
    assert "chmod 600" in elsewhere(stack, key_file, "accounts", "list").refused(2)
    customers = tmp_path / "customers-key"
    customers.write_text(stack.key)
    customers.chmod(0o600)
    assert "Incorrect admin key" in elsewhere(stack, customers, "accounts", "list").refused()
    elsewhere(stack, tmp_path / "gone", "accounts", "list").refused(2)
    run_cli({"RASEED_ADMIN_KEY_FILE": str(customers)}, "accounts", "list").refused(2)


@pytest.mark.parametrize(
    "server", ["raseed.example:9443", "10.0.0.1:9443", "ftp://127.0.0.1", "https:", "/x"]
)
def test_a_key_is_not_sent_in_the_clear_to_others(key_file: Path, server: str):
    run_cli({}, "--server", server, "--key-file", str(key_file), "accounts", "list").refused(2)


def test_nobody_there(key_file: Path):
    outcome = run_cli({}, "--server", "127.0.0.1:1", "--key-file", str(key_file), "accounts", "list")
    assert outcome.refused() == "raseed: 127.0.0.1:1 does not answer; is the platform stopping?\n"


EFFECTIVE_S = 2.0


def test_a_suspension_is_effective_everywhere_within_two_seconds(stack: Stack, customer: Customer):
    http = Http(stack.port, customer.key)
    assert http.send("GET", "/v1/models").status == 200
    assert run_cli(stack.environ, "accounts", "suspend", customer.id, "--reason", "spam").status == 0
    until(lambda: http.send("GET", "/v1/models").status == 403, EFFECTIVE_S, "the key is refused")
    assert http.send("GET", "/v1/models").error(403)["code"] == "account_suspended"
    assert run_cli(stack.environ, "accounts", "reinstate", customer.id, "--reason", "x").status == 0
    until(lambda: http.send("GET", "/v1/models").status == 200, EFFECTIVE_S, "the key is taken again")


def test_a_running_stack_is_healthy_and_can_be_copied(stack: Stack, tmp_path: Path):
    seen = run_cli(stack.environ, "doctor", "--json")
    assert seen.status == 0, seen
    served = [each["detail"] for each in seen.value["checks"] if each["check"] == "ports"]
    assert [detail.endswith(" is served") for detail in served] == [True, True]
    copy = tmp_path / "copy.db"
    assert run_cli(stack.environ, "backup", str(copy)).status == 0
    restored = {"RASEED_HOME": str(tmp_path / "home"), "RASEED_CONFIG": "", "RASEED_DATABASE_PATH": str(copy)}
    verified = run_cli(restored, "ledger", "verify", "--json")
    assert (verified.status, verified.value["ok"]) == (0, True)


def test_a_holder_takes_data_away_and_asks_for_the_closing_in_a_browser(stack: Stack):
    http, page = Http(stack.port), {"sec-fetch-site": "same-origin"}
    _, challenge = send(http, "/api/auth/start", {"phone": "50065432"}, page)
    code = code_sent(stack.files.outbox, "+96550065432")
    given = {"code": code, "terms_version": TERMS}
    entered, session = send(http, "/api/auth/verify", given, {"cookie": challenge, **page})
    mine = {"cookie": session, **page}
    may_change = {**mine, "x-csrf-token": entered.json["csrf_token"]}

    http.send("GET", "/api/account/export").error(401)
    export = http.send("GET", "/api/account/export", headers=may_change)
    assert (export.status, export.headers["content-type"]) == (200, "application/jsonl")
    assert 'filename="account.jsonl"' in export.headers["content-disposition"]
    assert json.loads(export.body.splitlines()[0])["phone_e164"] == "+96550065432"

    http.send("POST", "/api/account/closing", {"reason": "moved"}, mine).error(403)  # a cookie alone
    asked = http.send("POST", "/api/account/closing", {"reason": "moved"}, may_change)
    assert asked.json["closing_request"]["reason"] == "moved"
    waiting = run_cli(stack.environ, "accounts", "closing", "--json").value
    assert "moved" in [each["reason"] for each in waiting]
    assert http.send("DELETE", "/api/account/closing", headers=may_change).json == {"closing_request": None}
    http.send("GET", "/api/account/closing", headers={"authorization": f"Bearer {stack.key}"}).error(403)

"""Operators' commands, on a running system over its admin socket and on a stopped one on its database."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command_line import Outcome, run_cli
from tests.support.http import Http
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.app.layout import SOCKET_PATH_BYTES_MAX

Cli = Callable[..., Outcome]
REVOKED_S = 2.0
"""How soon a revoked key is refused everywhere."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A home in which no stack runs."""
    return Stack(tmp_path_factory.mktemp("stopped"))


@pytest.fixture(params=["running", "stopped"])
def place(request: pytest.FixtureRequest) -> Stack:
    wanted = {"running": "stack", "stopped": "stopped"}
    place: Stack = request.getfixturevalue(wanted[request.param])
    return place


@pytest.fixture
def cli(place: Stack) -> Cli:
    def call(*arguments: str) -> Outcome:
        return run_cli(place.environ, *arguments)

    return call


def email() -> str:
    return f"operator-{os.urandom(6).hex()}@localhost"


def account(cli: Cli, *arguments: str) -> str:
    made = cli("accounts", "create", "--email", email(), *arguments, "--json")
    assert made.status == 0, made
    return str(made.value["id"])


def test_accounts_create(cli):
    """An account by e-mail has the welcome grant unless it is refused, and by telephone what else is given."""
    first = cli("accounts", "create", "--email", email(), "--json")
    assert (first.status, first.value) == (0, {"id": first.value["id"], "tier": "free", "balance": 1000})
    phone = f"+965{int.from_bytes(os.urandom(4)) % 10**8:08}"
    second = cli(
        *(
            "accounts",
            "create",
            "--phone",
            phone,
            "--tier",
            "pro",
            "--credits",
            "12.5",
            "--no-welcome",
            "--json",
        )
    )
    assert second.value == {"id": second.value["id"], "tier": "pro", "balance": 12.5}
    assert first.value["id"].startswith("acct_")
    assert cli("balance", phone, "--json").value["credits"]["balance"] == 12.5


def test_accounts_create_refused(cli):
    """Each refusal is one line on standard error and exit 1; a number that is none is exit 2."""
    taken = email()
    assert cli("accounts", "create", "--email", taken).status == 0
    for arguments in (
        ("--email", taken),
        ("--email", "nobody"),
        ("--phone", "96550123456"),
        (),
        ("--email", email(), "--phone", "+96550123456"),
        ("--email", email(), "--tier", "gold"),
    ):
        assert cli("accounts", "create", *arguments, "--json").refused().count("\n") == 1
    assert "seven" in cli("accounts", "create", "--email", email(), "--credits", "seven").refused(2)


def test_accounts_list(cli):
    """Newest first, and complete."""
    made = [account(cli) for _ in range(2)]
    listed = cli("accounts", "list", "--json").value
    assert [row["id"] for row in listed[:2]] == made[::-1]
    assert set(listed[0]) == {"id", "kind", "email", "phone", "tier", "status", "balance"}


def test_keys(cli):
    """A key is shown once; it is revoked by its id, and once more changes nothing."""
    made = cli("keys", "create", account(cli), "--json")
    assert set(made.value) == {"id", "key"}
    assert made.value["key"].startswith("rsd_live_")
    gone = cli("keys", "revoke", made.value["id"], "--json")
    assert (gone.status, gone.value["id"]) == (0, made.value["id"])
    assert cli("keys", "revoke", made.value["id"], "--json").value == gone.value
    assert "key_unknown" in cli("keys", "revoke", "key_unknown", "--json").refused()
    assert "nobody@localhost" in cli("keys", "create", "nobody@localhost", "--json").refused()


def test_revoked_key_is_refused_soon(stack, customer):
    """Within two seconds, although the worker had just accepted it."""
    assert customer.http.chat("Hello").status == 200
    assert run_cli(stack.environ, "keys", "revoke", customer.key_id).status == 0
    until(lambda: customer.http.send("GET", "/v1/models").status == 401, REVOKED_S, "the key is refused")
    customer.http.chat("Hello").error(401)


def test_key_made_on_the_command_line_works(stack):
    """An account, a key and credit from three commands answer a request, and the charge shows in `balance`."""

    def call(*arguments: str) -> Outcome:
        return run_cli(stack.environ, *arguments)

    owner = account(call, "--no-welcome", "--tier", "enterprise")
    key = call("keys", "create", owner, "--json").value["key"]
    Http(stack.port, key).chat("Hello").error(402)
    assert call("credits", "grant", owner, "50", "--reason", "test", "--json").value["balance"] == 50
    answer = Http(stack.port, key).chat("Hello")
    spent = answer.json["usage"]["total_tokens"]
    assert call("balance", owner, "--json").value["credits"] == {
        "balance": 50 - spent,
        "currency": "credits",
        "held": 0,
    }


def test_credits_grant(cli):
    """The same request id grants once; without one each call is a grant of its own."""
    owner = account(cli, "--no-welcome")
    grant = ("credits", "grant", owner, "0.000001", "--reason", "goodwill")
    first = cli(*grant, "--request-id", "r-1", "--json")
    assert (first.status, set(first.value), first.value["balance"]) == (0, {"grant_id", "balance"}, 0.000001)
    assert cli(*grant, "--request-id", "r-1", "--json").value == first.value
    other = cli(*grant, "--json").value
    assert (other["balance"], other["grant_id"] != first.value["grant_id"]) == (0.000002, True)
    assert cli("balance", owner, "--json").value["credits"]["balance"] == 0.000002


def test_accounts_debt_limit(cli):
    """The limit is the account's own; what it may owe is nothing where the profile lets nobody owe."""
    owner = account(cli)
    limited = cli("accounts", "debt-limit", owner, "2.5", "--reason", "agreed", "--json")
    assert limited.value == {"id": owner, "debt": 0, "debt_limit": 0, "own_debt_limit": 2.5}
    lifted = cli("accounts", "debt-limit", owner, "default", "--reason", "no more", "--json")
    assert lifted.value["own_debt_limit"] is None
    cli("accounts", "debt-limit", owner, "much", "--reason", "x", "--json").refused(2)
    cli("accounts", "debt-limit", owner, "5", "--reason", "", "--json").refused()
    cli("accounts", "debt-limit", "nobody@localhost", "5", "--reason", "x", "--json").refused()


def test_credits_grant_refused(cli):
    """No reason, nothing, less than nothing, too fine a fraction, an account that is not there."""
    owner = account(cli, "--no-welcome")
    cli("credits", "grant", owner, "0", "--reason", "x", "--json").refused()
    cli("credits", "grant", owner, "5", "--reason", "", "--json").refused()
    cli("credits", "grant", "nobody@localhost", "5", "--reason", "x", "--json").refused()
    cli("credits", "grant", owner, "0.0000001", "--reason", "x", "--json").refused(2)
    assert cli("credits", "grant", owner, "5").status == 2  # the command line is incomplete
    assert cli("balance", owner, "--json").value["credits"]["balance"] == 0


def test_balance(cli):
    """The subscription's body and the grants, in the order in which they are spent."""
    owner = account(cli, "--credits", "20")
    value = cli("balance", owner, "--json").value
    assert (value["tier"], value["status"]) == ("free", "active")
    assert value["credits"] == {"balance": 1020, "currency": "credits", "held": 0}
    assert [(g["source"], g["remaining"]) for g in value["grants"]] == [("welcome", 1000), ("adjustment", 20)]
    assert value["grants"][0]["expires_at"] is not None
    lines = cli("balance", owner).out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1020 credits")
    assert "nobody@localhost" in cli("balance", "nobody@localhost", "--json").refused()


def test_ledger_verify(cli):
    """The proof says how much it looked at."""
    value = cli("ledger", "verify", "--json").value
    assert value["ok"] is True
    assert value["violations"] == []
    assert value["invariants"] > 10
    assert cli("ledger", "verify").out.startswith("ok: ")


def test_ledger_verify_of_a_broken_ledger(tmp_path):
    """Exit 1, and the invariant that does not hold is named on both outputs."""
    broken = Stack(tmp_path)
    owner = account(lambda *arguments: run_cli(broken.environ, *arguments))
    with sqlite3.connect(broken.files.database) as database:
        database.execute(
            "UPDATE balances SET available_microcredits = available_microcredits + 1 WHERE account_id = ?",
            [owner],
        )
    database.close()
    outcome = run_cli(broken.environ, "ledger", "verify", "--json")
    assert outcome.status == 1
    assert outcome.value["ok"] is False
    names = {violation["invariant"] for violation in outcome.value["violations"]}
    assert "balance_available_equals_grants" in names
    assert all(name in outcome.err for name in names)


def test_ledger_replay(cli, tmp_path):
    """Balances follow from the entries; one that was tampered with is named, with what it should be, and exit 1."""
    value = cli("ledger", "replay", "--json").value
    assert (value["ok"], value["differences"], value["complete"]) == (True, [], True)
    assert cli("ledger", "replay").out.startswith("ok: ")

    tampered = Stack(tmp_path)
    owner = account(lambda *arguments: run_cli(tampered.environ, *arguments))
    with sqlite3.connect(tampered.files.database) as database:
        database.execute("UPDATE balances SET debt_microcredits = 5000000 WHERE account_id = ?", [owner])
    database.close()
    outcome = run_cli(tampered.environ, "ledger", "replay", "--json")
    assert outcome.status == 1
    assert outcome.value["differences"] == [
        {"figure": "account_debt", "id": owner, "stored": 5, "rebuilt": 0}
    ]
    assert "account_debt" in outcome.err
    assert (
        f"account_debt of {owner}: stored 5, rebuilt 0" in run_cli(tampered.environ, "ledger", "replay").out
    )


def test_models_ps(stack, stopped):
    """Every model with its backend and whether it answers; on a stopped system there is none."""
    rows = run_cli(stack.environ, "models", "ps", "--json").value
    own = [row for row in rows if not row["model"].startswith("cloud")]
    assert {row["model"]: (row["backend"], row["ready"]) for row in own} == {
        "raseed-tiny": ("triton", True),
        "raseed-tiny-embed": ("triton", True),
        "scripted": ("scripted", True),
        "acme/scripted-1": ("scripted", True),
    }
    assert all(row["in_flight"] == 0 for row in rows)
    assert run_cli(stopped.environ, "models", "ps", "--json").value == []


def test_config_check(stopped, tmp_path):
    """Exit 0, or 2 with each error on its line."""
    assert run_cli(stopped.environ, "config", "check", "--json").value == {"ok": True, "problems": []}
    wrong = tmp_path / "raseed.toml"
    wrong.write_text("[server]\nport = 0\n\n[sever]\n", encoding="utf-8")
    environ = {"RASEED_HOME": str(stopped.home), "RASEED_CONFIG": str(wrong)}
    outcome = run_cli(environ, "config", "check")
    assert (outcome.status, outcome.out) == (2, "")
    assert [line.partition(": ")[0] for line in outcome.err.splitlines()] == [
        "raseed.toml:4",
        "raseed.toml:2",
    ]
    outcome = run_cli(environ, "config", "check", "--json")
    assert outcome.status == 2
    assert outcome.value["ok"] is False
    assert outcome.value["problems"][1].startswith("raseed.toml:2: server.port")


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("accounts", "nothing"), ("balance",), ("up", "--nothing")]
)
def test_wrong_command_line(stopped, arguments):
    """Exit 2, and nothing on standard output."""
    outcome = run_cli(stopped.environ, *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err


def test_socket_of_a_stack_that_was_killed(tmp_path):
    """A socket file that nobody listens on means that the system is stopped: commands go to the database."""
    left = Stack(tmp_path)
    left.home.mkdir()
    dead_socket(left.files.admin_socket)
    assert account(lambda *arguments: run_cli(left.environ, *arguments))


def dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_home_deeper_than_a_socket_path(stack):
    """A running stack is reached although the path of its socket is longer than the kernel lets anybody bind."""
    assert len(bytes(stack.files.admin_socket)) > SOCKET_PATH_BYTES_MAX
    assert stack.files.admin_socket.is_socket()
    assert run_cli(stack.environ, "models", "ps", "--json").value


def test_database_of_a_running_stack(stack):
    """Whoever cannot see the socket of a running stack is told that its database is in use, and touches nothing."""
    aside = stack.home / "aside.sock"
    stack.files.admin_socket.rename(aside)
    try:
        text = run_cli(stack.environ, "balance", "owner@localhost", "--json").refused()
    finally:
        aside.rename(stack.files.admin_socket)
    assert text.count("\n") == 1
    assert "in use" in text


def test_in_a_process_of_its_own(stack, stopped):
    """What a script sees: one JSON value on standard output, errors on standard error, the exit status."""
    made = stopped.cli("accounts", "create", "--email", email(), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["balance"] == 1000
    wrong = stack.cli("balance", "nobody@localhost", "--json")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "raseed: There is no account 'nobody@localhost'.\n"

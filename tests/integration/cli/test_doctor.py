"""`raseed doctor` and `raseed backup`: what is wrong is named with its remedy, and nothing is changed by looking."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli
from tests.support.postgres import shared_server

from raseed.app.ports import free_ports

NO_TRITON = {"RASEED_TRITON_ENABLED": "false"}


@pytest.fixture
def raseed(tmp_path: Path) -> Any:
    """In a home of its own, with a database that has one account."""
    [port] = free_ports(1)
    base = {"RASEED_HOME": str(tmp_path / "home"), "RASEED_CONFIG": "", "RASEED_PORT": str(port), **NO_TRITON}

    def run(*arguments: str, **environ: str) -> Outcome:
        return run_cli(base | environ, *arguments)

    run("accounts", "create", "--email", "a@example.com", "--json")
    return run


def findings(outcome: Outcome) -> dict[str, tuple[str, str, str]]:
    """The last finding of each check."""
    return {
        each["check"]: (each["status"], each["detail"], each["remedy"]) for each in outcome.value["checks"]
    }


def test_a_sound_installation(raseed):
    outcome = raseed("doctor", "--json")
    assert outcome.status == 0, outcome
    found = findings(outcome)
    assert {check for check, (status, *_) in found.items() if status == "ok"} == {
        "configuration",
        "profile",
        "home",
        "ports",
        "database",
        "ledger",
        "envoy",
        "triton",
    }
    assert found["messaging"][0] == "warning"
    lines = raseed("doctor").out
    assert "warning  messaging: whatsapp and email" in lines
    assert "\n         -> choose drivers in [messaging]" in lines


def test_before_the_first_start(tmp_path: Path):
    environ = {"RASEED_HOME": str(tmp_path / "none"), "RASEED_CONFIG": "", **NO_TRITON}
    outcome = run_cli(environ, "doctor", "--json")
    found = findings(outcome)
    assert found["home"][0] == found["database"][0] == "ok"
    assert not (tmp_path / "none").exists()


def test_what_is_wrong_is_named_with_its_remedy(raseed, tmp_path: Path):
    home = tmp_path / "home"
    (home / "secrets" / "key-pepper-1").chmod(0o644)
    raw = sqlite3.connect(home / "raseed.db", isolation_level=None)
    raw.execute("UPDATE balances SET available_microcredits = available_microcredits + 1")
    before = raw.execute("SELECT count(*) FROM audit_log").fetchone()
    outcome = raseed("doctor", "--json", RASEED_TRITON_ENABLED="true", RASEED_TRITON_PYTHON_ENV="/nowhere")
    assert outcome.status == 1
    found = findings(outcome)
    assert found["home"] == (
        "failed",
        f"{home}/secrets/key-pepper-1 is open to other users",
        f"chmod 600 {home}/secrets/key-pepper-1",
    )
    assert found["ledger"][0] == "failed"
    assert found["ledger"][1].startswith("balance_available_equals_grants: acct_")
    assert found["triton"][0] == "failed"
    assert raw.execute("SELECT count(*) FROM audit_log").fetchone() == before

    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    assert findings(raseed("doctor", "--json"))["database"][0] == "failed"
    wrong = raseed("doctor", "--json", RASEED_LOG_LEVEL="loud")
    assert (wrong.status, findings(wrong)["configuration"][0]) == (1, "failed")
    raseed("--server", "127.0.0.1:1", "--key-file", "x", "doctor").refused(2)


def test_a_port_of_somebody_else(raseed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = raseed("doctor", "--json", RASEED_PORT=str(taken.getsockname()[1]))
    assert findings(outcome)["ports"][0] == "failed"


async def _urls() -> tuple[str, str]:
    server = shared_server()
    return await server.borrow_database(), await server.create_database()


def test_postgresql_is_looked_at_from_outside(raseed):
    migrated, empty = asyncio.run(_urls())
    assert findings(raseed("doctor", "--json", RASEED_DATABASE_URL=migrated))["ledger"][0] == "ok"
    assert (
        "tables will be made"
        in findings(raseed("doctor", "--json", RASEED_DATABASE_URL=empty))["database"][1]
    )
    gone = raseed("doctor", "--json", RASEED_DATABASE_URL="postgresql://user:hidden-word@127.0.0.1:1/x")
    assert findings(gone)["database"][0] == "failed"
    assert "hidden-word" not in gone.out
    assert "pg_dump" in raseed("backup", "x.db", RASEED_DATABASE_URL=empty).refused(2)
    asyncio.run(_drop(migrated, empty))


async def _drop(migrated: str, empty: str) -> None:
    await shared_server().give_back(migrated)
    await shared_server().drop_database(empty)


def test_a_backup_is_one_sound_file_for_its_owner_alone(raseed, tmp_path: Path):
    copy = tmp_path / "copy.db"
    writer = sqlite3.connect(tmp_path / "home" / "raseed.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # somebody is writing
    made = raseed("backup", str(copy), "--json")
    writer.execute("ROLLBACK")
    writer.close()
    assert (made.status, made.value["bytes"]) == (0, copy.stat().st_size)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy.db"]
    restored = raseed("accounts", "list", "--json", RASEED_DATABASE_PATH=str(copy))
    assert [account["email"] for account in restored.value] == ["a@example.com"]

    assert "exists already" in raseed("backup", str(copy)).refused()
    assert "no database" in raseed("backup", str(tmp_path / "b"), RASEED_DATABASE_PATH="/none").refused()
    raseed("backup", str(tmp_path / "no-such-folder" / "b")).refused()


def test_what_is_sold_and_cannot_be_paid_for(raseed):
    """Each with the setting that mends it, until nothing is left."""
    environ = {"RASEED_BILLING_PROFILE": "kissapi"}
    for name, value, says in (
        ("API_KEY", "creem_test_1", "webhook has no secret"),
        ("WEBHOOK_SECRET", "whsec_0123456789abcdef", "no product of Creem's for topup"),
        ("PRODUCTS", "topup=prod_1", "Creem, mode test"),
    ):
        missing = findings(raseed("doctor", "--json", **environ))["payments"]
        assert missing[0] == "warning"
        assert name.lower() in missing[2].lower()
        environ[f"RASEED_CREEM_{name}"] = value
        found = findings(raseed("doctor", "--json", **environ))["payments"]
        assert says in found[1]
    assert findings(raseed("doctor", "--json", **environ))["payments"][0] == "ok"
    production = findings(raseed("doctor", "--json", RASEED_SERVER_PRODUCTION="true", **environ))["payments"]
    assert production[:1] == ("warning",)
    assert "live" in production[2]


def test_who_sells_for_real_has_a_name_on_receipts(raseed):
    environ = {"RASEED_MYFATOORAH_TOKEN": "t", "RASEED_MYFATOORAH_WEBHOOK_SECRET": "s" * 16}
    assert "receipts" not in findings(raseed("doctor", "--json", **environ))
    environ["RASEED_MYFATOORAH_MODE"] = "live"
    missing = findings(raseed("doctor", "--json", **environ))["receipts"]
    assert missing[0] == "warning"
    assert "seller.name" in missing[2]
    named = raseed("doctor", "--json", RASEED_SELLER_NAME="Gulf Trading", **environ)
    assert "receipts" not in findings(named)


def test_myfatoorah_until_nothing_is_missing(raseed):
    environ: dict[str, str] = {}
    for name, value, says in (
        ("TOKEN", "t", "webhook has no secret"),
        ("WEBHOOK_SECRET", "s" * 16, "MyFatoorah, mode test, KWT, API v2"),
    ):
        missing = findings(raseed("doctor", "--json", **environ))["payments"]
        assert missing[0] == "warning"
        assert f"RASEED_MYFATOORAH_{name}" in missing[2]
        environ[f"RASEED_MYFATOORAH_{name}"] = value
        found = findings(raseed("doctor", "--json", **environ))["payments"]
        assert says in found[1]
    assert findings(raseed("doctor", "--json", **environ))["payments"][0] == "ok"
    production = findings(raseed("doctor", "--json", RASEED_SERVER_PRODUCTION="true", **environ))["payments"]
    assert production[:1] == ("warning",)
    assert "live" in production[2]


def test_buyers_are_not_sent_back_to_this_machine_when_money_is_real(raseed):
    live = {
        "RASEED_MYFATOORAH_TOKEN": "token",
        "RASEED_MYFATOORAH_MODE": "live",
        "RASEED_MYFATOORAH_WEBHOOK_SECRET": "a-secret-of-the-portal",
        "RASEED_SELLER_NAME": "Example",
    }
    back = "MyFatoorah would send buyers back to http://127.0.0.1:"
    assert back in raseed("doctor", **live).out
    assert back not in raseed("doctor", **live, RASEED_SERVER_PUBLIC_URL="https://api.example.com").out
    assert back not in raseed("doctor", **live | {"RASEED_MYFATOORAH_MODE": "test"}).out

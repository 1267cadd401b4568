"""The paths of a canary that are the operators': the command line, the listener, and the end of an account."""

from __future__ import annotations

from tests.e2e.canary_house import House, fresh
from tests.e2e.canary_walk import Holder
from tests.support.waiting import until

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc


def operate(house: House, holder: Holder) -> None:
    """The command line: on the running stack, with a wrong database, and what it shows of everything."""
    made = house.cli("operators", "create", "ada", "--scope", "accounts:read", "--json").value
    house.key("admin key", made["key"])
    again = house.cli("operators", "key", "ada", "--scope", "accounts:read", "--json").value
    house.key("next admin key", again["key"])
    _operate_from_elsewhere(house, again["key"])
    for command in (
        ("operators", "list"),
        ("accounts", "list"),
        ("accounts", "show", holder.account),
        ("keys", "list", holder.account),
        ("accounts", "closing"),
        ("audit", "list"),
        ("notices", "failed"),
        ("config", "check"),
        ("doctor",),
    ):
        house.cli(*command)
        if command[0] != "config":
            house.cli(*command, "--json")
    house.cli("accounts", "export", holder.account, str(house.stack.directory / "account.jsonl"))
    password = house.plant("password of a database that is away", fresh())
    elsewhere = {
        "RASEED_HOME": str(house.stack.directory / "elsewhere"),
        "RASEED_DATABASE_URL": f"postgresql://raseed:{password}@127.0.0.1:1/raseed",
    }
    for command in (("accounts", "list"), ("config", "check"), ("doctor",), ("ledger", "verify")):
        house.cli(*command, heard="without a database", environ=elsewhere)


def _operate_from_elsewhere(house: House, key: str) -> None:
    """Over the listener, with a key that may too little and with one that is none; and at the customers' door."""
    file = house.stack.directory.parent / "admin-key"
    wrong = house.key("wrong admin key", f"rsd_admin_{fresh()[:12]}_{fresh()}")
    for text in (key, wrong):
        file.write_text(text)
        file.chmod(0o600)
        server = ("--server", house.stack.run_file()["admin_listen"], "--key-file", str(file))
        for command in (("accounts", "list"), ("ledger", "verify")):
            house.cli(*server, *command, heard="from elsewhere")
    house.send("GET", "/v1/models", authorization=f"Bearer {key}")
    house.call(accounts_pb2_grpc.AccountsServiceStub, "GetAccount", accounts_pb2.GetAccountRequest(), key)


def notices_have_gone(house: House) -> None:
    """Every notice was tried."""
    until(
        lambda: not house.books.rows("SELECT 1 FROM outbox WHERE state = 'pending' AND attempts = 0"),
        10.0,
        "every notice was tried",
    )


def be_forgotten(house: House, holder: Holder) -> None:
    """The holder's account is closed and erased; what its requests had stored can be read by nobody any more."""
    stored = "SELECT account_id FROM content_accounts WHERE account_id = $1"
    assert house.books.rows(stored, holder.account)
    for account in (holder.organisation, holder.account):
        assert house.cli("accounts", "close", account, "--reason", "asked for", "--keep").status == 0
    erase = ("accounts", "erase", holder.account, "--reason", "asked for")
    until(lambda: house.cli(*erase).status == 0, 10.0, "the account is erased")
    assert not house.books.rows(stored, holder.account)
    for chain in ("ledger", "audit"):
        assert house.cli(chain, "verify").status == 0

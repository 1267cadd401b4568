"""`raseed credits`, `balance`, `usage` and `keys --scope` on a stopped system."""

from __future__ import annotations

import sqlite3


def test_adjust_up_and_down(raseed, account):
    up = raseed("credits", "adjust", account, "20.5", "--reason", "goodwill", "--json").value
    assert (up["balance"], [change["credits"] for change in up["changes"]]) == (120.5, [20.5])
    down = raseed("credits", "adjust", account, "-30", "--reason", "mistake", "--json").value
    assert (down["balance"], [change["credits"] for change in down["changes"]]) == (90.5, [-20.5, -9.5])
    again = raseed("credits", "adjust", "-0.5", "--reason", "x", account)
    assert again.status != 0  # the account comes first
    shown = raseed("credits", "adjust", account, "-0.5", "--reason", "cent", "--request-id", "r")
    assert (shown.status, shown.out.splitlines()[-1]) == (0, "balance 90")
    replayed = raseed("credits", "adjust", account, "-0.5", "--reason", "cent", "--request-id", "r", "--json")
    assert replayed.value["balance"] == 90


def test_adjust_more_than_there_is(raseed, account):
    refused = raseed("credits", "adjust", account, "-100.000001", "--reason", "mistake").refused()
    assert refused == "raseed: Only 100 credits are there that no open request holds.\n"
    raseed("credits", "adjust", account, "lots", "--reason", "x").refused(2)


def test_void_a_grant(raseed, account):
    given = raseed("credits", "grant", account, "5", "--reason", "gift", "--json").value["grant_id"]
    voided = raseed("credits", "void", account, given, "--reason", "wrong account", "--json").value
    assert voided == {"voided": 5, "held": 0, "balance": 100}
    gone = raseed("credits", "void", account, given, "--reason", "again").refused()
    assert gone == "raseed: This account has no such grant, or nothing is left of it.\n"


def test_a_topup_that_was_paid_elsewhere(raseed, account):
    arguments = ("--source", "topup", "--paid-minor", "2000", "--currency", "KWD")
    raseed("credits", "grant", account, "5000", "--reason", "bank transfer", *arguments, "--json").value  # noqa: B018
    grants = raseed("balance", account, "--json").value["grants"]
    assert [grant["source"] for grant in grants] == ["adjustment", "topup"]
    raseed("credits", "grant", account, "1", "--reason", "x", "--source", "welcome").refused()


def test_a_key_with_a_scope(raseed, account, home):
    made = raseed("keys", "create", account, "--scope", "metering:write", "--json").value
    database = sqlite3.connect(home / "home" / "raseed.db")
    [(scopes,)] = database.execute("SELECT scopes FROM api_keys WHERE id = ?", (made["id"],)).fetchall()
    database.close()
    assert scopes == "metering:write"
    assert "known: inference, " in raseed("keys", "create", account, "--scope", "everything").refused()


def test_a_key_with_a_cap(raseed, account):
    made = raseed("keys", "create", account, "--cap", "2.5", "--window", "day", "--json").value["id"]
    free = raseed("keys", "create", account, "--json").value["id"]
    listed = raseed("keys", "list", account, "--json").value
    assert [(key["id"], key["cap"]) for key in listed[:2]] == [
        (free, None),
        (made, {"limit": 2.5, "window": "day", "charged": 0, "held": 0}),
    ]
    changed = raseed("keys", "cap", made, "7", "--json").value["cap"]
    assert (changed["limit"], changed["window"]) == (7, "lifetime")
    assert "0 charged and 0 held of 7 (lifetime)" in raseed("keys", "list", account).out
    assert raseed("keys", "cap", made, "none", "--json").value["cap"] is None
    assert "known: lifetime, day" in raseed("keys", "cap", made, "1", "--window", "year").refused()
    assert "no API key" in raseed("keys", "cap", "key_none", "1").refused()


def test_usage_of_nothing(raseed, account):
    value = raseed("usage", account, "--from", "2026-03-01", "--to", "2026-03-31", "--json").value
    assert value == {
        "group_by": "day",
        "from": "2026-02-28T21:00:00Z",
        "to": "2026-03-31T21:00:00Z",
        "time_zone": "Asia/Kuwait",
        "usage": [],
    }
    assert raseed("usage", account, "--group-by", "model").out == "nothing was used\n"
    raseed("usage", account, "--from", "yesterday").refused()
    assert raseed("usage", account, "--group-by", "week").status == 2

"""`raseed plans` and `raseed subscriptions` on a stopped system."""

from __future__ import annotations


def test_the_plans_of_the_profile(raseed):
    rows = raseed("plans", "list", "--json").value
    assert [(row["id"], row["price"], row["currency"], row["public"]) for row in rows] == [
        ("starter", "15.000", "KWD", True),
        ("basic", "25.000", "KWD", True),
        ("pro", "45.000", "KWD", True),
    ]
    assert "basic  basic  15000 credits a month for 25.000 KWD  myfatoorah" in raseed("plans", "list").out


def test_an_account_without_a_plan(raseed):
    account = raseed("accounts", "create", "--email", "a@example.com", "--json").value["id"]
    for command in (("show",), ("cancel",), ("end",)):
        more = ("--reason", "why") if command == ("end",) else ()
        refused = raseed("subscriptions", *command, account, *more).refused()
        assert refused == "raseed: This account has no plan.\n"
    assert "There is no account" in raseed("subscriptions", "show", "acct_nobody").refused()
    assert "reason" in raseed("subscriptions", "end", account, "--reason", "").refused()

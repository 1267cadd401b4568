"""`raseed orgs` on a stopped system."""

from __future__ import annotations

import pytest


@pytest.fixture
def person(raseed, request) -> str:
    email = f"person-{request.node.name}@example.com"
    id_: str = raseed("accounts", "create", "--email", email, "--no-welcome", "--json").value["id"]
    return id_


def test_an_organisation_and_its_members(raseed, account, person):
    made = raseed("orgs", "create", "Gulf Shipping", "--owner", account, "--tier", "pro", "--json").value
    assert (made["name"], made["tier"], made["status"]) == ("Gulf Shipping", "pro", "active")
    assert made["id"] in [each["id"] for each in raseed("orgs", "list", "--json").value]
    joined = raseed("orgs", "set", made["id"], person, "member", "--json").value
    assert (joined["person_id"], joined["role"], joined["added_by"]) == (person, "member", "local-socket")
    assert raseed("orgs", "set", made["id"], person, "owner").out.split()[-1] == "owner"
    members = raseed("orgs", "members", made["id"], "--json").value
    assert {(each["person_id"], each["role"]) for each in members} == {(account, "owner"), (person, "owner")}
    capped = raseed("orgs", "cap", made["id"], person, "500.5", "--window", "month", "--json").value
    assert capped["cap"] == {"limit": 500.5, "window": "month", "charged": 0, "held": 0}
    assert "0 charged and 0 held of 500.5 (month)" in raseed("orgs", "members", made["id"]).out
    assert raseed("orgs", "cap", made["id"], person, "none", "--json").value["cap"] is None
    raseed("orgs", "cap", made["id"], "nobody@example.com", "5").refused()
    assert raseed("orgs", "remove", made["id"], account, "--keep-keys").out.strip().endswith("removed")
    assert "at least one owner" in raseed("orgs", "remove", made["id"], person).refused()


def test_a_wallet_is_an_account_like_others(raseed, account):
    made = raseed("orgs", "create", "Another", "--owner", account, "--json").value["id"]
    raseed("credits", "grant", made, "50", "--reason", "test")
    assert raseed("balance", made).out.split()[0] == "50"
    contact = raseed("accounts", "contact", made, "--phone", "+96550123456", "--reason", "x")
    assert "reached by its members" in contact.refused()
    assert raseed("accounts", "show", made).out.startswith(f"{made}  organisation  ")
    raseed("orgs", "create", "Of an organisation", "--owner", made).refused()

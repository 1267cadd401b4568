"""`raseed keys` on a stopped system."""

from __future__ import annotations


def test_a_key_from_its_making_to_its_end(raseed, account):
    bounds = ("--model", "a", "--model", "b", "--address", "192.0.2.7", "--rpm", "5", "--expires", "never")
    made = raseed("keys", "create", account, "--name", "ci", "--mode", "test", *bounds, "--json").value
    assert made["key"].startswith("rsd_test_")
    shown = raseed("keys", "show", made["id"], "--json").value
    assert (shown["account"], shown["name"], shown["allowed_models"]) == (account, "ci", ["a", "b"])
    assert (shown["allowed_addresses"], shown["expires_at"]) == (["192.0.2.7/32"], None)
    assert (shown["requests_per_minute"], shown["concurrency"]) == (5, None)
    assert "allowed_models: a b" in raseed("keys", "show", made["id"]).out

    assert raseed("keys", "rename", made["id"], "ci 2", "--json").value["name"] == "ci 2"
    changes = (
        "--expires",
        "30d",
        "--concurrency",
        "2",
        "--scope",
        "inference",
        "--lift",
        "rpm",
        "--lift",
        "model",
    )
    raseed("keys", "change", made["id"], *changes, "--json").value  # noqa: B018  it succeeded
    after = raseed("keys", "show", made["id"], "--json").value
    assert (after["scopes"], after["allowed_models"], after["concurrency"]) == (["inference"], None, 2)
    assert (after["requests_per_minute"], after["allowed_addresses"]) == (None, ["192.0.2.7/32"])
    assert after["expires_at"] is not None

    rotated = raseed("keys", "rotate", made["id"], "--grace", "60", "--json").value
    assert rotated["key"] != made["key"]
    assert raseed("keys", "show", made["id"], "--json").value["old_secret_ends_at"] is not None
    raseed("keys", "revoke", made["id"], "--json").value  # noqa: B018  it succeeded
    assert "was revoked" in raseed("keys", "rotate", made["id"]).refused()


def test_what_cannot_be_is_refused(raseed, account):
    made = raseed("keys", "create", account, "--json").value["id"]
    assert "known: model, address" in raseed("keys", "change", made, "--lift", "everything").refused()
    assert "Name what is to change" in raseed("keys", "change", made).refused()
    assert "no API key" in raseed("keys", "show", "key_none").refused()
    assert "allowed_addresses has networks" in raseed("keys", "change", made, "--address", "x").refused()
    raseed("keys", "change", made, "--expires", "soon").refused(2)

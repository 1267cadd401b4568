"""`raseed codes` on a stopped system."""

from __future__ import annotations


def test_the_life_of_a_batch(raseed):
    made = raseed(
        *("codes", "create", "--credits", "12.5", "--count", "2", "--uses", "3", "--expires-days", "30"),
        *("--credit-days", "90", "--prefix", "EID", "--note", "for the fair", "--json"),
    ).value
    assert len(set(made["codes"])) == 2
    assert all(code.startswith("EID-") for code in made["codes"])
    assert (made["credits"], made["count"], made["uses_per_code"], made["used"]) == (12.5, 2, 3, 0)
    assert (made["note"], made["credit_days"], made["revoked_at"]) == ("for the fair", 90, None)

    [listed] = raseed("codes", "list", "--json").value
    assert listed == {name: value for name, value in made.items() if name != "codes"}
    assert "EID  2 × 3 of 12.5 credits  0 used" in raseed("codes", "list").out

    first, second = raseed("codes", "list", made["id"], "--json").value
    assert first["id"] < second["id"]
    assert raseed("codes", "list", made["codes"][1].lower(), "--json").value == [second]
    assert raseed("codes", "revoke", made["codes"][1], "--json").value["id"] == second["id"]
    assert "revoked" in raseed("codes", "revoke", first["id"]).out
    assert raseed("codes", "revoke", made["id"], "--json").value["revoked_at"]

    actions = [row["action"] for row in raseed("audit", "list", "--subject", made["id"], "--json").value]
    assert actions == ["code_batch.revoke", "code_batch.create"]
    shown = raseed("audit", "list", "--json").out + raseed("codes", "list", made["id"]).out
    assert not any(code in shown for code in made["codes"])


def test_what_is_no_batch(raseed):
    assert "credits" in raseed("codes", "create", "--credits", "0").refused()
    assert "prefix" in raseed("codes", "create", "--credits", "1", "--prefix", "eid").refused()
    assert raseed("codes", "revoke", "EID-0000").refused() == "raseed: There is no such code.\n"
    assert "There is no batch" in raseed("codes", "revoke", "batch_1").refused()

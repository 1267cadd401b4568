"""`raseed operators` on a stopped system: whoever may open the database is the bootstrap operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def raseed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home: Path = tmp_path_factory.mktemp("operators") / "home"

    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home), "RASEED_CONFIG": ""}, *arguments)

    return run


def test_the_life_of_an_operator(raseed):
    made = raseed(
        "operators", "create", "ada", "--scope", "accounts:read", "--scope", "audit:read", "--json"
    ).value
    assert made["key"].startswith("rsd_admin_")
    again = raseed("operators", "create", "ada", "--scope", "accounts:read").refused()
    assert again == "raseed: There is an operator of this name already.\n"
    raseed("operators", "create", "eve").refused()

    rotated = raseed(
        "operators",
        "key",
        "ada",
        "--scope",
        "audit:read",
        "--grace-hours",
        "24",
        "--expires-days",
        "90",
        "--json",
    ).value
    assert (rotated["id"], rotated["key"] != made["key"]) == (made["id"], True)
    [listed] = raseed("operators", "list", "--json").value
    new, old = listed["keys"]
    assert (new["scopes"], old["scopes"]) == (["audit:read"], ["accounts:read", "audit:read"])
    assert new["expires_at"] > old["expires_at"] > new["created_at"]
    assert new["hint"].startswith("rsd_admin_")
    assert rotated["key"] not in str(listed)

    gone = raseed("operators", "disable", made["id"], "--json").value
    assert gone["disabled_at"]
    lines = raseed("operators", "list").out.splitlines()
    assert lines[0] == f"{made['id']}  ada  disabled"
    assert all("revoked" in line for line in lines[1:])
    actions = [row["action"] for row in raseed("audit", "list", "--subject", made["id"], "--json").value]
    assert actions == ["operator.disable", "operator.key", "operator.key", "operator.create"]

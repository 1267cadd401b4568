"""`raseed limits` on a stopped system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def raseed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home: Path = tmp_path_factory.mktemp("limits") / "home"

    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home), "RASEED_CONFIG": ""}, *arguments)

    return run


def test_an_account_is_given_limits_of_its_own_and_loses_them_again(raseed):
    account = raseed("accounts", "create", "--email", "ada@example.com", "--json").value["id"]
    own = raseed("limits", "set", account, "rpm=600", "tpm=none", "--reason", "contract", "--json").value
    assert (own["own"], own["limits"]["rpm"], own["limits"]["tpm"]) == (["rpm", "tpm"], 600, None)
    lines = raseed("limits", "show", "ada@example.com").out.splitlines()
    assert lines[:2] == [f"{account}  tier free", "  rpm                600  its own"]
    cleared = raseed("limits", "clear", account, "--reason", "contract ended", "--json").value
    assert (cleared["own"], cleared["limits"]["rpm"]) == ([], 10)


@pytest.mark.parametrize("limit", ["rpm", "rpm=", "rpm=many", "rpm=-1"])
def test_what_is_no_limit_is_refused(raseed, limit):
    said = raseed("limits", "set", "nobody", limit, "--reason", "r").refused(status=2)
    assert "is not NAME=VALUE" in said

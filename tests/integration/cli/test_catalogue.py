"""`raseed prices`, `tiers` and `notices` on a stopped system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def raseed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home: Path = tmp_path_factory.mktemp("catalogue") / "home"

    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home), "RASEED_CONFIG": ""}, *arguments)

    return run


def test_prices_are_shown_with_the_list_in_force(raseed):
    shown = raseed("prices", "show", "--model", "raseed-tiny", "--json").value
    [in_force] = [each for each in shown["price_lists"] if each["in_force"]]
    assert [model["model"] for model in in_force["models"]] == ["raseed-tiny"]
    assert shown["notice_days"] == 14
    assert "in force" in raseed("prices", "show").out


def test_a_raise_within_its_notice_is_named_before_it_is_put_in_force(raseed, tmp_path: Path):
    assert raseed("prices", "check", "resayil", "--json").value["ok"]
    profile = tmp_path / "mine.toml"
    text = (Path(__file__).parents[3] / "adapters/raseed/adapters/policy/profiles/kissapi.toml").read_text()
    change = """
[[prices.changes]]
version = "dearer"
published_at = 2026-05-01
effective_at = 2026-05-02
[prices.changes.models.raseed-tiny]
rates = { input_tokens = 1, output_tokens = 4 }
"""
    profile.write_text(text + change)
    outcome = raseed("prices", "check", str(profile))
    assert outcome.status == 1
    assert "prices.notice_days asks for 14" in outcome.out


def test_tiers_are_shown(raseed):
    tiers = raseed("tiers", "--json").value
    assert [tier["tier"] for tier in tiers] == ["free", "starter", "basic", "pro", "enterprise"]
    assert [tier["tier"] for tier in tiers if tier["default"]] == ["free"]
    assert len(raseed("tiers").out.splitlines()) == 5


def test_notices(raseed):
    assert raseed("notices", "list", "--json").value == []
    sent = raseed(
        "notices", "send", "terms_changed", "--version", "2", "--begins-on", "2026-05-01", "--json"
    ).value
    assert (sent["kind"], sent["accounts"], sent["ended_at"]) == ("terms_changed", 0, None)
    assert (
        raseed("notices", "list").out
        == f"{sent['id']}  terms_changed 2 from 2026-05-01  0 accounts, under way\n"
    )
    raseed("notices", "send", "gossip", "--version", "2", "--begins-on", "2026-05-01").refused()
    assert raseed("notices", "failed").out == "none\n"
    raseed("notices", "retry", "ntc_none").refused()

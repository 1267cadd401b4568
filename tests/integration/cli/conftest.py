"""A stopped system of its own for each module, and an account in it for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Outcome, run_cli


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture
def raseed(home: Path) -> Any:
    def run(*arguments: str) -> Outcome:
        return run_cli({"RASEED_HOME": str(home / "home"), "RASEED_CONFIG": ""}, *arguments)

    return run


@pytest.fixture
def account(raseed, request) -> str:
    """A new one with 100 credits in one grant."""
    email = f"{request.node.name.replace('[', '-').replace(']', '')}@example.com"
    made = raseed("accounts", "create", "--email", email, "--no-welcome", "--credits", "100", "--json")
    id_: str = made.value["id"]
    return id_

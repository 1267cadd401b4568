"""docs/operators.md names every scope that a key can have, and every command that operators have."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from raseed.adapters.cli.commands import add_commands
from raseed.app.reach import open_admin
from raseed.app.upkeep import add_upkeep_commands
from raseed.core.admin.operators import OperatorScope

PAGE = (Path(__file__).parents[3] / "docs/operators.md").read_text(encoding="utf-8")
HERE = {"accounts", "operators", "audit", "notices", "prices", "tiers", "doctor", "backup"}
"""Commands and groups that this page describes; the others have pages of their own."""


def test_every_scope_is_explained():
    explained = set(re.findall(r"`([a-z]+:[a-z]+)`", "".join(re.findall(r"^\|.*\|$", PAGE, re.MULTILINE))))
    assert explained == set(OperatorScope)


def test_every_command_is_shown():
    app = typer.Typer()
    add_commands(app, open_admin)
    add_upkeep_commands(app)
    group = typer.main.get_command(app)
    commands = {
        f"{name} {sub}" if sub else name
        for name, command in group.commands.items()  # type: ignore[attr-defined]
        if name in HERE
        for sub in getattr(command, "commands", {"": None})
    }
    assert [each for each in sorted(commands) if f"raseed {each}" not in PAGE] == []

"""`raseed …` inside this process: the same command line without the second that a new interpreter takes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from typer.testing import CliRunner

from raseed.adapters.cli.commands import add_commands
from raseed.adapters.telemetry.log import log
from raseed.app.main import app
from raseed.app.reach import open_admin
from raseed.app.upkeep import add_upkeep_commands

add_commands(app, open_admin)
add_upkeep_commands(app)


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What `--json` printed: one JSON value, nothing before or after it."""
        assert self.out.endswith("\n"), self
        assert self.out.count("\n") == 1, self
        return json.loads(self.out)

    def refused(self, status: int = 1) -> str:
        """What it said on standard error; it must have failed with this status and printed nothing else."""
        assert self.status == status, self
        assert self.out == "", self
        assert self.err.startswith("raseed: "), self
        return self.err


def run_cli(environ: Mapping[str, str], *arguments: str) -> Outcome:
    """Under these settings and none of this process's own."""
    hidden: dict[str, str | None] = {name: None for name in os.environ if name.startswith("RASEED_")}
    try:
        result = CliRunner().invoke(app, arguments, env=hidden | dict(environ), prog_name="raseed")
    finally:
        # A command configures the log of its process, which this is not: later tests look at what is logged.
        structlog.reset_defaults()
        log.__dict__.pop("bind", None)  # where a logger that was used keeps what it was configured as
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)

"""`raseed config`, `secrets`, `doctor` and `backup`: looking after the installation on this machine."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from raseed.adapters.cli.output import FAILED, MISUSED, Output, fail
from raseed.app.layout import Home
from raseed.app.reach import is_served, only_here, read_configuration
from raseed.app.settings.configuration import HOME_DIR, load_configuration
from raseed.app.settings.reader import ConfigError

# Imports that only some commands need are inside those commands: `raseed --help` answers at once.


def add_upkeep_commands(app: typer.Typer) -> None:
    config = typer.Typer(help="The configuration.", no_args_is_help=True)
    app.add_typer(config, name="config")
    secrets = typer.Typer(help="Secrets of this installation.", no_args_is_help=True)
    app.add_typer(secrets, name="secrets")

    @config.command("check")
    def config_check(
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
    ) -> None:
        """Read the configuration and the commercial profile; print each error with its line."""
        from raseed.adapters.policy.loader import PolicyError
        from raseed.app.bootstrap import read_policy

        problems: list[str] = []
        try:
            configuration = load_configuration(os.environ, Path.cwd())
            read_policy(configuration.settings)
        except ConfigError as error:
            problems = error.problems
        except PolicyError as error:
            problems = [f"billing.profile: {error}"]
        if problems and not as_json:
            sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        else:
            Output(as_json=as_json).show({"ok": not problems, "problems": problems}, lambda: ["ok"])
        if problems:
            raise SystemExit(MISUSED)

    @secrets.command("new-pepper")
    def secrets_new_pepper(
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
    ) -> None:
        """Make a newer pepper for API keys. Workers use it from their next start; every key stays valid."""
        only_here("secrets new-pepper")
        from raseed.app.peppers import add_pepper

        home = Home(read_configuration().home)
        home.prepare()
        path = str(add_pepper(home))
        Output(as_json=as_json).show({"file": path}, lambda: [path])

    @app.command("doctor")
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
    ) -> None:
        """Look at everything that a stack needs, and say what to do about what is wrong. Exit 1: something is."""
        only_here("doctor")
        from raseed.app.doctor import Finding, Status, examine

        home = Home((Path.cwd() / (os.environ.get("RASEED_HOME") or HOME_DIR)).resolve())

        async def all_findings() -> list[Finding]:
            is_running = is_served(home.admin_socket)
            return [finding async for finding in examine(os.environ, Path.cwd(), is_running=is_running)]

        found = asyncio.run(all_findings())
        is_ok = all(each.status is not Status.FAILED for each in found)
        checks = [asdict(each) for each in found]
        Output(as_json=as_json).show(
            {"ok": is_ok, "checks": checks},
            lambda: [
                f"{each.status:8} {each.check}: {each.detail}"
                + (f"\n{'':9}-> {each.remedy}" if each.remedy else "")
                for each in found
            ],
        )
        if not is_ok:
            raise SystemExit(FAILED)

    @app.command("backup")
    def backup(
        file: Annotated[Path, typer.Argument(help="Where to; it must not exist.")],
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
    ) -> None:
        """Copy the SQLite database, also while the stack runs. PostgreSQL has pg_dump for that."""
        only_here("backup")
        from raseed.adapters.sql.sqlite.backup import BackupFailed, backup_sqlite

        configuration = read_configuration()
        database = configuration.settings.database
        if database.url:
            fail("the database is PostgreSQL: use pg_dump --format=custom", MISUSED)
        home = Home(configuration.home)
        try:
            size = backup_sqlite(Path(database.path or home.database), file)
        except BackupFailed as error:
            fail(str(error))
        Output(as_json=as_json).show(
            {"file": str(file), "bytes": size, "secrets": str(home.secrets)},
            lambda: [
                f"{file}  {size:,} bytes",
                f"keep {home.secrets} with it: without, no API key is valid and no content readable",
            ],
        )

"""The `raseed` command."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raseed.adapters.cli.output import FAILED, MISUSED, Output, fail
from raseed.app.layout import Home, socket_address
from raseed.app.settings import HOME_DIR, ConfigError, Configuration, Settings, load_configuration

if TYPE_CHECKING:
    from raseed.adapters.cli.connection import AdminCalls

# Imports that only some commands need are inside those commands: the supervisor lives as long as the stack and stays
# small without gRPC and SQLAlchemy, and `raseed --help` answers at once.

GARBAGE_OBJECTS = 20_000
"""New objects before a search for garbage among them. Python's 700 is a search at every seventh request, for a
twentieth of the processor time; so many are some hundred requests, and a few MiB at most."""

_ELSEWHERE: ContextVar[tuple[str, str]] = ContextVar("elsewhere", default=("", ""))
"""Address of a platform that runs elsewhere, and the file with the admin key for it."""

app = typer.Typer(
    help="A metered LLM platform.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
serve = typer.Typer(help="Run one part of a stack alone.", no_args_is_help=True)
config = typer.Typer(help="The configuration.", no_args_is_help=True)
app.add_typer(serve, name="serve")
app.add_typer(config, name="config")
secrets = typer.Typer(help="Secrets of this installation.", no_args_is_help=True)
app.add_typer(secrets, name="secrets")


@app.callback()
def options(
    server: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", envvar="RASEED_ADMIN_ADDRESS", help="Admin listener of a platform elsewhere."
        ),
    ] = "",
    key_file: Annotated[
        str,
        typer.Option(metavar="FILE", envvar="RASEED_ADMIN_KEY_FILE", help="File with the admin key for it."),
    ] = "",
) -> None:
    """A metered LLM platform."""
    _ELSEWHERE.set((server, key_file))


@app.command("up")
def up() -> None:
    """Start the whole stack on this machine and keep it running until Ctrl-C."""
    from raseed.app.process import StartFailed
    from raseed.app.supervisor import Supervisor

    configuration = _configuration()
    supervisor = Supervisor(configuration, os.environ, _say)
    try:
        asyncio.run(supervisor.run(lambda: _greet(configuration)))
    except StartFailed as error:
        fail(str(error))


@serve.command("core")
def serve_core(
    port: Annotated[int, typer.Option(help="Port to listen on, on loopback.")],
    index: Annotated[int, typer.Option(help="Number of this worker, from 0.")] = 0,
    triton: Annotated[str, typer.Option(help="host:port of Triton; empty: as configured, or none.")] = "",
    operators_port: Annotated[
        int, typer.Option(help="Port for operators with admin keys, on loopback; 0: none.")
    ] = 0,
) -> None:
    """Run a core worker."""
    # What a start makes lives as long as the process: looking for garbage in it takes an eighth of the start, and later
    # would stop every stream for 60 ms at a time.
    gc.disable()

    from raseed.adapters.policy.loader import PolicyError
    from raseed.adapters.sql.ports import DatabaseUnavailable
    from raseed.adapters.sql.schema import SchemaTooNew
    from raseed.adapters.sql.sqlite_files import DatabaseInUse
    from raseed.adapters.telemetry.log import configure_log
    from raseed.app.worker import BackgroundTaskDied
    from raseed.app.worker import serve_core as run_core

    configuration = _configuration()
    settings = configuration.settings
    configure_log(settings.log.level)
    address = (triton or settings.triton.address) if settings.triton.enabled else ""
    running = run_core(
        configuration,
        index=index,
        port=port,
        operators_port=operators_port,
        triton_address=address,
        announce=_announce_started,
    )
    try:
        if settings.core.uvloop:
            import uvloop

            uvloop.run(running)
        else:
            asyncio.run(running)
    except (PolicyError, DatabaseInUse, DatabaseUnavailable, SchemaTooNew, BackgroundTaskDied) as error:
        fail(str(error))


@serve.command("triton")
def serve_triton(
    port: Annotated[int, typer.Option(help="gRPC port to listen on, on loopback.")] = 8001,
) -> None:
    """Run the bundled Triton with the models of this installation."""
    from raseed.app.process import StartFailed
    from raseed.app.stack import StackPorts, triton_process

    configuration = _configuration()
    Home(configuration.home).prepare()
    try:
        spec = triton_process(configuration, StackPorts(core=(), triton=port), os.environ)
    except StartFailed as error:
        fail(str(error))
    if spec.sweep is not None:
        spec.sweep()
    os.execve(spec.argv[0], list(spec.argv), dict(spec.environment))  # noqa: S606 - no shell is the point


@serve.command("envoy")
def serve_envoy(
    core: Annotated[list[int], typer.Option(help="Port of a core worker on loopback; repeat for more.")],
    operators: Annotated[
        list[int] | None,
        typer.Option(help="Port of a core worker for operators; repeat for more. Only with [admin] listen."),
    ] = None,
) -> None:
    """Run Envoy in front of core workers."""
    from raseed.app.process import StartFailed
    from raseed.app.stack import StackPorts, envoy_process

    configuration = _configuration()
    Home(configuration.home).prepare()
    ports = StackPorts(core=tuple(core), triton=0, operators=tuple(operators or ()))
    try:
        spec = envoy_process(configuration, ports, os.environ)
    except StartFailed as error:
        fail(str(error))
    os.execve(spec.argv[0], list(spec.argv), dict(spec.environment))  # noqa: S606 - no shell is the point


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
    _only_here("secrets new-pepper")
    from raseed.app.peppers import add_pepper

    home = Home(_configuration().home)
    home.prepare()
    path = str(add_pepper(home))
    Output(as_json=as_json).show({"file": path}, lambda: [path])


@app.command("doctor")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Look at everything that a stack needs, and say what to do about what is wrong. Exit 1: something is."""
    _only_here("doctor")
    from raseed.app.doctor import Finding, Status, examine

    home = Home((Path.cwd() / (os.environ.get("RASEED_HOME") or HOME_DIR)).resolve())

    async def all_findings() -> list[Finding]:
        is_running = _is_served(home.admin_socket)
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
    _only_here("backup")
    from raseed.adapters.sql.sqlite_backup import BackupFailed, backup_sqlite

    configuration = _configuration()
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


def _only_here(command: str) -> None:
    if _ELSEWHERE.get()[0]:
        fail(f"{command} looks at this machine: leave --server out", MISUSED)


@asynccontextmanager
async def open_admin() -> AsyncIterator[AdminCalls]:
    """The operators' services: where --server says; else over the socket of the running stack, or on the database
    itself, under its lock.
    """
    from raseed.adapters.cli.connection import LocalAdmin, listener_admin, read_admin_key, socket_admin

    server, key_file = _ELSEWHERE.get()
    if bool(server) != bool(key_file):
        fail("--server and --key-file belong together", MISUSED)
    if server:
        try:
            elsewhere = listener_admin(server, read_admin_key(Path(key_file)))
        except (ValueError, OSError) as error:
            fail(str(error), MISUSED)
        async with elsewhere as admin:
            yield admin
        return

    configuration = _configuration()
    home = Home(configuration.home)
    if _is_served(home.admin_socket):
        async with socket_admin(socket_address(home.admin_socket)) as admin:
            yield admin
        return

    from raseed.adapters.policy.loader import PolicyError
    from raseed.adapters.rpc.admin_server import admin_servicers
    from raseed.adapters.sql.ports import DatabaseUnavailable
    from raseed.adapters.sql.schema import SchemaTooNew
    from raseed.adapters.sql.sqlite_files import DatabaseInUse
    from raseed.adapters.telemetry.log import configure_log
    from raseed.app.bootstrap import admin_services, open_platform

    configure_log("error")
    try:
        async with open_platform(configuration) as platform:
            yield LocalAdmin(admin_servicers(admin_services(platform, [])).values())
    except (PolicyError, SchemaTooNew, DatabaseInUse, DatabaseUnavailable) as error:
        fail(str(error))


def _is_served(path: Path) -> bool:
    """Whether somebody listens on the admin socket: a stack that was killed leaves the file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_address(path).removeprefix("unix:"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # not for this user, say: the call itself will tell
    return True


def _configuration() -> Configuration:
    try:
        return load_configuration(os.environ, Path.cwd())
    except ConfigError as error:
        fail("the configuration is wrong\n" + str(error), MISUSED)


def _say(line: str) -> None:
    _announce(f"  {line}")


def _announce_started(text: str) -> None:
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS, 10, 10)
        gc.enable()
    _announce(text)


def _announce(text: str) -> None:
    """At once, also into a pipe: somebody waits for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _first_model(settings: Settings) -> str:
    """A model that the curl may name. Which ones a Triton elsewhere has is not known here."""
    if settings.triton.enabled and not settings.triton.address:
        return "raseed-tiny"
    return settings.scripted.models[0] if settings.scripted.enabled and settings.scripted.models else "MODEL"


def _greet(configuration: Configuration) -> None:
    server = configuration.settings.server
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104 - compared, not bound
    url = f"http://{host}:{server.port}"
    key = Home(configuration.home).first_key
    text = key.read_text(encoding="utf-8").strip() if key.exists() else "YOUR_KEY"
    _announce(
        f"""
Raseed is ready.

  URL      {url}/v1
  API key  {text}

  curl {url}/v1/chat/completions \\
    -H "Authorization: Bearer {text}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "{_first_model(configuration.settings)}", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Ctrl-C stops everything. State and logs are in {configuration.home}."""
    )


def main() -> None:
    if sys.argv[1:2] not in (["up"], ["serve"]):
        from raseed.adapters.cli.commands import add_commands

        add_commands(app, open_admin)
    app()


if __name__ == "__main__":
    main()

"""The `raseed` command."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import Annotated

import typer

from raseed.adapters.cli.output import fail
from raseed.app.layout import Home
from raseed.app.reach import ELSEWHERE, open_admin, read_configuration
from raseed.app.settings.configuration import Configuration, Settings

# Imports that only some commands need are inside those commands: the supervisor lives as long as the stack and stays
# small without gRPC and SQLAlchemy, and `raseed --help` answers at once.

GARBAGE_OBJECTS = 20_000
"""New objects before a search for garbage among them. Python's 700 is a search at every seventh request, for a
twentieth of the processor time; so many are some hundred requests, and a few MiB at most."""

app = typer.Typer(
    help="A metered LLM platform.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
serve = typer.Typer(help="Run one part of a stack alone.", no_args_is_help=True)
app.add_typer(serve, name="serve")


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
    ELSEWHERE.set((server, key_file))


@app.command("up")
def up(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="With emulated payment providers beside it: buy credit without an account anywhere.",
        ),
    ] = False,
) -> None:
    """Start the whole stack on this machine and keep it running until Ctrl-C."""
    from raseed.app.process import StartFailed
    from raseed.app.supervisor import Supervisor

    configuration = read_configuration()
    try:
        if demo:
            _run_demo(configuration)
        else:
            asyncio.run(Supervisor(configuration, os.environ, _say).run(lambda: _greet(configuration)))
    except StartFailed as error:
        fail(str(error))


def _run_demo(configuration: Configuration) -> None:
    from raseed.app.demo import find_checkout, prepare_demo
    from raseed.app.supervisor import Supervisor

    prepared = prepare_demo(configuration, os.environ, find_checkout())
    beside = [(prepared.process, prepared.answers)]
    supervisor = Supervisor(configuration, prepared.environ, _say, beside)

    def greet() -> None:
        _greet(configuration)
        _announce("\n" + "\n".join(prepared.lines(configuration)))

    asyncio.run(supervisor.run(greet))


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
    from raseed.adapters.sql.sqlite.files import DatabaseInUse
    from raseed.adapters.telemetry.log import configure_log
    from raseed.app.worker import BackgroundTaskDied
    from raseed.app.worker import serve_core as run_core

    configuration = read_configuration()
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

    configuration = read_configuration()
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

    configuration = read_configuration()
    Home(configuration.home).prepare()
    ports = StackPorts(core=tuple(core), triton=0, operators=tuple(operators or ()))
    try:
        spec = envoy_process(configuration, ports, os.environ)
    except StartFailed as error:
        fail(str(error))
    os.execve(spec.argv[0], list(spec.argv), dict(spec.environment))  # noqa: S606 - no shell is the point


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
        from raseed.app.upkeep import add_upkeep_commands

        add_commands(app, open_admin)
        add_upkeep_commands(app)
    app()


if __name__ == "__main__":
    main()

"""The processes of a stack, as specifications: what `raseed up` starts, and `raseed serve` runs alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from raseed.adapters.envoy.binary import EnvoyUnusableError, envoy_command, find_envoy
from raseed.adapters.envoy.config import load_assets, render
from raseed.adapters.envoy.settings import EdgeSettings, OperatorListener
from raseed.adapters.triton.bundle import (
    TritonBundleError,
    TritonServerSettings,
    prepare_server,
    sweep_shared_memory,
)
from raseed.adapters.triton.repository import ModelFilesMissing, render_repository
from raseed.app.layout import Home
from raseed.app.listen import listen_address
from raseed.app.process import ProcessSpec, StartFailed
from raseed.app.settings.configuration import Configuration
from raseed.app.share import share_path

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPorts:
    core: tuple[int, ...]
    triton: int
    operators: tuple[int, ...] = ()
    """Of each core worker, for operators; empty without an admin listener."""


def triton_address(configuration: Configuration, ports: StackPorts) -> str:
    return configuration.settings.triton.address or f"{LOOPBACK}:{ports.triton}"


def core_process(
    configuration: Configuration, ports: StackPorts, index: int, environ: Mapping[str, str]
) -> ProcessSpec:
    argv = [sys.executable, "-m", "raseed.app.main", "serve", "core"]
    argv += ["--index", str(index), "--port", str(ports.core[index])]
    if ports.operators:
        argv += ["--operators-port", str(ports.operators[index])]
    if configuration.settings.triton.enabled:
        argv += ["--triton", triton_address(configuration, ports)]
    return ProcessSpec(
        name=f"core-{index}",
        argv=argv,
        environment=_environment(configuration, environ),
        log=Home(configuration.home).logs / f"core-{index}.log",
        speaks=True,
    )


def triton_process(
    configuration: Configuration, ports: StackPorts, environ: Mapping[str, str]
) -> ProcessSpec:
    """Renders the model repository and lays out the bundled server. Raises StartFailed with one line."""
    home = Home(configuration.home)
    repository = home.repository
    shm_prefix = f"raseed_{os.getuid()}_{ports.triton}_"
    python_env = triton_python_env(configuration)
    try:
        models = render_repository(
            models_dir=share_path("triton_models"), target=repository, python_env=python_env
        )
        command = prepare_server(
            work_dir=home.run / "triton",
            python_env=python_env,
            repository=repository,
            settings=TritonServerSettings(
                grpc_port=ports.triton, shm_prefix=shm_prefix, load_models=tuple(models)
            ),
            environment=for_others(environ),
        )
    except (TritonBundleError, ModelFilesMissing, FileNotFoundError) as error:
        raise StartFailed(f"Triton cannot start: {error}") from error
    return ProcessSpec(
        name="triton",
        argv=command.argv,
        environment=command.environment,
        log=home.logs / "triton.log",
        sweep=partial(sweep_shared_memory, shm_prefix),
        # No worker is left that waits for it, and its own way to stop takes two seconds, counted in whole ones.
        is_killed=True,
    )


def envoy_process(configuration: Configuration, ports: StackPorts, environ: Mapping[str, str]) -> ProcessSpec:
    """Renders Envoy's configuration. Raises StartFailed with one line."""
    home = Home(configuration.home)
    server = configuration.settings.server
    try:
        binary = find_envoy()
    except EnvoyUnusableError as error:
        raise StartFailed(str(error)) from error
    listen = listen_address(configuration.settings.admin.listen)
    operators = None
    if listen is not None and ports.operators:
        host, port = listen
        operators = OperatorListener(host=host, port=port, core_addresses=_loopback(ports.operators))
    settings = EdgeSettings(
        core_addresses=_loopback(ports.core),
        host=server.host,
        port=server.port,
        production=server.production,
        trusted_proxy_count=server.trusted_proxy_count,
        operators=operators,
    )
    config = home.run / "envoy.json"
    config.write_text(render(settings, load_assets(share_path("envoy"))), encoding="utf-8")
    return ProcessSpec(
        name="envoy",
        argv=envoy_command(binary, config),
        environment=for_others(environ),
        log=home.logs / "envoy.log",
    )


def _loopback(ports: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{LOOPBACK}:{port}" for port in ports)


def triton_python_env(configuration: Configuration) -> Path:
    """The virtual environment in which models run: as set, or beside the one that we run in."""
    given = configuration.settings.triton.python_env
    return Path(given).absolute() if given else Path(sys.prefix).with_name(".venv-triton")


def for_others(environ: Mapping[str, str]) -> dict[str, str]:
    """For programs that are not ours: without any setting, because some are secrets. Models run whatever they bring."""
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith("RASEED_") or name == "RASEED_HOME"
    }


def _environment(configuration: Configuration, environ: Mapping[str, str]) -> dict[str, str]:
    """What a core worker inherits: the same configuration, wherever it is started from."""
    inherited = {**environ, "RASEED_HOME": str(configuration.home), "ORT_DISABLE_TELEMETRY": "1"}
    if configuration.file is not None:
        inherited["RASEED_CONFIG"] = str(configuration.file)
    return inherited

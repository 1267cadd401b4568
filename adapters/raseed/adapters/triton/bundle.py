"""The Triton server that the wheel `nvidia-pytriton` carries, made ready to run without a container.

The wheel's Python code is not used and never imported. It is Triton 24.10: for one machine, on loopback. Production
runs a newer server by address.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WHEEL = "nvidia-pytriton"
PYTHON_VERSIONS = ("3.11", "3.12")
"""The stub needs numpy 1, which has no packages for 3.13; 3.10 is older than the rest of this program."""
PROBE_TIMEOUT_S = 20.0
"""Starting an interpreter takes a moment on a cold disk."""
SHM_DIR = Path("/dev/shm")  # noqa: S108 - where the kernel keeps it; only names with our own prefix are touched
INHERITED_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Would point the stub's interpreter at the wrong standard library."""
RESTRICTED_PROTOCOLS = "model-repository,shared-memory,trace,logging"
"""Everything that changes the server; inference and health stay open."""
CONTROL_HEADER = "raseed-control"

_PROBE = """
import importlib.metadata as m, json, sys, sysconfig
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({
    "python": "%d.%d" % sys.version_info[:2],
    "dirs": [sysconfig.get_config_var("LIBDIR"), sys.base_prefix + "/lib"],
    "multiarch": sysconfig.get_config_var("MULTIARCH"),
    "packages": {n: version(n) for n in ("numpy", "onnxruntime")},
}))
"""


class TritonBundleError(Exception):
    """The bundled server cannot run here; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonServerSettings:
    grpc_port: int
    shm_prefix: str
    """Begins the name of this server's shared memory; different for every server on a machine."""
    host: str = "127.0.0.1"
    """The bundled version has known remote holes: never anything but loopback."""
    http_port: int | None = None
    """None: no HTTP listener."""
    metrics_port: int | None = None
    """None: no metrics listener."""
    load_models: tuple[str, ...] = ()
    exit_timeout_s: int = 5
    """How long a stopping server waits for running requests; the whole stack has 10 s."""
    ping_interval_ms_min: int = 10_000
    """Most frequent keepalive ping that is not taken for abuse; below the client's own interval."""
    control_key: str | None = None
    """Secret that model control needs in the header CONTROL_HEADER. Visible in the process list: it keeps other
    programs from unloading models by accident, not an attacker with a shell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonServerCommand:
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """Complete, not an addition."""


def prepare_server(
    *,
    work_dir: Path,
    python_env: Path,
    repository: Path,
    settings: TritonServerSettings,
    environment: Mapping[str, str] | None = None,
) -> TritonServerCommand:
    """Lays out `work_dir` and returns the command that starts Triton on `repository`. Safe to repeat.

    `python_env` is the virtual environment in which models run; `environment` (default: this process's) is what the
    server inherits. Starts one short process to look at `python_env`. Raises TritonBundleError.
    """
    wheel_root, libraries = find_wheel()
    python = probe_python(python_env)
    backends = _lay_out_backends(work_dir / "backends", wheel_root, python.version)
    inherited = dict(os.environ if environment is None else environment)
    for name in INHERITED_PYTHON_VARIABLES:
        inherited.pop(name, None)
    return TritonServerCommand(
        argv=_arguments(wheel_root / "bin" / "tritonserver", backends, repository, settings),
        environment=inherited
        | {
            # The interpreter's own directory first: with another libpython the stub runs half way and then fails to
            # import compiled modules such as ssl.
            "LD_LIBRARY_PATH": f"{python.library_dir}:{libraries}",
            "ORT_DISABLE_TELEMETRY": "1",
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StubPython:
    version: str
    library_dir: Path
    """Where its libpython lies."""


def probe_python(python_env: Path) -> StubPython:
    """Checks the environment in which models run. Raises TritonBundleError."""
    interpreter = python_env / "bin" / "python"
    if not interpreter.exists():
        raise TritonBundleError(f"no virtual environment for Triton models at {python_env}")
    try:
        output = subprocess.run(
            [str(interpreter), "-I", "-c", _PROBE],
            capture_output=True,
            check=True,
            timeout=PROBE_TIMEOUT_S,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise TritonBundleError(
            f"the Python of {python_env} does not start: {type(error).__name__}"
        ) from error
    found = json.loads(output)
    version: str = found["python"]
    if version not in PYTHON_VERSIONS:
        raise TritonBundleError(
            f"Triton models need Python {' or '.join(PYTHON_VERSIONS)}, {python_env} has {version}"
        )
    packages: dict[str, str | None] = found["packages"]
    if not (packages["numpy"] or "").startswith("1."):
        raise TritonBundleError(
            f"the Triton stub needs numpy 1, {python_env} has {packages['numpy'] or 'none'}"
        )
    if packages["onnxruntime"] is None:
        raise TritonBundleError(f"onnxruntime is missing from {python_env}")
    library = f"libpython{version}.so.1.0"
    for directory in filter(None, found["dirs"]):
        for candidate in (Path(directory), Path(directory) / (found["multiarch"] or "")):
            if (candidate / library).exists():
                return StubPython(version=version, library_dir=candidate)
    raise TritonBundleError(f"{library} is missing: apt-get install libpython{version}")


def sweep_shared_memory(prefix: str) -> int:
    """Deletes what a server with this prefix left behind when it was killed. Only before such a server starts.

    Returns the number of regions deleted.
    """
    regions = [path for path in SHM_DIR.glob(f"{prefix}*") if path.is_file()] if prefix else []
    for path in regions:
        path.unlink(missing_ok=True)
    return len(regions)


def find_wheel() -> tuple[Path, Path]:
    """The wheel's server directory and its libraries."""
    try:
        distribution = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError as error:
        raise TritonBundleError(
            f"the package {WHEEL} is missing: install requirements-server.lock"
        ) from error
    root = Path(str(distribution.locate_file("pytriton/tritonserver")))
    libraries = Path(str(distribution.locate_file("nvidia_pytriton.libs")))
    if not (root / "bin" / "tritonserver").exists():
        raise TritonBundleError(f"{WHEEL} {distribution.version} carries no server for this machine")
    return root.resolve(), libraries.resolve()


def _lay_out_backends(target: Path, wheel_root: Path, python_version: str) -> Path:
    """Links the wheel's backend together with the stub of one Python version, which the wheel keeps apart."""
    stub = wheel_root / "python_backend_stubs" / python_version / "triton_python_backend_stub"
    if not stub.exists():
        raise TritonBundleError(f"{WHEEL} has no stub for Python {python_version}")
    python = target / "python"
    shutil.rmtree(target, ignore_errors=True)
    python.mkdir(parents=True)
    for source in (*(wheel_root / "backends" / "python").iterdir(), stub):
        if source.is_file():
            (python / source.name).symlink_to(source)
    return target


def _arguments(
    binary: Path, backends: Path, repository: Path, settings: TritonServerSettings
) -> tuple[str, ...]:
    host = settings.host
    arguments = [
        str(binary),
        f"--model-repository={repository.resolve()}",
        f"--backend-directory={backends.resolve()}",
        "--model-control-mode=explicit",
        # Our configurations are complete, and completing them starts a second stub: 1.2 s per model.
        "--disable-auto-complete-config",
        f"--exit-timeout-secs={settings.exit_timeout_s}",
        f"--backend-config=python,shm-region-prefix-name={settings.shm_prefix}",
        f"--grpc-address={host}",
        f"--grpc-port={settings.grpc_port}",
        f"--grpc-http2-min-recv-ping-interval-without-data={settings.ping_interval_ms_min}",
        f"--allow-http={str(settings.http_port is not None).lower()}",
        f"--allow-metrics={str(settings.metrics_port is not None).lower()}",
        *(f"--load-model={name}" for name in settings.load_models),
    ]
    if settings.http_port is not None:
        arguments += [f"--http-address={host}", f"--http-port={settings.http_port}"]
    if settings.metrics_port is not None:
        arguments += [f"--metrics-address={host}", f"--metrics-port={settings.metrics_port}"]
    if settings.control_key is not None:
        arguments.append(
            f"--grpc-restricted-protocol={RESTRICTED_PROTOCOLS}:{CONTROL_HEADER}={settings.control_key}"
        )
    return tuple(arguments)

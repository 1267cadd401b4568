"""Makes the virtual environments of this checkout, each from its lock files. Runs with a bare Python 3.11 or 3.12.

    python3 scripts/install.py run     .venv with what the product runs on, .venv-triton for the models in Triton
    python3 scripts/install.py dev     the same with what tests, lint and build need, and .venv-clients with clients of
                                       the platform that tests run beside their own environment

A stamp in each environment says which interpreter and which locks it was made from. Nothing is done while that is
still true; locks that are only missing are installed on top; anything else makes the environment anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
STAMP = "raseed-stamp.json"
STARTED = time.monotonic()
RUNNING: list[subprocess.Popen[bytes]] = []
STOPPING = threading.Event()

# Wheels only: a source archive would run code of its own and want a compiler. --no-deps because the locks are complete.
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
INSTALL = (*PIP, "install", "--progress-bar", "off", "--no-deps")
LOCKED = (*INSTALL, "--require-hashes", "--only-binary", ":all:")


class InstallFailed(Exception):
    """A step failed; the message says which and ends with what it printed."""


@dataclass(frozen=True)
class Environment:
    folder: str
    locks: tuple[str, ...]
    """Installed together, in one run of pip."""
    contains: tuple[str, ...] = ()
    """Locks whose every line is in one of `locks` too."""
    has_project: bool = False


TRITON = Environment(".venv-triton", ("requirements-triton.lock",))
RUN = Environment(
    ".venv", ("requirements.lock", "requirements-server.lock", "requirements-build.lock"), has_project=True
)
DEV = Environment(
    ".venv",
    ("requirements-dev.lock", "requirements-server.lock"),
    contains=("requirements.lock", "requirements-build.lock"),
    has_project=True,
)
CLIENTS = Environment(".venv-clients", ("requirements-clients.lock",))
KINDS = {"run": (RUN, TRITON), "dev": (DEV, TRITON, CLIENTS)}

NODE_CLIENTS = "tests/e2e/clients/node"
"""A package.json and its lock: clients written in JavaScript, installed by the npm that is in DEV."""
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def say(text: str) -> None:
    print(f"[{time.monotonic() - STARTED:4.0f} s] {text}", flush=True)


def digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def interpreter(folder: Path) -> str:
    """What an environment is bound to: the base interpreter and its own place, which its scripts hold."""
    return f"{os.path.realpath(sys.executable)} {sys.version} {folder}"


def read_stamp(folder: Path) -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


def call(arguments: list[str], output: IO[bytes]) -> int:
    """Runs a process to its end, or to ours. Returns its exit status."""
    if STOPPING.is_set():
        return 1
    process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    RUNNING.append(process)
    return process.wait()


def stop(_signal: int, _frame: FrameType | None) -> None:
    """A signal may reach us alone: what we started has to end too."""
    STOPPING.set()
    for process in RUNNING:
        process.terminate()
    raise KeyboardInterrupt


def step(folder: Path, python: str, *arguments: str) -> None:
    """Runs one step of an environment. Its output goes to a log, and the end of it is shown if it fails."""
    path = ROOT / f"{folder.name}.log"
    with path.open("wb") as log:
        status = call([python, "-I", *arguments], log)
    if status != 0:
        tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise InstallFailed("\n".join([f"Making {folder.name} failed; the end of {path.name}:", *tail]))
    path.unlink()


def make(environment: Environment) -> None:
    folder = ROOT / environment.folder
    current = {name: digest(name) for name in (*environment.locks, *environment.contains)}
    stamp = read_stamp(folder)
    own_python = str(folder / "bin/python")
    installed = {name: value for name, value in stamp.items() if name.endswith(".lock")}
    outdated = any(not (ROOT / name).exists() or digest(name) != value for name, value in installed.items())
    if stamp.get("python") != interpreter(folder) or outdated:
        say(f"{folder.name}: new environment on Python {sys.version.split()[0]}")
        shutil.rmtree(folder, ignore_errors=True)
        step(folder, sys.executable, "-m", "venv", str(folder))
        stamp = {"python": interpreter(folder)}
    (folder / STAMP).unlink(missing_ok=True)  # an interrupted installation must not look finished
    if any(stamp.get(name) != value for name, value in current.items()):
        say(f"{folder.name}: installing {' and '.join(environment.locks)}")
        step(folder, own_python, *LOCKED, *(part for name in environment.locks for part in ("-r", name)))
    if environment.has_project:
        project = digest("pyproject.toml")
        if stamp.get("project") != project:
            say(f"{folder.name}: installing the checkout itself")
            step(folder, own_python, *INSTALL, "--no-build-isolation", "--editable", ".")
        stamp["project"] = project
    (folder / STAMP).write_text(json.dumps(stamp | current, indent=1), encoding="utf-8")


def make_node_clients() -> None:
    """After `make(DEV)`. npm compares every package with the digest in the lock."""
    packages = ROOT / NODE_CLIENTS / "node_modules"
    current = {"lock": digest(f"{NODE_CLIENTS}/package-lock.json")}
    if read_stamp(packages) == current:
        return
    say(f"{NODE_CLIENTS}: installing package-lock.json")
    binaries = ROOT / DEV.folder / "bin"
    npm = (str(binaries / "npm"), *NPM_CI, "--prefix", str(packages.parent))
    step(ROOT / CLIENTS.folder, str(binaries / "python"), *npm)
    (packages / STAMP).write_text(json.dumps(current, indent=1), encoding="utf-8")


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        print(__doc__, file=sys.stderr)
        return 2
    # Set here, because a background job of a shell inherits SIGINT as ignored.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    # Two `make` of one checkout at a time would delete each other's environment.
    with Path(__file__).open("rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with ThreadPoolExecutor() as pool:
            tasks = [pool.submit(make, environment) for environment in KINDS[sys.argv[1]]]
        try:
            for task in tasks:
                task.result()
            if DEV in KINDS[sys.argv[1]]:
                make_node_clients()
        except InstallFailed as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

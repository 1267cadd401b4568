"""Writes the lock files: exact versions with hashes, for Python 3.11 and 3.12 on Linux, and no index address.

    make lock        after a change of pyproject.toml, of a requirements-*.in or of tests/e2e/clients/node/package.json

| file                     | holds                                            | made from                         |
|--------------------------|--------------------------------------------------|-----------------------------------|
| requirements.lock        | what the product runs on                         | pyproject.toml, dependencies      |
| requirements-dev.lock    | the same and what tests, lint and build need     | the same and the group `dev`      |
| requirements-build.lock  | hatchling, which installs the checkout itself    | the group `build`                 |
| requirements-triton.lock | the Python environment of the models in Triton   | requirements-triton.in            |
| requirements-server.lock | the wheel that carries the Triton server, alone  | the pin below                     |
| requirements-clients.lock| clients whose calls tests make, with their needs | requirements-clients.in           |
| package-lock.json        | the same, written in JavaScript                  | tests/e2e/clients/node            |

Every install of Python takes them with `--no-deps --require-hashes`. How old a release must be, and which dependency is left
out and why, is said in pyproject.toml under `tool.uv`. Needs uv and npm, which `make test` installs, and package
indexes as configured on this machine.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE_CLIENTS = "tests/e2e/clients/node"
PYTHON_OLDEST = "3.11"
HEADER = "# Written by scripts/lock.py (make lock). Do not edit.\n"

SERVER = "nvidia-pytriton==0.7.0"
"""Without its dependencies: the server binary in the wheel is used, the Python package around it is not."""


def compile_lock(name: str, *sources: str, stdin: str | None = None) -> None:
    """Writes one lock file. What requirements.lock has pinned before it keeps its version in the others."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
        *("--universal", "--python-version", PYTHON_OLDEST, "--generate-hashes"),
        *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *sources,
    ]
    done = subprocess.run(command, cwd=ROOT, input=stdin, check=True, stdout=subprocess.PIPE, text=True)
    (ROOT / name).write_text(HEADER + done.stdout, encoding="utf-8")
    pinned = [line for line in done.stdout.splitlines() if line[:1].isalnum()]
    print(f"{name}: {len(pinned)} packages")


def lock_node(folder: Path) -> None:
    """Writes package-lock.json: each package with its digest, and nothing that holds an address."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = folder / "package-lock.json"
    lock.unlink(missing_ok=True)
    npm = str(Path(sys.executable).with_name("npm"))
    newest = f"--before={project['tool']['uv']['exclude-newer']}"
    command = [npm, "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", newest]
    subprocess.run([sys.executable, *command, "--prefix", str(folder)], cwd=ROOT, check=True)
    locked = json.loads(lock.read_text(encoding="utf-8"))
    for package in locked["packages"].values():
        for address in ("resolved", "funding"):
            package.pop(address, None)
    lock.write_text(json.dumps(locked, indent=2) + "\n", encoding="utf-8")
    print(f"{lock.relative_to(ROOT)}: {len(locked['packages']) - 1} packages")


def main() -> None:
    same = ("--constraints", "requirements.lock")
    compile_lock("requirements.lock", "pyproject.toml")
    compile_lock("requirements-dev.lock", "pyproject.toml", "--group", "dev", *same)
    compile_lock("requirements-build.lock", "--group", "build", "--constraints", "requirements-dev.lock")
    compile_lock("requirements-triton.lock", "requirements-triton.in")
    compile_lock("requirements-server.lock", "-", "--no-deps", stdin=SERVER)
    compile_lock("requirements-clients.lock", "requirements-clients.in")
    lock_node(ROOT / NODE_CLIENTS)


if __name__ == "__main__":
    main()

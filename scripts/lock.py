"""Writes the lock files: exact versions with hashes, for Python 3.11 and 3.12 on Linux, and no index address.

    make lock        after a change of pyproject.toml or requirements-triton.in

| file                     | holds                                            | made from                         |
|--------------------------|--------------------------------------------------|-----------------------------------|
| requirements.lock        | what the product runs on                         | pyproject.toml, dependencies      |
| requirements-dev.lock    | the same and what tests, lint and build need     | the same and the group `dev`      |
| requirements-build.lock  | hatchling, which installs the checkout itself    | the group `build`                 |
| requirements-triton.lock | the Python environment of the models in Triton   | requirements-triton.in            |
| requirements-server.lock | the wheel that carries the Triton server, alone  | the pin below                     |

Every install takes them with `--no-deps --require-hashes`. How old a release must be, and which dependency is left
out and why, is said in pyproject.toml under `tool.uv`. Needs uv, which `make test` installs, and a package index as
configured on this machine.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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


def main() -> None:
    same = ("--constraints", "requirements.lock")
    compile_lock("requirements.lock", "pyproject.toml")
    compile_lock("requirements-dev.lock", "pyproject.toml", "--group", "dev", *same)
    compile_lock("requirements-build.lock", "--group", "build", "--constraints", "requirements-dev.lock")
    compile_lock("requirements-triton.lock", "requirements-triton.in")
    compile_lock("requirements-server.lock", "-", "--no-deps", stdin=SERVER)


if __name__ == "__main__":
    main()

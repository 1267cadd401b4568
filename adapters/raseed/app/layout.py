"""Where things lie in RASEED_HOME."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107
"""Longest path of a Unix socket on Linux."""


@dataclass(frozen=True, slots=True)
class Home:
    root: Path

    def prepare(self) -> None:
        """Make the folders; what is secret is for the owner alone."""
        for folder in (self.root, self.secrets, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def database(self) -> Path:
        return self.root / "raseed.db"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is rendered anew at each start."""
        return self.root / "run"

    @property
    def models(self) -> Path:
        """Files of local models, under their digests."""
        return self.root / "models"

    @property
    def repository(self) -> Path:
        """What Triton reads its models from."""
        return self.run / "models"

    @property
    def leases_socket(self) -> Path:
        """Where the owner of Triton keeps models in memory for the other workers."""
        return self.run / "leases.sock"

    @property
    def admin_socket(self) -> Path:
        return self.root / "admin.sock"

    @property
    def first_key(self) -> Path:
        return self.root / "first-key"

    @property
    def outbox(self) -> Path:
        """Messages that the driver `outbox` was given."""
        return self.root / "outbox.jsonl"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def lock(self) -> Path:
        return self.root / "up.lock"


@cache  # the descriptor stays open as long as the address may be used
def socket_address(path: Path) -> str:
    """Address of a Unix socket for gRPC, in this process alone: a path that is too long is named through a descriptor
    of its folder. Raises FileNotFoundError if such a folder does not exist.
    """
    text = str(path)
    if len(text.encode()) > SOCKET_PATH_BYTES_MAX:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        text = f"/proc/self/fd/{folder}/{path.name}"
    return f"unix:{text}"


def make_private(path: Path, text: str) -> None:
    """Write a file that only the owner can read, whole from the first moment, unless there is one.

    Of several processes that do it at once one succeeds, and all of them read what that one wrote.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_private(staged, text)
        with suppress(FileExistsError):
            os.link(staged, path)
    finally:
        staged.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only the owner can read it."""
    staged = path.with_name(f".{path.name}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staged.rename(path)

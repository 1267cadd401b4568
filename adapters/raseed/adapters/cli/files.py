"""Files that commands write what is about somebody into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from raseed.adapters.cli.output import MISUSED, fail


@contextmanager
def private_text_file(path: Path) -> Iterator[IO[str]]:
    """A new file that only its owner can read; gone again if it cannot be finished."""
    descriptor = _new_file(path)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def write_private_file(path: Path, content: bytes) -> None:
    """As above, of bytes that are there already."""
    descriptor = _new_file(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException:
        path.unlink()
        raise


def _new_file(path: Path) -> int:
    """Ends the command if there is one already, or none can be made."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{path}: {error.strerror}", MISUSED)

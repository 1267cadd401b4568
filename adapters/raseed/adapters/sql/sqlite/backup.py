"""A copy of a SQLite database, also of one in use: one consistent moment of it, in one file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


class BackupFailed(Exception):
    """The message is for the operator; nothing was left at the target."""


def backup_sqlite(source: Path, target: Path) -> int:
    """Copy the database; its size in bytes. Writers are not kept waiting. Only the owner can read the copy.

    Raises BackupFailed if there is no such database, the target exists, or the copy is not sound.
    """
    if not source.is_file():
        raise BackupFailed(f"there is no database {source}")
    staged = target.with_name(f".{target.name}.new")
    try:
        # Made by us before SQLite opens it, so that nobody else can read it at any moment.
        os.close(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupFailed(f"{staged}: {error.strerror}") from error
    try:
        reading = sqlite3.connect(f"file:{quote(str(source.resolve()))}?mode=ro", uri=True)
        with closing(reading), closing(sqlite3.connect(staged)) as copy:
            reading.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            [(soundness,)] = copy.execute("PRAGMA quick_check(1)").fetchall()
            if soundness != "ok":
                raise BackupFailed(f"the copy is damaged: {soundness}")
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        os.link(staged, target)  # unlike a rename it replaces nothing
        return target.stat().st_size
    except FileExistsError as error:
        raise BackupFailed(f"{target} exists already") from error
    except (sqlite3.Error, OSError) as error:
        raise BackupFailed(f"{source} could not be copied: {error}") from error
    finally:
        staged.unlink(missing_ok=True)

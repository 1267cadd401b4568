"""The files of a model, from a folder or an archive: those that a version may have, and nothing else.

An archive is somebody else's: nothing in it decides where anything is written, and it may not unfold into more than it says.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from raseed.core.models.model import ARTIFACT_BYTES_MAX, ARTIFACTS_NEEDED

READ_BYTES = 1024 * 1024
MEMBERS_MAX = 1_000
"""Of an archive: a model has five files, and may bring its recipe."""


class SourceRefused(Exception):
    """The message is one line for whoever pushes."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    name: str
    path: Path
    sha256: str
    size_bytes: int


@contextmanager
def model_files(source: Path) -> Iterator[list[SourceFile]]:
    """The files of a folder, or of a .tar (.gz, .xz, .bz2) or .zip archive, unfolded for as long as the context lasts.

    Raises SourceRefused.
    """
    if source.is_dir():
        yield _described({name: source / name for name in ARTIFACT_BYTES_MAX if (source / name).is_file()})
        return
    with tempfile.TemporaryDirectory(prefix="raseed-model-") as folder:
        try:
            yield _described(_unfold(source, Path(folder)))
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
            raise SourceRefused(f"{source} cannot be read: {type(error).__name__}") from error


def _unfold(source: Path, folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as packed:
            for entry in packed.infolist()[: MEMBERS_MAX + 1]:
                if name := _wanted(entry.filename, found, is_file=not entry.is_dir()):
                    with packed.open(entry) as content:
                        found[name] = _copy(content, folder / name, name)
        return found
    with tarfile.open(source, "r|*") as unpacked:
        for count, member in enumerate(unpacked):
            if count > MEMBERS_MAX:
                raise SourceRefused(f"{source} has more than {MEMBERS_MAX} files")
            if name := _wanted(member.name, found, is_file=member.isfile()):
                unfolded = unpacked.extractfile(member)
                assert unfolded is not None, "a file has content"
                found[name] = _copy(unfolded, folder / name, name)
    return found


def _wanted(path: str, found: dict[str, Path], *, is_file: bool) -> str | None:
    """The artifact that a member of an archive is; None for what a version does not have."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path.startswith(("/", "\\")) or ".." in parts:
        raise SourceRefused(f"the archive has a file outside itself: {path[:80]!r}")
    name = parts[-1] if parts else ""
    if name not in ARTIFACT_BYTES_MAX or len(parts) > 2:
        return None
    if not is_file:
        raise SourceRefused(f"{name} in the archive is a link or a folder")
    if name in found:
        raise SourceRefused(f"the archive has {name} twice")
    return name


def _copy(content: IO[bytes], target: Path, name: str) -> Path:
    most, size = ARTIFACT_BYTES_MAX[name], 0
    with target.open("xb") as file:
        while chunk := content.read(READ_BYTES):
            size += len(chunk)
            if size > most:
                raise SourceRefused(f"{name} in the archive has more than {most} bytes")
            file.write(chunk)
    return target


def _described(paths: dict[str, Path]) -> list[SourceFile]:
    if missing := [name for name in ARTIFACTS_NEEDED if name not in paths]:
        raise SourceRefused(f"there is no {', '.join(missing)}")
    found = []
    for name, path in paths.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append(SourceFile(name, path, digest, path.stat().st_size))
    return found

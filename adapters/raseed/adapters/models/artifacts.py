"""Files under their digests, each once, and uploads that go on where they broke off.

blobs/<sha256> is whole and never changes; uploads/<sha256> grows.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path

from raseed.core.errors import Conflict, NotFound, RequestInvalid, StorageQuotaExceeded
from raseed.core.models.model import Artifact, ModelVersion

UNUSED_S = 3600
"""How long what no version has is kept: an upload may be resumed, or its version be declared, within the hour."""
READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactLimits:
    total_bytes_max: int
    """Of all files together, uploads too."""


class ArtifactFolder:
    """Implements `core.models.ports.ArtifactStore`. Several processes may work on a folder."""

    def __init__(self, root: Path, limits: ArtifactLimits) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._limits = limits
        self._written: set[str] = set()
        """Digests that somebody writes now."""

    async def stored_bytes(self, artifact: Artifact) -> int:
        return await asyncio.to_thread(self._stored_bytes, artifact)

    async def append(self, artifact: Artifact, offset: int, chunks: AsyncIterator[bytes]) -> int:
        if artifact.sha256 in self._written:
            raise Conflict(f"{artifact.name} is being uploaded by somebody else.")
        self._written.add(artifact.sha256)
        try:
            return await self._append(artifact, offset, chunks)
        finally:
            self._written.discard(artifact.sha256)

    async def collect(self, kept: Collection[str]) -> tuple[int, int]:
        return await asyncio.to_thread(self._collect, frozenset(kept), frozenset(self._written))

    def stage(self, version: ModelVersion, target: Path) -> None:
        """Puts a version's files into a folder, under their names; they share the disk with the originals.

        Raises NotFound for one that is not whole.
        """
        target.mkdir(parents=True, exist_ok=True)
        for artifact in version.artifacts:
            blob = self._blobs / artifact.sha256
            if not blob.is_file():
                raise NotFound(f"{version.name} lacks {artifact.name}.")
            place = target / artifact.name
            place.unlink(missing_ok=True)
            os.link(blob, place)

    async def _append(self, artifact: Artifact, offset: int, chunks: AsyncIterator[bytes]) -> int:
        stored = await self.stored_bytes(artifact)
        if offset != stored:
            raise Conflict(f"{artifact.name} goes on at byte {stored}.", metadata={"offset": str(stored)})
        if stored == artifact.size_bytes:
            return stored
        left = self._limits.total_bytes_max - await asyncio.to_thread(self._total_bytes)
        if artifact.size_bytes - stored > left:
            raise StorageQuotaExceeded(
                f"There is no room for {artifact.name}: models have {self._limits.total_bytes_max} bytes of disk."
            )
        self._uploads.mkdir(parents=True, exist_ok=True)
        path = self._uploads / artifact.sha256
        with path.open("ab") as file:
            _lock(file.fileno(), artifact.name)
            async for chunk in chunks:
                stored += len(chunk)
                if stored > artifact.size_bytes:
                    await asyncio.to_thread(path.unlink)
                    raise RequestInvalid(f"{artifact.name} has {artifact.size_bytes} bytes, and more came.")
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_flush, file.fileno(), file.flush)
        if stored == artifact.size_bytes:
            await asyncio.to_thread(self._finish, artifact, path)
        return stored

    def _finish(self, artifact: Artifact, path: Path) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != artifact.sha256:
            path.unlink()
            raise RequestInvalid(f"{artifact.name} does not have the digest that was announced.")
        self._blobs.mkdir(parents=True, exist_ok=True)
        path.chmod(0o444)  # it is linked into the repository, where nobody may change it either
        path.rename(self._blobs / artifact.sha256)

    def _stored_bytes(self, artifact: Artifact) -> int:
        for path in (self._blobs / artifact.sha256, self._uploads / artifact.sha256):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                continue
        return 0

    def _files(self) -> list[Path]:
        return [
            path for folder in (self._blobs, self._uploads) if folder.is_dir() for path in folder.iterdir()
        ]

    def _total_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._files())

    def _collect(self, kept: frozenset[str], written: frozenset[str]) -> tuple[int, int]:
        now, count, freed = time.time(), 0, 0
        for path in self._files():
            found = path.stat()
            is_needed = path.parent == self._blobs and path.name in kept
            if is_needed or path.name in written or now - found.st_mtime < UNUSED_S:
                continue
            path.unlink()
            count, freed = count + 1, freed + found.st_size
        return count, freed


def _lock(descriptor: int, name: str) -> None:
    """Against other processes, until the file is closed. Raises Conflict."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"{name} is being uploaded by somebody else.") from None


def _flush(descriptor: int, flush: object) -> None:
    assert callable(flush)
    flush()
    os.fsync(descriptor)

"""Uploads: they go on where they broke off, and nothing is whole that has another digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.model_files import ROOMY, chunks_of, stored_version

from raseed.adapters.models.artifacts import UNUSED_S, ArtifactFolder, ArtifactLimits
from raseed.core.errors import Conflict, NotFound, RequestInvalid, StorageQuotaExceeded
from raseed.core.models.model import Artifact

PATIENCE_S = 30.0
CONTENT = bytes(range(256)) * 40
ARTIFACT = Artifact("model.onnx", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path, ROOMY)


async def test_an_upload_that_broke_off_goes_on_where_it_was(folder, tmp_path):
    async def breaks_off() -> AsyncIterator[bytes]:
        yield CONTENT[:1_000]
        yield CONTENT[1_000:3_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await folder.append(ARTIFACT, 0, breaks_off())
    again = ArtifactFolder(tmp_path, ROOMY)  # as after a restart
    assert await again.stored_bytes(ARTIFACT) == 3_000
    with pytest.raises(Conflict) as elsewhere:
        await again.append(ARTIFACT, 0, chunks_of(CONTENT))
    assert elsewhere.value.metadata == {"offset": "3000"}
    assert await again.append(ARTIFACT, 3_000, chunks_of(CONTENT[3_000:], 777)) == len(CONTENT)
    assert await again.append(ARTIFACT, len(CONTENT), chunks_of(b"")) == len(CONTENT)
    blob = tmp_path / "blobs" / ARTIFACT.sha256
    assert blob.read_bytes() == CONTENT
    assert blob.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("wrong", [CONTENT[::-1], CONTENT + b"x"])
async def test_another_file_than_was_announced_is_not_kept(folder, wrong):
    with pytest.raises(RequestInvalid):
        await folder.append(ARTIFACT, 0, chunks_of(wrong))
    assert await folder.stored_bytes(ARTIFACT) == 0


async def test_two_do_not_write_the_same_file(folder, tmp_path):
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CONTENT[:10]
        await gate.wait()
        yield CONTENT[10:]

    first = asyncio.create_task(folder.append(ARTIFACT, 0, slow()))
    await asyncio.sleep(0)
    with pytest.raises(Conflict):
        await folder.append(ARTIFACT, 0, chunks_of(CONTENT))
    other = ArtifactFolder(tmp_path, ROOMY)  # as in another process
    async with asyncio.timeout(PATIENCE_S):
        while not (tmp_path / "uploads" / ARTIFACT.sha256).exists():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict, match="somebody else"):
        await other.append(ARTIFACT, 0, chunks_of(CONTENT))
    gate.set()
    assert await first == len(CONTENT)


async def test_the_disk_has_a_bound(tmp_path):
    folder = ArtifactFolder(tmp_path, ArtifactLimits(total_bytes_max=len(CONTENT) - 1))
    with pytest.raises(StorageQuotaExceeded):
        await folder.append(ARTIFACT, 0, chunks_of(CONTENT))
    assert await folder.stored_bytes(ARTIFACT) == 0


async def test_what_no_version_has_goes_after_an_hour(folder, tmp_path):
    kept = Artifact("CARD.md", hashlib.sha256(b"kept").hexdigest(), 4)
    begun = Artifact("CARD.md", hashlib.sha256(b"begun and left").hexdigest(), 14)
    await folder.append(ARTIFACT, 0, chunks_of(CONTENT))
    await folder.append(kept, 0, chunks_of(b"kept"))
    await folder.append(begun, 0, chunks_of(b"begun"))
    assert await folder.collect([kept.sha256]) == (0, 0)
    for path in tmp_path.glob("*/*"):
        os.utime(path, (0, path.stat().st_mtime - UNUSED_S - 1))
    assert await folder.collect([kept.sha256]) == (2, len(CONTENT) + 5)
    assert await folder.stored_bytes(kept) == 4
    assert await folder.stored_bytes(ARTIFACT) == await folder.stored_bytes(begun) == 0


async def test_staged_files_are_the_stored_ones(folder, tmp_path):
    files = {"CARD.md": b"card", "model.json": b"{}"}
    version = await stored_version(folder, "tiny", files)
    for _ in range(2):
        folder.stage(version, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files
    (tmp_path / "blobs" / version.artifacts[0].sha256).unlink()
    with pytest.raises(NotFound):
        folder.stage(version, tmp_path / "other")

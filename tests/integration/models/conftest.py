"""A real Triton, and the catalogue's versions on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.triton.server import MODELS, RunningTriton, python_env, start_triton
from tests.support.model_files import ROOMY, stored_version, tiny_files

from raseed.adapters.models.artifacts import ArtifactFolder
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.node import TritonNode
from raseed.adapters.triton.prompt import EncodingPool
from raseed.adapters.triton.version_folder import VersionFolders
from raseed.core.models.model import ModelVersion, VersionFacts, VersionState

FACTS = VersionFacts(context_length=1024, vocab_size=880, dtype="float32", estimated_bytes=1)


@pytest.fixture(scope="session")
def catalogue_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningTriton, Path]]:
    """A server of these tests alone, and its repository: they unload what is loaded."""
    work = tmp_path_factory.mktemp("triton")
    running = start_triton(work)
    yield running, work / "repository"
    running.stop()


@dataclass
class Rig:
    triton: RunningTriton
    client: TritonClient
    folders: VersionFolders
    node: TritonNode
    pool: EncodingPool
    artifacts: ArtifactFolder

    async def version(self, model: str, version: str = "1", **fields: Any) -> ModelVersion:
        """As it is once its files were looked at."""
        stored = await stored_version(self.artifacts, model, tiny_files(model, **fields), version)
        return replace(stored, state=VersionState.CHECKED, facts=FACTS)


@pytest_asyncio.fixture
async def rig(catalogue_triton: tuple[RunningTriton, Path], tmp_path: Path) -> AsyncIterator[Rig]:
    running, repository = catalogue_triton
    artifacts = ArtifactFolder(tmp_path / "files", ROOMY)
    folders = VersionFolders(artifacts, repository, MODELS, python_env())
    client = TritonClient(TritonClientSettings(address=running.address))
    pool = EncodingPool()
    node = TritonNode(client, folders, pool)
    yield Rig(running, client, folders, node, pool, artifacts)
    async with asyncio.timeout(60):
        await node.clear()
    await client.close()
    pool.close()

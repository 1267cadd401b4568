"""Has the files of a version looked at, by a process that may take only so much and knows no secrets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from raseed.adapters.models.artifacts import ArtifactFolder
from raseed.core.errors import NotFound
from raseed.core.models.model import ModelVersion, VersionFacts
from raseed.core.models.ports import FilesRefused

CHECK_TIMEOUT_S = 120.0
"""Twice the processor time that the kernel allows it: the machine may be busy."""
CHECKS_MAX = 1
"""At a time. The others wait."""
ANSWER_BYTES_MAX = 64 * 1024


class ProcessChecker:
    """Implements `core.models.ports.VersionChecker`. Folders to look at are made in `work`."""

    def __init__(self, artifacts: ArtifactFolder, work: Path) -> None:
        self._artifacts = artifacts
        self._work = work
        self._turn = asyncio.Semaphore(CHECKS_MAX)

    async def check(self, version: ModelVersion) -> VersionFacts:
        async with self._turn:
            await asyncio.to_thread(self._work.mkdir, parents=True, exist_ok=True)
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._work))
            try:
                try:
                    await asyncio.to_thread(self._artifacts.stage, version, folder)
                except NotFound as error:
                    raise FilesRefused(error.message) from error
                answer = await _look_at(folder)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if problem := answer.get("problem"):
            raise FilesRefused(str(problem))
        if answer["name"] != version.name.model:
            raise FilesRefused(f"model.json is of {answer['name'][:64]!r}")
        return VersionFacts(
            context_length=answer["context_length"],
            vocab_size=answer["vocab_size"],
            dtype=answer["dtype"],
            estimated_bytes=answer["estimated_bytes"],
        )


async def _look_at(folder: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-m", "raseed.adapters.models.check", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # No setting and no secret; and one thread, because each takes addresses of the memory that it may have.
        env={
            "PATH": os.defpath,
            "TOKENIZERS_PARALLELISM": "false",
            "RAYON_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "1",
        },
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            text = await process.stdout.read(ANSWER_BYTES_MAX)
            code = await process.wait()
    except TimeoutError:
        raise FilesRefused("looking at the files took too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise FilesRefused("looking at the files took too much memory or time, or made a library crash")
    answer: dict[str, Any] = json.loads(text)
    return answer

"""Versions with files: our demo model under another name, whole or damaged, in a folder of artifacts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from raseed.adapters.models.artifacts import ArtifactFolder, ArtifactLimits
from raseed.core.clock import Microseconds
from raseed.core.models.model import Artifact, ModelVersion, VersionName, VersionState

TINY = Path(__file__).parents[2] / "triton_models" / "raseed-tiny"
ROOMY = ArtifactLimits(total_bytes_max=256 * 1024 * 1024)


def tiny_files(model: str, changed: Mapping[str, bytes] | None = None, **fields: Any) -> dict[str, bytes]:
    """The demo model's files as those of `model`; `changed` ones have their right digest, `fields` are of model.json."""
    files = {
        name: (TINY / name).read_bytes() for name in ("model.onnx", "tokenizer.json", "chat_template.jinja")
    } | dict(changed or {})
    manifest = json.loads((TINY / "model.json").read_text("utf-8"))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest |= {"name": model, "sha256": digests} | fields
    return {"model.json": json.dumps(manifest).encode()} | files


def artifacts_of(files: Mapping[str, bytes]) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(name, hashlib.sha256(content).hexdigest(), len(content))
        for name, content in sorted(files.items())
    )


async def chunks_of(content: bytes, size: int = 1 << 20) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def stored_version(
    folder: ArtifactFolder, model: str, files: Mapping[str, bytes], version: str = "1"
) -> ModelVersion:
    """A draft whose files lie in the folder."""
    artifacts = artifacts_of(files)
    for artifact in artifacts:
        await folder.append(artifact, await folder.stored_bytes(artifact), chunks_of(files[artifact.name]))
    return ModelVersion(
        name=VersionName(model, version),
        artifacts=artifacts,
        state=VersionState.DRAFT,
        problem="",
        facts=None,
        measured_bytes=None,
        is_pinned=False,
        keep_alive_s=None,
        created_by="local-socket",
        created_at=Microseconds(0),
    )

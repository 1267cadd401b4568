"""`raseed models push`: a version's files, each from where its last upload broke off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from raseed.adapters.cli.connection import AdminCalls
from raseed.adapters.cli.model_source import READ_BYTES, SourceFile, SourceRefused
from raseed.models.v1 import models_pb2 as pb

CALL_BYTES_MAX = 64 * 1024 * 1024
"""Of one call: a line of 5 Mbit/s brings them within the time that a call may take."""


def name_in(files: Sequence[SourceFile]) -> str:
    """The model that the files say they are. Raises SourceRefused."""
    manifest = next(file.path for file in files if file.name == "model.json")
    try:
        name = json.loads(manifest.read_bytes())["name"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceRefused("model.json does not say what the model's name is") from error
    return str(name)


async def push(admin: AdminCalls, model: str, version: str, files: Sequence[SourceFile]) -> pb.ModelVersion:
    """Raises AioRpcError, RaseedError, Unreachable."""
    declared = await admin.call(
        "DeclareVersion",
        pb.DeclareVersionRequest(
            model=model,
            version=version,
            artifacts=[
                pb.Artifact(name=file.name, sha256=file.sha256, size_bytes=file.size_bytes) for file in files
            ],
        ),
    )
    paths = {file.name: file.path for file in files}
    for part in declared.parts:
        stored = part.stored_bytes
        while stored < part.artifact.size_bytes:
            header = pb.UploadHeader(
                version=declared.version.name, artifact=part.artifact.name, offset=stored
            )
            answer = await admin.call("UploadArtifact", _messages(header, paths[part.artifact.name]))
            stored = answer.stored_bytes
    found: pb.ModelVersion = declared.version
    return found


async def _messages(header: pb.UploadHeader, path: Path) -> AsyncIterator[pb.UploadArtifactRequest]:
    yield pb.UploadArtifactRequest(header=header)
    with path.open("rb") as file:
        file.seek(header.offset)
        left = CALL_BYTES_MAX
        while left and (data := file.read(min(READ_BYTES, left))):
            left -= len(data)
            yield pb.UploadArtifactRequest(data=data)

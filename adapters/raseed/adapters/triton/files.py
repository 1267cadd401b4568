"""What lies in the folder of a model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


class ModelDamaged(Exception):
    """A model's files are not what its manifest says."""


def read_manifest(model_dir: Path) -> dict[str, Any]:
    """model.json, once the digests in it are those of the files. Raises ModelDamaged."""
    manifest: dict[str, Any] = json.loads((model_dir / "model.json").read_text("utf-8"))
    for name, digest in manifest["sha256"].items():
        if hashlib.sha256((model_dir / name).read_bytes()).hexdigest() != digest:
            raise ModelDamaged(f"{model_dir.name}: {name} does not have the digest of model.json")
    return manifest


def task_of(model_dir: Path) -> str:
    """What a model is for: "generation", or "embedding"."""
    manifest: dict[str, Any] = json.loads((model_dir / "model.json").read_text("utf-8"))
    return str(manifest.get("task", "generation"))

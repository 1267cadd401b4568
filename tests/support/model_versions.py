"""Versions of local models for tests that look at no file."""

from __future__ import annotations

import hashlib

from raseed.core.models.model import ARTIFACTS_NEEDED, Artifact, VersionFacts, VersionName

FACTS = VersionFacts(context_length=1024, vocab_size=880, dtype="float32", estimated_bytes=1_000)


def named(version: str = "1", model: str = "tiny") -> VersionName:
    return VersionName(model, version)


def artifacts(seed: str = "1") -> tuple[Artifact, ...]:
    """Sorted by name, each with a digest of its own."""
    return tuple(
        Artifact(name, hashlib.sha256(f"{seed}/{name}".encode()).hexdigest(), 100)
        for name in sorted(ARTIFACTS_NEEDED)
    )

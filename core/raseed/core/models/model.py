"""A version of a local model: its names, its files, and how far it has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid

NAME_CHARS_MAX = 64
VERSION_CHARS_MAX = 32
ALIAS_CHARS_MAX = 128
MIB = 1024 * 1024

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
"""Of models and versions: one folder's name, which no two hyphens are in, because those part the two."""
_ALIAS = re.compile(r"[A-Za-z0-9]+(?:[._:/-][A-Za-z0-9]+)*")
"""What customers write: the ids of the big platforms have capitals, slashes and colons."""
_DIGEST = re.compile(r"[0-9a-f]{64}")

ARTIFACT_BYTES_MAX: Mapping[str, int] = MappingProxyType(
    {
        "model.onnx": 2 * 1024 * MIB,  # what one protobuf message may have
        "tokenizer.json": 64 * MIB,  # vocabularies of 256 thousand entries take 35
        "chat_template.jinja": MIB,
        "model.json": MIB,
        "CARD.md": MIB,
    }
)
"""Every file that a version may have. The names are ours, so that none of them can be a path."""
ARTIFACTS_NEEDED = ("model.onnx", "tokenizer.json", "chat_template.jinja", "model.json")


class VersionState(StrEnum):
    """How far a version has come; each change has its row in the audit log."""

    DRAFT = "draft"
    """Declared; its files come, or wait to be looked at."""
    REFUSED = "refused"
    """Its files, or its trial, are not what they have to be; `problem` says why. They may be looked at again."""
    CHECKED = "checked"
    """Its files are what they have to be; it was never loaded."""
    APPROVED = "approved"
    """It was loaded, answered and stopped when it was told to: customers may have it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, order=True)
class VersionName:
    model: str
    version: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @property
    def triton_name(self) -> str:
        """
        >>> VersionName("tiny", "2").triton_name
        'tiny--2'
        """
        return f"{self.model}--{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """What looking at the files told."""

    context_length: int
    vocab_size: int
    dtype: str
    estimated_bytes: int
    """Memory that it will take on a node: weights, the cache of all its slots, and a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    name: VersionName
    artifacts: tuple[Artifact, ...]
    """Sorted by name; they never change."""
    state: VersionState
    problem: str
    """Why it is refused; empty otherwise."""
    facts: VersionFacts | None
    """None until it was checked."""
    measured_bytes: int | None
    """Most memory that it was seen to take; None if it was never loaded."""
    is_pinned: bool
    keep_alive_s: int | None
    """How long it stays in memory unused: 0 not at all, -1 until the room is needed, None as the node does."""
    created_by: str
    created_at: Microseconds

    @property
    def expected_bytes(self) -> int:
        """What it is taken to need. 0 before it was checked."""
        if self.measured_bytes is not None:
            return self.measured_bytes
        return self.facts.estimated_bytes if self.facts is not None else 0

    def digest_of(self, artifact: str) -> str:
        """Raises KeyError."""
        return next(each.sha256 for each in self.artifacts if each.name == artifact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name that customers use, and the version that answers to it."""

    name: str
    target: VersionName
    previous: VersionName | None
    """What it stood for before; a roll back goes there."""
    changed_by: str
    changed_at: Microseconds


def version_name(model: str, version: str) -> VersionName:
    """Raises RequestInvalid."""
    for text, most, param in ((model, NAME_CHARS_MAX, "model"), (version, VERSION_CHARS_MAX, "version")):
        if len(text) > most or _NAME.fullmatch(text) is None:
            raise RequestInvalid(
                f"Invalid {param}: lower-case letters and digits, with single `.`, `_` or `-` between them, "
                f"{most} characters at most.",
                param=param,
            )
    return VersionName(model, version)


def parse_version(text: str) -> VersionName:
    """`MODEL@VERSION`. Raises RequestInvalid.

    >>> parse_version("tiny@2")
    VersionName(model='tiny', version='2')
    """
    model, _, version = text.partition("@")
    return version_name(model, version)


def check_alias(text: str) -> str:
    """Raises RequestInvalid."""
    if len(text) > ALIAS_CHARS_MAX or _ALIAS.fullmatch(text) is None:
        raise RequestInvalid(
            f"Invalid alias: letters and digits, with single `.`, `_`, `-`, `:` or `/` between them, "
            f"{ALIAS_CHARS_MAX} characters at most.",
            param="alias",
        )
    return text


def check_artifacts(artifacts: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    """Sorted. Raises RequestInvalid for what no version may have, and for one that lacks what it needs."""
    names = [artifact.name for artifact in artifacts]
    if len(set(names)) < len(names):
        raise RequestInvalid("Every artifact has one file.", param="artifacts")
    for artifact in artifacts:
        most = ARTIFACT_BYTES_MAX.get(artifact.name)
        if most is None:
            raise RequestInvalid(
                f"Unknown artifact {artifact.name[:NAME_CHARS_MAX]!r}; known: {', '.join(ARTIFACT_BYTES_MAX)}.",
                param="artifacts",
            )
        if not 0 < artifact.size_bytes <= most:
            raise RequestInvalid(f"{artifact.name} has 1 to {most} bytes.", param="artifacts")
        if _DIGEST.fullmatch(artifact.sha256) is None:
            raise RequestInvalid(
                "A digest is SHA-256, in 64 lower-case hexadecimal digits.", param="artifacts"
            )
    if missing := [name for name in ARTIFACTS_NEEDED if name not in names]:
        raise RequestInvalid(f"A version needs {', '.join(missing)}.", param="artifacts")
    return tuple(sorted(artifacts, key=lambda artifact: artifact.name))

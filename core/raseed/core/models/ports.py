"""What the use cases of local models need from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.models.model import Alias, Artifact, ModelVersion, VersionFacts, VersionName


class ModelCatalogue(Protocol):
    """The versions and aliases. Every change has its row in the audit log, in the same transaction."""

    async def add(self, name: VersionName, artifacts: Sequence[Artifact], actor: str) -> ModelVersion:
        """A draft. Safe to repeat. Raises Conflict for a version that has other artifacts."""
        ...

    async def find(self, name: VersionName) -> ModelVersion | None: ...

    async def versions(self, after: VersionName | None, limit: int) -> Sequence[ModelVersion]:
        """By name."""
        ...

    async def checked(self, name: VersionName, facts: VersionFacts, actor: str) -> ModelVersion:
        """A draft or refused version becomes `checked`; an approved one stays what it is. Raises NotFound."""
        ...

    async def refused(self, name: VersionName, problem: str, actor: str) -> ModelVersion:
        """Raises NotFound, Conflict for one that an alias stands for."""
        ...

    async def approved(self, name: VersionName, measured_bytes: int, actor: str) -> ModelVersion:
        """Raises NotFound, Conflict for one that was not checked."""
        ...

    async def measured(self, name: VersionName, measured_bytes: int) -> None:
        """Raises what it is taken to need; never lowers it."""
        ...

    async def keep(
        self, name: VersionName, *, is_pinned: bool, keep_alive_s: int | None, actor: str
    ) -> ModelVersion:
        """Raises NotFound."""
        ...

    async def remove(self, name: VersionName, actor: str) -> None:
        """Raises NotFound, Conflict for one that an alias stands for. An alias can no longer be rolled back to it."""
        ...

    async def aliases(self) -> Sequence[Alias]:
        """By name. There are as many as models are sold: hundreds at most."""
        ...

    async def set_alias(self, alias: str, target: VersionName, actor: str) -> Alias:
        """Safe to repeat. Raises NotFound, Conflict for a version that is not approved."""
        ...

    async def roll_back(self, alias: str, actor: str) -> Alias:
        """Back to the version before; again, and forth. Raises NotFound, Conflict if there is none before."""
        ...

    async def remove_alias(self, alias: str, actor: str) -> None:
        """Raises NotFound."""
        ...

    async def digests(self) -> frozenset[str]:
        """Of all artifacts of all versions."""
        ...


class ArtifactStore(Protocol):
    """Files under their digests, each once."""

    async def stored_bytes(self, artifact: Artifact) -> int:
        """How much of it is here: its size when it is whole."""
        ...

    async def append(self, artifact: Artifact, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Continue a file behind `offset`; returns how much of it is here then.

        The last byte makes it whole: then its digest is compared. Raises Conflict for an offset that is not where the
        file ends, and while somebody else writes it, RequestInvalid for more bytes than it has or another digest (then it
        begins anew), StorageQuotaExceeded.
        """
        ...

    async def collect(self, kept: Collection[str]) -> tuple[int, int]:
        """Delete every other file that nobody has written to lately; (files, bytes) that went."""
        ...


class FilesRefused(Exception):
    """The files of a version are not what they have to be. The message is for operators: one line, of our own words."""


class VersionChecker(Protocol):
    async def check(self, version: ModelVersion) -> VersionFacts:
        """Look at its files without loading them. Bounded in time and memory. Raises FilesRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a version did on the real server."""

    problem: str
    """Empty: it answered, the same twice, and stopped when it was told to."""
    text: str
    """The beginning of what it said."""
    first_answer_ms: int


class ModelOwner(Protocol):
    """Who decides what is in memory: in this process, or in another one."""

    async def lease(self, name: str, wait_s: float | None = None) -> Callable[[], None]:
        """Keeps a version, by its Triton name, in memory until what is returned is called; loads it first if need be.

        Raises Overloaded: too many wait, or it took too long. BackendUnavailable: it cannot be loaded. Cancelling it leaves
        nothing held.
        """
        ...

    def suspect(self, name: str) -> None:
        """A request failed in a way that a dead process would explain: look now. Never waits, never raises."""
        ...


class ModelNode(Protocol):
    """One Triton server. Calls are bounded in time."""

    async def clear(self) -> None:
        """Unload every version of the catalogue: what an earlier owner left. Raises BackendUnavailable."""
        ...

    async def load(self, version: ModelVersion) -> int:
        """Render and load; the bytes of memory that it takes. Safe to repeat. Raises BackendUnavailable, FilesRefused."""
        ...

    async def unload(self, name: VersionName) -> None:
        """Returns when its memory is free. Safe to repeat. Raises BackendUnavailable."""
        ...

    async def loaded(self) -> frozenset[str]:
        """Triton names that the server takes for ready. Raises BackendUnavailable."""
        ...

    async def answers(self, name: VersionName) -> bool:
        """Whether it generates one token in time. Raises BackendUnavailable when the server itself is gone."""
        ...

    async def try_out(self, version: ModelVersion) -> Trial:
        """Of a version that is loaded. Raises BackendUnavailable."""
        ...

"""The use cases of operators about local models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from raseed.core.admin.audit import AuditStore
from raseed.core.errors import BackendUnavailable, Conflict, NotFound, RequestInvalid
from raseed.core.models.keeper import Keeper, LoadPlan, Resident
from raseed.core.models.model import (
    Alias,
    Artifact,
    ModelVersion,
    VersionName,
    VersionState,
    check_alias,
    check_artifacts,
    parse_version,
    version_name,
)
from raseed.core.models.ports import (
    ArtifactStore,
    FilesRefused,
    ModelCatalogue,
    ModelNode,
    Trial,
    VersionChecker,
)

LOAD_WAIT_S = 90.0
"""Longest wait of an operator for a load: less than the command line waits for an answer."""
KEEP_ALIVE_S_MAX = 30 * 24 * 3600
PROBLEM_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Part:
    """An artifact of a version, and how much of it is here."""

    artifact: Artifact
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNode:
    """The node whose owner this process is."""

    keeper: Keeper
    node: ModelNode
    refresh: Callable[[], Awaitable[None]] | None = None
    """Brings what is offered and what may be loaded in line with the catalogue."""


class ModelService:
    """Every change has its row in the audit log."""

    def __init__(
        self,
        catalogue: ModelCatalogue,
        artifacts: ArtifactStore,
        checker: VersionChecker,
        audit: AuditStore,
        budget_bytes: int,
    ) -> None:
        self._catalogue = catalogue
        self._artifacts = artifacts
        self._checker = checker
        self._audit = audit
        self._budget_bytes = budget_bytes
        self._owned: OwnedNode | None = None

    def attach(self, owned: OwnedNode) -> None:
        """From now on versions are loaded here. Without it everything else still works."""
        self._owned = owned

    # ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def declare(
        self, model: str, version: str, artifacts: Sequence[Artifact], actor: str
    ) -> tuple[ModelVersion, list[Part]]:
        """Begins a version, and says what of its files is missing. Safe to repeat: so an upload is resumed.

        Raises RequestInvalid, Conflict for a version that has other files.
        """
        name = version_name(model, version)
        added = await self._catalogue.add(name, check_artifacts(tuple(artifacts)), actor)
        return added, await self._parts(added)

    async def upload(self, reference: str, artifact: str, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Goes on with a file behind `offset`; how much of it is here then. Raises as `ArtifactStore.append`, NotFound."""
        version = await self.version(reference)
        found = [each for each in version.artifacts if each.name == artifact]
        if not found:
            raise NotFound(f"{version.name} has no such artifact.")
        return await self._artifacts.append(found[0], offset, chunks)

    async def validate(
        self, reference: str, actor: str, *, with_trial: bool
    ) -> tuple[ModelVersion, Trial | None]:
        """Looks at the files; then, unless told otherwise, loads the version and tries it out. What is wrong is the
        version's `problem`.

        Raises NotFound, Conflict if a file is missing, or it should be tried out where nothing can be loaded.
        """
        version = await self.version(reference)
        name = version.name
        missing = [
            part.artifact.name
            for part in await self._parts(version)
            if part.stored_bytes < part.artifact.size_bytes
        ]
        if missing:
            raise Conflict(f"{name} lacks {', '.join(missing)}: push it again.")
        owned = self._here() if with_trial else None
        try:
            facts = await self._checker.check(version)
            if facts.estimated_bytes > self._budget_bytes:
                raise FilesRefused(
                    f"it needs about {facts.estimated_bytes} bytes, and models have {self._budget_bytes}"
                )
        except FilesRefused as refused:
            return await self._refuse(name, str(refused), actor), None
        checked = await self._catalogue.checked(name, facts, actor)
        await self._refresh()
        if owned is None:
            return checked, None
        try:
            await owned.keeper.load(name, LOAD_WAIT_S)
        except BackendUnavailable:
            return await self._refuse(name, "the server could not load it", actor), None
        release = await owned.keeper.lease(name.triton_name)
        try:
            trial = await owned.node.try_out(checked)
        finally:
            release()
        if trial.problem:
            return await self._refuse(name, trial.problem, actor), trial
        resident = next(each for each in owned.keeper.residents() if each.name == name)
        approved = await self._catalogue.approved(name, resident.bytes, actor)
        await self._refresh()
        return approved, trial

    async def version(self, reference: str) -> ModelVersion:
        """Of `MODEL@VERSION`, or what an alias stands for. Raises NotFound, RequestInvalid."""
        if "@" in reference:
            name = parse_version(reference)
        else:
            aliases = {alias.name: alias.target for alias in await self._catalogue.aliases()}
            if check_alias(reference) not in aliases:
                raise NotFound(f"There is no alias {reference}; a version is MODEL@VERSION.")
            name = aliases[reference]
        found = await self._catalogue.find(name)
        if found is None:
            raise NotFound(f"There is no version {name}.")
        return found

    async def versions(self, after: str, limit: int) -> Sequence[ModelVersion]:
        """By name. Raises RequestInvalid."""
        return await self._catalogue.versions(parse_version(after) if after else None, limit)

    async def keep(
        self, reference: str, *, is_pinned: bool, keep_alive_s: int | None, actor: str
    ) -> ModelVersion:
        """Whether it stays in memory, or for how long unused: -1 until its room is needed, None as the node does.

        Raises NotFound, RequestInvalid, Conflict for one to pin that is not approved, or does not fit beside the others
        that are pinned.
        """
        version = await self.version(reference)
        if keep_alive_s is not None and not -1 <= keep_alive_s <= KEEP_ALIVE_S_MAX:
            raise RequestInvalid(f"A keep-alive is -1 to {KEEP_ALIVE_S_MAX} seconds.", param="keep_alive_s")
        if is_pinned:
            if version.state is not VersionState.APPROVED:
                raise Conflict(f"{version.name} is {version.state}: only an approved version is pinned.")
            beside = sum(
                each.expected_bytes
                for each in await self._all_versions()
                if each.is_pinned and each.name != version.name
            )
            if version.expected_bytes + beside > self._budget_bytes:
                raise Conflict(f"{version.name} does not fit beside the versions that are pinned.")
        kept = await self._catalogue.keep(
            version.name, is_pinned=is_pinned, keep_alive_s=keep_alive_s, actor=actor
        )
        await self._refresh()
        return kept

    async def remove(self, reference: str, actor: str) -> VersionName:
        """Its files go with the next collection. Raises NotFound, Conflict for one that an alias stands for."""
        version = await self.version(reference)
        await self._catalogue.remove(version.name, actor)
        await self._refresh()
        return version.name

    async def collect(self, actor: str) -> tuple[int, int]:
        """Deletes files that no version has; (files, bytes) that went."""
        count, freed = await self._artifacts.collect(await self._catalogue.digests())
        if count:
            await self._audit.record(actor, "model.collect", "models", f"files={count} bytes={freed}")
        return count, freed

    # ── aliases ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def aliases(self) -> Sequence[Alias]:
        return await self._catalogue.aliases()

    async def set_alias(self, alias: str, reference: str, actor: str) -> Alias:
        """From now on customers who name the alias get this version. Safe to repeat.

        Raises RequestInvalid, NotFound, Conflict for a version that is not approved.
        """
        changed = await self._catalogue.set_alias(check_alias(alias), parse_version(reference), actor)
        await self._refresh()
        return changed

    async def roll_back(self, alias: str, actor: str) -> Alias:
        """Raises NotFound, Conflict if it stood for nothing before."""
        changed = await self._catalogue.roll_back(check_alias(alias), actor)
        await self._refresh()
        return changed

    async def remove_alias(self, alias: str, actor: str) -> None:
        """Raises NotFound."""
        await self._catalogue.remove_alias(check_alias(alias), actor)
        await self._refresh()

    # ── the node ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, reference: str, actor: str) -> Resident:
        """Returns when it is in memory. Safe to repeat. Raises NotFound, Conflict, Overloaded, BackendUnavailable."""
        version = await self.version(reference)
        owned = self._here()
        await owned.keeper.load(version.name, LOAD_WAIT_S)
        await self._audit.record(actor, "model.load", str(version.name), "")
        return next(each for each in owned.keeper.residents() if each.name == version.name)

    async def unload(self, reference: str, actor: str) -> VersionName:
        """It goes when its answers have ended. Safe to repeat. Raises NotFound, Conflict for one that is pinned."""
        version = await self.version(reference)
        owned = self._here()
        owned.keeper.unload(version.name)
        await self._audit.record(actor, "model.unload", str(version.name), "")
        return version.name

    def residents(self) -> list[Resident]:
        """What is in memory, or wanted there. Nothing on a stopped system."""
        return self._owned.keeper.residents() if self._owned is not None else []

    async def plan(self, reference: str) -> LoadPlan:
        """Raises NotFound, Conflict."""
        version = await self.version(reference)
        return self._here().keeper.plan(version.name)

    def _here(self) -> OwnedNode:
        if self._owned is None:
            raise Conflict(
                "Nothing loads local models here: the stack is stopped, or its Triton runs elsewhere."
            )
        return self._owned

    async def _refuse(self, name: VersionName, problem: str, actor: str) -> ModelVersion:
        refused = await self._catalogue.refused(name, problem[:PROBLEM_CHARS_MAX], actor)
        await self._refresh()
        return refused

    async def _refresh(self) -> None:
        if self._owned is not None and self._owned.refresh is not None:
            await self._owned.refresh()

    async def _parts(self, version: ModelVersion) -> list[Part]:
        return [Part(each, await self._artifacts.stored_bytes(each)) for each in version.artifacts]

    async def _all_versions(self) -> list[ModelVersion]:
        return await all_versions(self._catalogue)


PAGE = 100


async def all_versions(catalogue: ModelCatalogue) -> list[ModelVersion]:
    """Every one, by name."""
    found: list[ModelVersion] = []
    after: VersionName | None = None
    while page := await catalogue.versions(after, PAGE):
        found += page
        after = page[-1].name
    return found

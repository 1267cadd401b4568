"""The versions of local models, and the aliases that stand for them, in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, or_, select, update

from raseed.adapters.sql.accounts.accounts import announce
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.models.tables import model_aliases, model_artifacts, model_versions
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.changes import ChangeKind
from raseed.core.errors import Conflict, NotFound
from raseed.core.models.model import Alias, Artifact, ModelVersion, VersionFacts, VersionName, VersionState

_versions = model_versions.c
_files = model_artifacts.c
_aliases = model_aliases.c


class SqlModelCatalogue:
    """Implements `core.models.ports.ModelCatalogue`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add(self, name: VersionName, artifacts: Sequence[Artifact], actor: str) -> ModelVersion:
        now = self._database.clock.now()

        def work(connection: Connection) -> ModelVersion:
            known = _find(connection, name)
            if known is not None:
                if known.artifacts != tuple(artifacts):
                    raise Conflict(f"{name} has other files already: a version never changes.")
                return known
            connection.execute(
                insert(model_versions).values(
                    model=name.model,
                    version=name.version,
                    state=VersionState.DRAFT.value,
                    problem="",
                    is_pinned=0,
                    created_by=actor,
                    created_at=now,
                )
            )
            connection.execute(
                insert(model_artifacts),
                [
                    {
                        "model": name.model,
                        "version": name.version,
                        "name": artifact.name,
                        "sha256": artifact.sha256,
                        "size_bytes": artifact.size_bytes,
                    }
                    for artifact in artifacts
                ],
            )
            files = " ".join(f"{artifact.name}={artifact.sha256}" for artifact in artifacts)
            self._audit(connection, actor, "model.add", str(name), files)
            return _known(connection, name)

        return await self._database.write(work)

    async def find(self, name: VersionName) -> ModelVersion | None:
        return await self._database.read(lambda connection: _find(connection, name))

    async def versions(self, after: VersionName | None, limit: int) -> Sequence[ModelVersion]:
        query = select(model_versions).order_by(_versions.model, _versions.version).limit(limit)
        if after is not None:
            query = query.where(
                or_(
                    _versions.model > after.model,
                    and_(_versions.model == after.model, _versions.version > after.version),
                )
            )
        return await self._database.read(lambda connection: _read(connection, query))

    async def checked(self, name: VersionName, facts: VersionFacts, actor: str) -> ModelVersion:
        def work(connection: Connection) -> ModelVersion:
            known = _known(connection, name)
            is_new = known.state is not VersionState.APPROVED
            state = VersionState.CHECKED if is_new else known.state
            self._change(
                connection,
                name,
                state=state.value,
                problem="",
                context_length=facts.context_length,
                vocab_size=facts.vocab_size,
                dtype=facts.dtype,
                estimated_bytes=facts.estimated_bytes,
            )
            if is_new:
                self._audit(
                    connection, actor, "model.check", str(name), f"estimated_bytes={facts.estimated_bytes}"
                )
            return _known(connection, name)

        return await self._database.write(work)

    async def refused(self, name: VersionName, problem: str, actor: str) -> ModelVersion:
        def work(connection: Connection) -> ModelVersion:
            _known(connection, name)
            self._refuse_if_named(connection, name)
            self._change(connection, name, state=VersionState.REFUSED.value, problem=problem)
            self._audit(connection, actor, "model.refuse", str(name), problem)
            return _known(connection, name)

        return await self._database.write(work)

    async def approved(self, name: VersionName, measured_bytes: int, actor: str) -> ModelVersion:
        def work(connection: Connection) -> ModelVersion:
            known = _known(connection, name)
            if known.state not in {VersionState.CHECKED, VersionState.APPROVED}:
                raise Conflict(f"{name} is {known.state}: its files come first.")
            most = max(measured_bytes, known.measured_bytes or 0)
            self._change(connection, name, state=VersionState.APPROVED.value, measured_bytes=most)
            if known.state is not VersionState.APPROVED:
                self._audit(connection, actor, "model.approve", str(name), f"measured_bytes={most}")
            return _known(connection, name)

        return await self._database.write(work)

    async def measured(self, name: VersionName, measured_bytes: int) -> None:
        is_more = or_(_versions.measured_bytes.is_(None), _versions.measured_bytes < measured_bytes)
        query = update(model_versions).where(_is(name), is_more).values(measured_bytes=measured_bytes)
        await self._database.write(lambda connection: connection.execute(query).rowcount)

    async def keep(
        self, name: VersionName, *, is_pinned: bool, keep_alive_s: int | None, actor: str
    ) -> ModelVersion:
        def work(connection: Connection) -> ModelVersion:
            _known(connection, name)
            self._change(connection, name, is_pinned=int(is_pinned), keep_alive_s=keep_alive_s)
            kept = "default" if keep_alive_s is None else keep_alive_s
            self._audit(connection, actor, "model.keep", str(name), f"pinned={is_pinned} keep_alive_s={kept}")
            return _known(connection, name)

        return await self._database.write(work)

    async def remove(self, name: VersionName, actor: str) -> None:
        def work(connection: Connection) -> None:
            _known(connection, name)
            self._refuse_if_named(connection, name)
            connection.execute(
                update(model_aliases)
                .where(_aliases.previous_model == name.model, _aliases.previous_version == name.version)
                .values(previous_model=None, previous_version=None)
            )
            connection.execute(
                delete(model_artifacts).where(_files.model == name.model, _files.version == name.version)
            )
            connection.execute(delete(model_versions).where(_is(name)))
            self._audit(connection, actor, "model.remove", str(name), "")

        await self._database.write(work)

    async def aliases(self) -> Sequence[Alias]:
        query = select(model_aliases).order_by(_aliases.name)
        return await self._database.read(
            lambda connection: [_alias(row) for row in connection.execute(query)]
        )

    async def set_alias(self, alias: str, target: VersionName, actor: str) -> Alias:
        now = self._database.clock.now()

        def work(connection: Connection) -> Alias:
            version = _known(connection, target)
            if version.state is not VersionState.APPROVED:
                raise Conflict(f"{target} is {version.state}: only an approved version answers customers.")
            known = _find_alias(connection, alias)
            if known is not None and known.target == target:
                return known
            values = {
                "model": target.model,
                "version": target.version,
                "changed_by": actor,
                "changed_at": now,
            }
            if known is None:
                connection.execute(insert(model_aliases).values(name=alias, **values))
            else:
                connection.execute(
                    update(model_aliases)
                    .where(_aliases.name == alias)
                    .values(
                        previous_model=known.target.model, previous_version=known.target.version, **values
                    )
                )
            before = "" if known is None else f" instead of {known.target}"
            return self._named(connection, actor, "alias.set", alias, f"{target}{before}")

        return await self._database.write(work)

    async def roll_back(self, alias: str, actor: str) -> Alias:
        now = self._database.clock.now()

        def work(connection: Connection) -> Alias:
            known = _known_alias(connection, alias)
            if known.previous is None:
                raise Conflict(f"The alias {alias} stood for nothing before.")
            connection.execute(
                update(model_aliases)
                .where(_aliases.name == alias)
                .values(
                    model=known.previous.model,
                    version=known.previous.version,
                    previous_model=known.target.model,
                    previous_version=known.target.version,
                    changed_by=actor,
                    changed_at=now,
                )
            )
            detail = f"{known.previous} instead of {known.target}"
            return self._named(connection, actor, "alias.roll_back", alias, detail)

        return await self._database.write(work)

    async def remove_alias(self, alias: str, actor: str) -> None:
        def work(connection: Connection) -> None:
            known = _known_alias(connection, alias)
            connection.execute(delete(model_aliases).where(_aliases.name == alias))
            self._audit(connection, actor, "alias.remove", alias, str(known.target))
            announce(connection, ChangeKind.MODEL, alias)

        await self._database.write(work)

    async def digests(self) -> frozenset[str]:
        query = select(_files.sha256).distinct()
        return await self._database.read(lambda connection: frozenset(connection.execute(query).scalars()))

    def _change(self, connection: Connection, name: VersionName, **values: Any) -> None:
        connection.execute(update(model_versions).where(_is(name)).values(**values))
        announce(connection, ChangeKind.MODEL, str(name))

    def _named(self, connection: Connection, actor: str, action: str, alias: str, detail: str) -> Alias:
        self._audit(connection, actor, action, alias, detail)
        announce(connection, ChangeKind.MODEL, alias)
        return _known_alias(connection, alias)

    def _refuse_if_named(self, connection: Connection, name: VersionName) -> None:
        query = select(_aliases.name).where(_aliases.model == name.model, _aliases.version == name.version)
        if (alias := connection.scalar(query.order_by(_aliases.name).limit(1))) is not None:
            raise Conflict(f"The alias {alias} stands for {name}.")

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _is(name: VersionName) -> Any:
    return and_(_versions.model == name.model, _versions.version == name.version)


def _find(connection: Connection, name: VersionName) -> ModelVersion | None:
    found = _read(connection, select(model_versions).where(_is(name)))
    return found[0] if found else None


def _known(connection: Connection, name: VersionName) -> ModelVersion:
    found = _find(connection, name)
    if found is None:
        raise NotFound(f"There is no version {name}.")
    return found


def _read(connection: Connection, query: Select[Any]) -> list[ModelVersion]:
    rows = connection.execute(query).all()
    files: defaultdict[tuple[str, str], list[Artifact]] = defaultdict(list)
    models = {row.model for row in rows}
    of_these = select(model_artifacts).where(_files.model.in_(models)).order_by(_files.name)
    for file in connection.execute(of_these) if models else ():
        files[file.model, file.version].append(Artifact(file.name, file.sha256, file.size_bytes))
    return [_version(row, files[row.model, row.version]) for row in rows]


def _version(row: Row[Any], artifacts: Sequence[Artifact]) -> ModelVersion:
    facts = None
    if row.context_length is not None:
        facts = VersionFacts(
            context_length=row.context_length,
            vocab_size=row.vocab_size,
            dtype=row.dtype,
            estimated_bytes=row.estimated_bytes,
        )
    return ModelVersion(
        name=VersionName(row.model, row.version),
        artifacts=tuple(artifacts),
        state=VersionState(row.state),
        problem=row.problem,
        facts=facts,
        measured_bytes=row.measured_bytes,
        is_pinned=bool(row.is_pinned),
        keep_alive_s=row.keep_alive_s,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _find_alias(connection: Connection, alias: str) -> Alias | None:
    row = connection.execute(select(model_aliases).where(_aliases.name == alias)).first()
    return None if row is None else _alias(row)


def _known_alias(connection: Connection, alias: str) -> Alias:
    found = _find_alias(connection, alias)
    if found is None:
        raise NotFound(f"There is no alias {alias}.")
    return found


def _alias(row: Row[Any]) -> Alias:
    return Alias(
        name=row.name,
        target=VersionName(row.model, row.version),
        previous=None
        if row.previous_model is None
        else VersionName(row.previous_model, row.previous_version),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )

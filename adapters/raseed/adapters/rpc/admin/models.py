"""ModelRepositoryService over gRPC, for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.core.errors import RequestInvalid
from raseed.core.models.keeper import Resident
from raseed.core.models.model import Alias, Artifact, ModelVersion, VersionState
from raseed.core.models.residency import Place
from raseed.core.models.service import ModelService
from raseed.models.v1 import models_pb2 as pb
from raseed.models.v1 import models_pb2_grpc

VERSIONS_PAGE_MAX = 100
DATA_BYTES_MAX = 1024 * 1024

Context = grpc.aio.ServicerContext[Any, Any]

_STATES = {
    VersionState.DRAFT: pb.VERSION_STATE_DRAFT,
    VersionState.REFUSED: pb.VERSION_STATE_REFUSED,
    VersionState.CHECKED: pb.VERSION_STATE_CHECKED,
    VersionState.APPROVED: pb.VERSION_STATE_APPROVED,
}
_PLACES = {
    Place.ABSENT: pb.PLACE_ABSENT,
    Place.LOADING: pb.PLACE_LOADING,
    Place.READY: pb.PLACE_READY,
    Place.DRAINING: pb.PLACE_DRAINING,
    Place.UNLOADING: pb.PLACE_UNLOADING,
}


class ModelRepositoryServicer(models_pb2_grpc.ModelRepositoryServiceServicer):
    def __init__(self, models: ModelService) -> None:
        self._models = models

    async def DeclareVersion(
        self, request: pb.DeclareVersionRequest, context: Context
    ) -> pb.DeclareVersionResponse:
        artifacts = [Artifact(each.name, each.sha256, each.size_bytes) for each in request.artifacts]
        version, parts = await self._models.declare(
            request.model, request.version, artifacts, acting(context).actor
        )
        return pb.DeclareVersionResponse(
            version=_version(version),
            parts=[
                pb.ArtifactPart(artifact=_artifact(part.artifact), stored_bytes=part.stored_bytes)
                for part in parts
            ],
        )

    async def UploadArtifact(
        self, request_iterator: AsyncIterator[pb.UploadArtifactRequest], context: Context
    ) -> pb.UploadArtifactResponse:
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("content") != "header":
            raise RequestInvalid("The first message of an upload says which file it is.", param="header")
        header = first.header
        stored = await self._models.upload(
            header.version, header.artifact, header.offset, _data(request_iterator)
        )
        return pb.UploadArtifactResponse(stored_bytes=stored)

    async def ValidateVersion(
        self, request: pb.ValidateVersionRequest, context: Context
    ) -> pb.ValidateVersionResponse:
        version, trial = await self._models.validate(
            request.version, acting(context).actor, with_trial=not request.files_only
        )
        tried = None
        if trial is not None:
            tried = pb.Trial(text=trial.text, first_answer_ms=trial.first_answer_ms)
        return pb.ValidateVersionResponse(version=_version(version), trial=tried)

    async def GetVersion(self, request: pb.GetVersionRequest, context: Context) -> pb.GetVersionResponse:
        return pb.GetVersionResponse(version=_version(await self._models.version(request.version)))

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: Context
    ) -> pb.ListVersionsResponse:
        size = page_size(request.page_size, VERSIONS_PAGE_MAX)
        found = await self._models.versions(decode_token(request.page_token), size + 1)
        return pb.ListVersionsResponse(
            versions=map(_version, found[:size]),
            next_page_token=encode_token(str(found[size - 1].name)) if len(found) > size else "",
        )

    async def KeepVersion(self, request: pb.KeepVersionRequest, context: Context) -> pb.KeepVersionResponse:
        kept = await self._models.keep(
            request.version,
            is_pinned=request.pinned,
            keep_alive_s=request.keep_alive_s if request.HasField("keep_alive_s") else None,
            actor=acting(context).actor,
        )
        return pb.KeepVersionResponse(version=_version(kept))

    async def RemoveVersion(
        self, request: pb.RemoveVersionRequest, context: Context
    ) -> pb.RemoveVersionResponse:
        await self._models.remove(request.version, acting(context).actor)
        return pb.RemoveVersionResponse()

    async def CollectArtifacts(
        self, request: pb.CollectArtifactsRequest, context: Context
    ) -> pb.CollectArtifactsResponse:
        count, freed = await self._models.collect(acting(context).actor)
        return pb.CollectArtifactsResponse(file_count=count, freed_bytes=freed)

    async def ListAliases(self, request: pb.ListAliasesRequest, context: Context) -> pb.ListAliasesResponse:
        return pb.ListAliasesResponse(aliases=map(_alias, await self._models.aliases()))

    async def SetAlias(self, request: pb.SetAliasRequest, context: Context) -> pb.SetAliasResponse:
        alias = await self._models.set_alias(request.alias, request.version, acting(context).actor)
        return pb.SetAliasResponse(alias=_alias(alias))

    async def RollBackAlias(
        self, request: pb.RollBackAliasRequest, context: Context
    ) -> pb.RollBackAliasResponse:
        return pb.RollBackAliasResponse(
            alias=_alias(await self._models.roll_back(request.alias, acting(context).actor))
        )

    async def RemoveAlias(self, request: pb.RemoveAliasRequest, context: Context) -> pb.RemoveAliasResponse:
        await self._models.remove_alias(request.alias, acting(context).actor)
        return pb.RemoveAliasResponse()

    async def LoadVersion(self, request: pb.LoadVersionRequest, context: Context) -> pb.LoadVersionResponse:
        return pb.LoadVersionResponse(
            resident=_resident(await self._models.load(request.version, acting(context).actor))
        )

    async def UnloadVersion(
        self, request: pb.UnloadVersionRequest, context: Context
    ) -> pb.UnloadVersionResponse:
        name = await self._models.unload(request.version, acting(context).actor)
        return pb.UnloadVersionResponse(version=str(name))

    async def PlanLoad(self, request: pb.PlanLoadRequest, context: Context) -> pb.PlanLoadResponse:
        plan = await self._models.plan(request.version)
        return pb.PlanLoadResponse(
            needed_bytes=plan.needed_bytes,
            free_bytes=plan.free_bytes,
            budget_bytes=plan.budget_bytes,
            evicted=map(str, plan.evicted),
            fits=plan.fits,
        )

    async def ListResidents(
        self, request: pb.ListResidentsRequest, context: Context
    ) -> pb.ListResidentsResponse:
        return pb.ListResidentsResponse(residents=map(_resident, self._models.residents()))


async def _data(messages: AsyncIterator[pb.UploadArtifactRequest]) -> AsyncIterator[bytes]:
    async for message in messages:
        if message.WhichOneof("content") != "data":
            raise RequestInvalid("Every message of an upload but the first has data.", param="data")
        if len(message.data) > DATA_BYTES_MAX:
            raise RequestInvalid(f"A message of an upload has at most {DATA_BYTES_MAX} bytes.", param="data")
        yield message.data


def _artifact(artifact: Artifact) -> pb.Artifact:
    return pb.Artifact(name=artifact.name, sha256=artifact.sha256, size_bytes=artifact.size_bytes)


def _version(version: ModelVersion) -> pb.ModelVersion:
    facts = version.facts
    return pb.ModelVersion(
        name=str(version.name),
        state=_STATES[version.state],
        problem=version.problem,
        artifacts=map(_artifact, version.artifacts),
        context_length=facts.context_length if facts else 0,
        vocab_size=facts.vocab_size if facts else 0,
        dtype=facts.dtype if facts else "",
        estimated_bytes=facts.estimated_bytes if facts else 0,
        measured_bytes=version.measured_bytes,
        pinned=version.is_pinned,
        keep_alive_s=version.keep_alive_s,
        created_by=version.created_by,
        created_at_us=version.created_at,
    )


def _alias(alias: Alias) -> pb.Alias:
    return pb.Alias(
        name=alias.name,
        version=str(alias.target),
        previous_version=str(alias.previous) if alias.previous else "",
        changed_by=alias.changed_by,
        changed_at_us=alias.changed_at,
    )


def _resident(resident: Resident) -> pb.Resident:
    return pb.Resident(
        version=str(resident.name),
        place=_PLACES[resident.place],
        memory_bytes=resident.bytes,
        pinned=resident.is_pinned,
        in_flight_count=resident.in_flight,
        waiting_count=resident.waiting,
        idle_ms=_ms(resident.idle_s),
        expires_in_ms=_ms(resident.expires_in_s),
        retry_in_ms=_ms(resident.retry_in_s),
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)

"""The versions of the catalogue as a `ModelBackend` of the core: aliases are its models, and a version is in memory when
somebody wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import grpc.aio

from raseed.adapters.triton.backend import READY_TIMEOUT_S, TritonModel, TritonModelBackend
from raseed.adapters.triton.client import TritonClient
from raseed.adapters.triton.generation import TritonGeneration
from raseed.core.errors import ModelUnknown
from raseed.core.inference.model import Capability, ChatRequest, ModelCard
from raseed.core.inference.ports import Prepared
from raseed.core.models.ports import ModelOwner


@dataclass(frozen=True, slots=True)
class OnDemandModel:
    """An alias with the version that it stands for now."""

    card: ModelCard
    """Under the alias."""
    triton_name: str
    backend: TritonModelBackend
    """Of this version alone, under its Triton name."""


class OnDemandBackend:
    """Implements the port `ModelBackend`, and `Leases` of its route."""

    name = "triton"

    def __init__(self, client: TritonClient, owner: ModelOwner) -> None:
        self._client = client
        self._owner = owner
        self._models: Mapping[str, OnDemandModel] = MappingProxyType({})

    def offer(self, versions: Mapping[str, TritonModel]) -> None:
        """From now on these are the models, by alias; their cards have the Triton names. What runs goes on as it began."""
        self._models = {
            alias: OnDemandModel(
                replace(model.card, id=alias),
                model.card.id,
                TritonModelBackend(self._client, [model], on_engine_failure=self._owner.suspect),
            )
            for alias, model in versions.items()
        }

    def models(self) -> Sequence[ModelCard]:
        return [model.card for model in self._models.values()]

    def serves(self, model: str) -> bool:
        return model in self._models

    def capabilities(self, model: str) -> frozenset[Capability]:
        return self._models[model].card.capabilities

    async def prepare(self, request: ChatRequest) -> Prepared:
        """The version is settled here: an alias that moves meanwhile does not move a request that was counted."""
        model = self._models.get(request.model)
        if model is None:
            raise ModelUnknown(f"The model {request.model!r} does not exist.", param="model")
        prepared = await model.backend.prepare(replace(request, model=model.triton_name))
        return replace(prepared, request=request, native=(model, prepared.native), needs=model.triton_name)

    async def lease(self, name: str) -> Callable[[], None]:
        return await self._owner.lease(name)

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> TritonGeneration:
        """Of a version that the caller has a lease of."""
        assert isinstance(prepared.native, tuple)
        model, native = prepared.native
        assert isinstance(model, OnDemandModel)
        request = replace(prepared.request, model=model.triton_name)
        return await model.backend.start(
            replace(prepared, request=request, native=native),
            run_id=run_id,
            max_tokens=max_tokens,
            timeout_s=timeout_s,
        )

    async def is_ready(self) -> bool:
        """While its server is: a version that is not in memory is loaded when it is asked for."""
        try:
            return await self._client.server_ready(timeout_s=READY_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False

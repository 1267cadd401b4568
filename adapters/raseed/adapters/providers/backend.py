"""One model at one provider, as a backend. It stands behind `core.inference.targeted`, which understands its refusals."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.adapters.providers.counting import prompt_tokens
from raseed.adapters.providers.generation import Drains, GenerationLimits, ProviderGeneration, Sending
from raseed.adapters.providers.http import ProviderHttp
from raseed.adapters.providers.wire import Upstream, Wire
from raseed.core.inference.model import Capability, ChatRequest, ModelCard
from raseed.core.inference.ports import Prepared


class ProviderBackend:
    """Implements the port `ModelBackend`; `start`, and `next` before its first event, also raise TargetRefused."""

    def __init__(
        self,
        name: str,
        http: ProviderHttp,
        wire: Wire,
        upstream: Upstream,
        limits: GenerationLimits,
        drains: Drains,
    ) -> None:
        self.name = name
        self._http = http
        self._wire = wire
        self._upstream = upstream
        self._limits = limits
        self._drains = drains

    def models(self) -> Sequence[ModelCard]:
        """None: its names are for those who sell them."""
        return ()

    def serves(self, model: str) -> bool:
        return model == self._upstream.model

    def capabilities(self, model: str) -> frozenset[Capability]:
        return self._upstream.capabilities

    async def prepare(self, request: ChatRequest) -> Prepared:
        """Raises RequestInvalid for what the provider's wire cannot say. An estimate never refuses a prompt: whether it
        fits is for the provider to say.
        """
        self._wire.check(request)
        upstream = self._upstream
        asked = request.sampling.max_tokens
        most = upstream.max_output_tokens
        return Prepared(
            request=request,
            prompt_tokens=min(prompt_tokens(request), upstream.context_length),
            max_tokens=most if asked is None else min(asked, most),
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> ProviderGeneration:
        request = prepared.request
        return ProviderGeneration(
            Sending(
                http=self._http,
                request=self._wire.encode(request, self._upstream, max_tokens),
                parser=self._wire.parser(),
                decoder=self._wire.decoder(request),
                content_type=self._wire.content_type,
                prompt_tokens=prepared.prompt_tokens,
                timeout_s=timeout_s,
                served_by=self.name,
                limits=self._limits,
                drains=self._drains,
            )
        )

    async def is_ready(self) -> bool:
        return True

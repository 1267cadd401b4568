"""Which backend answers for a model id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from raseed.core.errors import ModelUnknown
from raseed.core.inference.admission import NO_BREAKER, Breakers, Slots
from raseed.core.inference.model import Capability, ModelCard
from raseed.core.inference.ports import EmbeddingBackend, Leases, ModelBackend


@dataclass(frozen=True, slots=True)
class Route:
    backend: ModelBackend
    slots: Slots
    embedder: EmbeddingBackend | None = None
    """The same backend, if some of its models can EMBEDDINGS."""
    breakers: Breakers = field(default_factory=lambda: Breakers(NO_BREAKER))
    """None open by themselves in front of a backend that knows whom to leave alone."""

    def capabilities(self, model: str) -> frozenset[Capability]:
        """What a model can be asked for by this route."""
        can = self.backend.capabilities(model)
        return can if self.embedder is not None else can - {Capability.EMBEDDINGS}

    leases: Leases | None = None
    """For what its requests need; None where nothing is loaded on demand."""


class Router:
    """The backends in order of preference: the first that serves a model gets its requests."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def route(self, model: str) -> Route:
        """Raises ModelUnknown."""
        for route in self.routes:
            if route.backend.serves(model):
                return route
        raise unknown_model(model)

    def cards(self) -> Iterator[ModelCard]:
        """Every listed model once, in order."""
        seen: set[str] = set()
        for route in self.routes:
            for card in route.backend.models():
                if card.id not in seen:
                    seen.add(card.id)
                    yield card


def unknown_model(model: str) -> ModelUnknown:
    return ModelUnknown(
        f"The model `{model}` does not exist or you do not have access to it.", metadata={"model": model}
    )

"""What the core needs from a model engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    ChatRequest,
    EmbeddingRequest,
    ModelCard,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request made ready for its engine, for one answer whatever its `n` says and with one prompt at most: the prompt is counted, nothing has been generated or charged."""

    request: ChatRequest
    prompt_tokens: int
    max_tokens: int
    """The request's own limit clamped to what the model's context still holds; at least 1."""
    prompt_text: str = ""
    """The prompt that is continued, as text; only with `echo`."""
    native: object = None
    """The engine's own form of the prompt (token ids, an encoded body). Opaque to the core."""
    needs: str = ""
    """What has to be in memory before it can start, as its route's `Leases` know it; empty where everything always is."""


class Generation(Protocol):
    """One answer being generated. Used by one task; `cancel` may be called from another."""

    served_by: str
    """What generates it, as usage events say it: the backend's name, or which of its targets."""

    async def next(self) -> BackendEvent:
        """The next event; `Finish` is the last one and is never followed by a call.

        Raises BackendUnavailable (nothing was generated), BackendLost (something was), DeadlineExceeded.
        """
        ...

    async def cancel(self) -> None:
        """Stop generating. Idempotent, returns at once and never raises.

        A `next` that is waiting, or the one after, ends within 2 s with `Finish(finish_reason=None)` whose usage
        counts everything that was generated, also what was not delivered.
        """
        ...

    async def close(self) -> None:
        """Release everything. Idempotent, never raises; called once in every case, after `Finish` or instead of it."""
        ...


class Leases(Protocol):
    """Keeps in memory what is loaded when it is asked for."""

    async def lease(self, name: str) -> Callable[[], None]:
        """Returns when it is loaded; it stays until what is returned is called. Waits for a bounded time.

        Raises Overloaded, BackendUnavailable. Cancelling it leaves nothing held.
        """
        ...


class ModelBackend(Protocol):
    """An engine that serves one or more models."""

    name: str

    def models(self) -> Sequence[ModelCard]: ...

    def serves(self, model: str) -> bool:
        """Whether this backend answers for `model`, also one that `models` does not list."""
        ...

    def capabilities(self, model: str) -> frozenset[Capability]:
        """What a model that it serves can be asked for. The core refuses the rest before `prepare`."""
        ...

    async def prepare(self, request: ChatRequest) -> Prepared:
        """Render and count the prompt. No generation, no side effect; safe to repeat.

        Raises RequestInvalid, PromptTooLong.
        """
        ...

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> Generation:
        """Begin to generate at most `max_tokens` (≤ `prepared.max_tokens`) within `timeout_s` seconds.

        Not safe to retry once it returned. Raises BackendUnavailable, Overloaded.
        """
        ...

    async def is_ready(self) -> bool:
        """Whether a request sent now would be served. Bounded to 2 s; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEmbedding:
    """A request for vectors, its inputs counted; nothing has been computed or charged."""

    request: EmbeddingRequest
    prompt_tokens: int
    """Of all inputs."""
    native: object = None
    """The engine's own form of the inputs. Opaque to the core."""


class EmbeddingBackend(Protocol):
    """An engine that makes vectors of texts: the second face of a `ModelBackend`, for its models that can EMBEDDINGS."""

    async def prepare_embedding(self, request: EmbeddingRequest) -> PreparedEmbedding:
        """Count the inputs. No computation, no side effect; safe to repeat. Raises RequestInvalid, PromptTooLong."""
        ...

    async def embed(self, prepared: PreparedEmbedding, *, run_id: str, timeout_s: float) -> Generation:
        """Begin to embed within `timeout_s` seconds.

        Its pieces carry one `vector` for each input, as `choice`, and no tokens; its `Finish` counts the tokens of the
        inputs that were embedded. Raises BackendUnavailable, Overloaded.
        """
        ...

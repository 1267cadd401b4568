"""Our embedding models on a Triton server, as an `EmbeddingBackend` of the core."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import grpc
import grpc.aio
from tokenizers import Tokenizer

from raseed.adapters.triton.client import CALL_TIMEOUT_S, TritonClient
from raseed.adapters.triton.files import read_manifest
from raseed.adapters.triton.prompt import INLINE_BYTES_MAX, EncodingPool
from raseed.adapters.triton.revive import ModelReviver
from raseed.adapters.triton.translate import late, unavailable
from raseed.core.errors import PromptTooLong, RequestInvalid
from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    Delta,
    EmbeddingRequest,
    Finish,
    FinishReason,
    ModelCard,
    Prompt,
    Usage,
)
from raseed.core.inference.ports import PreparedEmbedding

TASK = "embedding"
BATCH_INPUTS_MAX = 64
BATCH_TOKENS_MAX = 16_384
"""Of one call, the filling of short inputs included: milliseconds of work, so that calls of others have their turn."""

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonEmbeddingModel:
    """One model that a Triton server has under its name."""

    card: ModelCard
    tokenizer: Tokenizer
    dimensions: int


def read_embedding_model(model_dir: Path) -> TritonEmbeddingModel:
    """Reads a model of triton_models/ and checks its digests. Raises ModelDamaged."""
    manifest = read_manifest(model_dir)
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # special tokens in text are text
    can = {Capability.EMBEDDINGS, *((Capability.DIMENSIONS,) if manifest["may_be_cut"] else ())}
    return TritonEmbeddingModel(
        card=ModelCard(
            id=manifest["name"],
            context_length=manifest["context_length"],
            max_output_tokens=0,
            capabilities=frozenset(can),
            created_at_s=manifest["created_at_s"],
        ),
        tokenizer=tokenizer,
        dimensions=manifest["dimensions"],
    )


class TritonEmbedder:
    """Use it from one event loop; `close` it at the end, before its client."""

    def __init__(
        self, client: TritonClient, models: Iterable[TritonEmbeddingModel], pool: EncodingPool
    ) -> None:
        self._client = client
        self._pool = pool
        self._models: Mapping[str, TritonEmbeddingModel] = {model.card.id: model for model in models}
        self._reviver = ModelReviver(client, self._answers)

    @property
    def cards(self) -> Sequence[ModelCard]:
        return [model.card for model in self._models.values()]

    @property
    def is_reviving(self) -> bool:
        return self._reviver.is_busy

    async def prepare_embedding(self, request: EmbeddingRequest) -> PreparedEmbedding:
        """Raises RequestInvalid, PromptTooLong, and Overloaded for long inputs in a crowd."""
        model = self._models[request.model]
        if request.dimensions is not None and request.dimensions > model.dimensions:
            raise RequestInvalid(
                f"Invalid 'dimensions': this model has {model.dimensions} at most.",
                param="dimensions",
                code="invalid_value",
            )
        rows = await self._ids(model.tokenizer, request.inputs)
        vocab_size = model.tokenizer.get_vocab_size()
        for index, ids in enumerate(rows):
            _check(f"input.[{index}]", ids, vocab_size, model.card.context_length)
        return PreparedEmbedding(request=request, prompt_tokens=sum(map(len, rows)), native=rows)

    async def embed(self, prepared: PreparedEmbedding, *, run_id: str, timeout_s: float) -> TritonEmbedding:
        rows = prepared.native
        assert isinstance(rows, tuple)
        return TritonEmbedding(self._client, prepared.request, rows, timeout_s, self._reviver)

    async def close(self) -> None:
        await self._reviver.close()

    async def _ids(self, tokenizer: Tokenizer, inputs: Sequence[Prompt]) -> tuple[Ids, ...]:
        texts = [given for given in inputs if isinstance(given, str)]

        def encode() -> list[Ids]:
            return [
                tuple(encoding.ids)
                for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            ]

        is_long = sum(len(text.encode()) for text in texts) > INLINE_BYTES_MAX
        encoded = iter(await self._pool.run(encode) if is_long else encode())
        return tuple(next(encoded) if isinstance(given, str) else given for given in inputs)

    async def _answers(self, model: str) -> bool:
        """Whether the model's process is alive. Raises AioRpcError when the server is not."""
        try:
            await self._client.embed(model, [(0,)], timeout_s=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True


class TritonEmbedding:
    """Implements the port `Generation`: batch after batch, a piece for each input."""

    served_by = "triton"

    def __init__(
        self,
        client: TritonClient,
        request: EmbeddingRequest,
        rows: Sequence[Ids],
        timeout_s: float,
        reviver: ModelReviver,
    ) -> None:
        self._client = client
        self._request = request
        self._reviver = reviver
        self._batches = _batches(rows)
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + timeout_s
        self._ready: deque[Delta] = deque()
        self._made = 0
        self._tokens = 0
        self._computing: asyncio.Task[list[bytes]] | None = None
        self._is_cancelled = False

    async def next(self) -> BackendEvent:
        """Raises BackendUnavailable, DeadlineExceeded."""
        if not self._ready and not self._is_cancelled:
            batch = next(self._batches, None)
            if batch is not None:
                await self._compute(batch)
        if self._is_cancelled:
            return self._finish(None)
        if not self._ready:
            return self._finish(FinishReason.STOP)
        return self._ready.popleft()

    async def cancel(self) -> None:
        self._is_cancelled = True
        if self._computing is not None:
            self._computing.cancel()

    async def close(self) -> None:
        await self.cancel()

    async def _compute(self, batch: Sequence[Ids]) -> None:
        left_s = self._deadline - self._loop.time()
        if left_s <= 0:
            raise late()
        self._computing = self._loop.create_task(
            self._client.embed(self._request.model, batch, timeout_s=left_s)
        )
        try:
            vectors = await self._computing
        except asyncio.CancelledError:
            if self._is_cancelled:
                return
            self._computing.cancel()
            raise
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise late() from error
            self._reviver.revive(self._request.model)
            raise unavailable() from error
        for ids, vector in zip(batch, vectors, strict=True):
            self._ready.append(
                Delta(
                    completion_tokens=0, choice=self._made, vector=shortened(vector, self._request.dimensions)
                )
            )
            self._made += 1
            self._tokens += len(ids)

    def _finish(self, reason: FinishReason | None) -> Finish:
        return Finish(finish_reason=reason, usage=Usage(prompt_tokens=self._tokens, completion_tokens=0))


def shortened(vector: bytes, dimensions: int | None) -> bytes:
    """Its first dimensions, at length 1 again.

    >>> shortened(array("f", [0.6, 0.0, 0.8]).tobytes(), 1) == array("f", [1.0]).tobytes()
    True
    """
    if dimensions is None or 4 * dimensions >= len(vector):
        return vector
    numbers = array("f", vector[: 4 * dimensions])
    length = sqrt(sum(number * number for number in numbers)) or 1.0
    return array("f", [number / length for number in numbers]).tobytes()


def _batches(rows: Sequence[Ids]) -> Iterator[Sequence[Ids]]:
    batch: list[Ids] = []
    longest = 0
    for ids in rows:
        longest = max(longest, len(ids))
        if batch and (len(batch) == BATCH_INPUTS_MAX or longest * (len(batch) + 1) > BATCH_TOKENS_MAX):
            yield batch
            batch, longest = [], len(ids)
        batch.append(ids)
    if batch:
        yield batch


def _check(param: str, ids: Ids, vocab_size: int, context_length: int) -> None:
    if not ids:
        raise RequestInvalid(f"Invalid '{param}': it has no tokens.", param="input", code="invalid_value")
    if len(ids) > context_length:
        raise PromptTooLong(
            f"This model's maximum context length is {context_length} tokens, however '{param}' has {len(ids)}.",
            param="input",
            metadata={"context_length": str(context_length), "prompt_tokens": str(len(ids))},
        )
    if not 0 <= min(ids) <= max(ids) < vocab_size:
        raise RequestInvalid(
            f"Invalid '{param}': it has tokens that the model does not.", param="input", code="invalid_value"
        )

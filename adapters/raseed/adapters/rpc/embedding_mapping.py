"""raseed.inference.v1 messages of embeddings ↔ core types."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.adapters.rpc.completion_mapping import to_core_prompt
from raseed.adapters.rpc.inference_mapping import from_core_usage
from raseed.adapters.wire.openai.embedding_response import numbers
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import whole_vectors
from raseed.core.inference.model import Delta, EmbeddingRequest, Prompt
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.work import INPUTS_MAX
from raseed.inference.v1 import inference_pb2 as pb


def to_core_embedding(request: pb.CreateEmbeddingsRequest) -> EmbeddingRequest:
    """Raises RequestInvalid with the field at fault."""
    if not request.model:
        raise RequestInvalid("model is required.", param="model")
    if not 1 <= len(request.inputs) <= INPUTS_MAX:
        raise RequestInvalid(f"inputs needs 1 to {INPUTS_MAX} inputs.", param="inputs")
    dimensions = request.dimensions if request.HasField("dimensions") else None
    if dimensions is not None and dimensions < 1:
        raise RequestInvalid("dimensions must be at least 1.", param="dimensions")
    return EmbeddingRequest(
        model=request.model,
        inputs=tuple(_to_core_input(f"inputs[{index}]", given) for index, given in enumerate(request.inputs)),
        dimensions=dimensions,
    )


def _to_core_input(param: str, given: pb.Prompt) -> Prompt:
    read = to_core_prompt(param, given)
    if not read:
        raise RequestInvalid(f"{param} needs a text, or at least one token.", param=param)
    return read


def from_core_embeddings(run: Run, pieces: Sequence[Delta], ended: Ended) -> pb.CreateEmbeddingsResponse:
    return pb.CreateEmbeddingsResponse(
        model=run.model,
        embeddings=[pb.Embedding(values=numbers(vector)) for vector in whole_vectors(pieces)],
        usage=from_core_usage(ended.usage, ended.cost_microcredits),
    )

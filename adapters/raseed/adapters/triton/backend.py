"""Our models on a Triton server as a `ModelBackend` of the core."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from raseed.adapters.triton.client import TritonClient
from raseed.adapters.triton.embedding import TritonEmbedder
from raseed.adapters.triton.files import read_manifest
from raseed.adapters.triton.generation import GenerationLimits, TritonGeneration
from raseed.adapters.triton.prompt import EncodingPool, PromptEncoder
from raseed.adapters.triton.revive import ModelReviver
from raseed.adapters.triton.schemas import unsupported_in
from raseed.adapters.triton.tool_calls import CLOSES, demanded_call
from raseed.adapters.triton.translate import unavailable
from raseed.core.errors import ModelUnknown, RequestInvalid
from raseed.core.inference.model import Capability, ChatRequest, JsonFormat, ModelCard, Sampling
from raseed.core.inference.ports import Prepared

READY_TIMEOUT_S = 2.0
"""The port's bound for `is_ready`."""
STOP_STRINGS_MAX = 16
STOP_STRING_CHARS_MAX = 256
TOP_K_MAX = 1024
"""All are the engine's limits; refused here so that the caller learns which field is wrong."""
ANY_OBJECT = '{"type":"object"}'
"""The schema of an answer that need only be a JSON object."""
ENGINE_CAN = frozenset(
    {
        Capability.CHAT,
        Capability.COMPLETIONS,
        Capability.JSON_OBJECT,
        Capability.JSON_SCHEMA,
        Capability.LOGPROBS,
        Capability.LOGIT_BIAS,
        Capability.PENALTIES,
    }
)
"""What our engine does for every model."""
TOOL_USE = frozenset({Capability.TOOLS, Capability.TOOL_CHOICE})
NOTHING: frozenset[Capability] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonModel:
    """One model that a Triton server has under its name."""

    card: ModelCard
    encoder: PromptEncoder
    vocab_size: int


def read_model(model_dir: Path, pool: EncodingPool) -> TritonModel:
    """Reads a model of triton_models/ and checks its digests. Raises ModelDamaged, TemplateUnusable."""
    manifest = read_manifest(model_dir)
    context_length: int = manifest["context_length"]
    return TritonModel(
        card=ModelCard(
            id=manifest["name"],
            context_length=context_length,
            max_output_tokens=context_length,
            capabilities=ENGINE_CAN | (TOOL_USE if manifest.get("tool_call_format") == "hermes" else NOTHING),
            created_at_s=manifest["created_at_s"],
        ),
        encoder=PromptEncoder(
            tokenizer_json=(model_dir / "tokenizer.json").read_text("utf-8"),
            template=(model_dir / "chat_template.jinja").read_text("utf-8"),
            context_length=context_length,
            pool=pool,
            begin_token=manifest["bos_token_id"],
        ),
        vocab_size=manifest["vocab_size"],
    )


class TritonModelBackend:
    """Serves `models` from the server behind `client`. Use it from one event loop; `close` it at the end."""

    name = "triton"

    def __init__(
        self,
        client: TritonClient,
        models: Iterable[TritonModel],
        limits: GenerationLimits | None = None,
        embedder: TritonEmbedder | None = None,
        on_engine_failure: Callable[[str], None] | None = None,
    ) -> None:
        """`embedder` makes vectors with other models of the same server; it is closed with this. `on_engine_failure` is
        told which model's engine failed; without, this looks after its models itself.
        """
        self._client = client
        self._embedder = embedder
        self._models: Mapping[str, TritonModel] = {model.card.id: model for model in models}
        cards = [model.card for model in self._models.values()]
        self._cards = {card.id: card for card in (*cards, *(embedder.cards if embedder else ()))}
        self._limits = limits or GenerationLimits()
        self._reviver = ModelReviver(client, client.engine_answers)
        self._on_engine_failure = on_engine_failure or self._reviver.revive
        self._finishing: set[asyncio.Task[None]] = set()
        """Streams being ended; each takes a round trip, at most seconds."""

    def models(self) -> Sequence[ModelCard]:
        return list(self._cards.values())

    def serves(self, model: str) -> bool:
        return model in self._cards

    def capabilities(self, model: str) -> frozenset[Capability]:
        return self._cards[model].capabilities

    async def prepare(self, request: ChatRequest) -> Prepared:
        """Raises ModelUnknown, RequestInvalid, PromptTooLong, and Overloaded for a long prompt in a crowd."""
        model = self._models.get(request.model)
        if model is None:
            raise ModelUnknown(f"The model {request.model!r} does not exist.", param="model")
        _check_sampling(request.sampling)
        _check_bias(request.sampling, model.vocab_size)
        _check_format(request.json_format)
        ids = await model.encoder.encode(request)
        room = model.card.context_length - len(ids)
        asked = request.sampling.max_tokens
        return Prepared(
            request=request,
            prompt_tokens=len(ids),
            max_tokens=room if asked is None else max(1, min(asked, room)),
            prompt_text="".join(map(model.encoder.text_of, request.prompts)) if request.echo else "",
            native=tuple(ids),
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> TritonGeneration:
        """Raises BackendUnavailable. A full engine says so in the first `next`, as Overloaded."""
        model = prepared.request.model
        ids = prepared.native
        assert isinstance(ids, tuple)
        # The engine knows requests of all streams by this name; the random part keeps a repeated run id apart.
        engine_id = f"{run_id}.{secrets.token_hex(4)}"
        parameters = _parameters(engine_id, prepared.request, max_tokens, timeout_s)
        stream = self._client.stream(timeout_s=timeout_s + self._limits.deadline_margin_s)
        generation = TritonGeneration(
            stream,
            model=model,
            engine_id=engine_id,
            prompt_tokens=prepared.prompt_tokens,
            timeout_s=timeout_s,
            has_tools=bool(prepared.request.tools),
            limits=self._limits,
            on_engine_failure=self._on_engine_failure,
            in_background=self._run_in_background,
        )
        try:
            async with asyncio.timeout(min(timeout_s, self._limits.start_timeout_s)):
                await stream.send(model, token_ids=ids, request_json=parameters)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as error:
            await generation.close()
            raise unavailable() from error
        except BaseException:
            await generation.close()
            raise
        return generation

    async def is_ready(self) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                states = await asyncio.gather(
                    *(self._client.model_ready(model, timeout_s=READY_TIMEOUT_S) for model in self._cards)
                )
        except (grpc.aio.AioRpcError, TimeoutError):
            return False
        is_reviving = self._reviver.is_busy or (self._embedder is not None and self._embedder.is_reviving)
        return all(states) and not is_reviving

    async def close(self) -> None:
        """Ends background work and the channel."""
        await self._reviver.close()
        if self._embedder is not None:
            await self._embedder.close()
        if self._finishing:
            await asyncio.wait(self._finishing)
        await self._client.close()

    def _run_in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)


def _check_sampling(sampling: Sampling) -> None:
    if len(sampling.stop) > STOP_STRINGS_MAX:
        raise RequestInvalid(f"At most {STOP_STRINGS_MAX} stop sequences are allowed.", param="stop")
    if any(not 0 < len(text) <= STOP_STRING_CHARS_MAX for text in sampling.stop):
        raise RequestInvalid(
            f"A stop sequence must have 1 to {STOP_STRING_CHARS_MAX} characters.", param="stop"
        )
    if sampling.top_k > TOP_K_MAX:
        raise RequestInvalid(f"top_k is at most {TOP_K_MAX} with this model.", param="top_k")


def _check_bias(sampling: Sampling, vocab_size: int) -> None:
    for token, _ in sampling.logit_bias:
        if not 0 <= token < vocab_size:
            raise RequestInvalid(
                f"Invalid 'logit_bias': the model has no token {token}.",
                param="logit_bias",
                code="invalid_value",
            )


def _check_format(json_format: JsonFormat | None) -> None:
    if json_format is not None and json_format.schema_json is not None:
        unsupported = unsupported_in(json_format.schema_json)
        if unsupported is not None:
            raise RequestInvalid(
                f"Invalid schema for 'response_format': this model does not support '{unsupported[:64]}' in it.",
                param="response_format",
                code="invalid_value",
            )


def _parameters(engine_id: str, request: ChatRequest, max_tokens: int, timeout_s: float) -> bytes:
    sampling = request.sampling
    fields: dict[str, Any] = {
        "id": engine_id,
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "stop": sampling.stop,
        "deadline_ms": max(1, int(timeout_s * 1000)),
    }
    if sampling.presence_penalty or sampling.frequency_penalty:
        fields["presence_penalty"] = sampling.presence_penalty
        fields["frequency_penalty"] = sampling.frequency_penalty
    if sampling.logit_bias:
        fields["logit_bias"] = dict(sampling.logit_bias)
    if sampling.top_logprobs is not None:
        fields["top_logprobs"] = sampling.top_logprobs
    if request.tools and not request.parallel_tool_calls:
        fields["stop"] = (*sampling.stop, CLOSES)  # the answer ends with its first call
    if (demanded := demanded_call(request)) is not None:
        fields["lark"] = demanded
    elif request.json_format is not None:
        fields["json_schema"] = request.json_format.schema_json or ANY_OBJECT
    return json.dumps(fields, ensure_ascii=False).encode()

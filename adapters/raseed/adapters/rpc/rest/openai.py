"""The OpenAI routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.answers import Answers, Context, Events, Form, charged_of, write_json
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.body import Decoded
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.chat_response import encode_completion
from raseed.adapters.wire.openai.chat_stream import DONE, KEEP_ALIVE, ChatStreamEncoder, StreamUsage
from raseed.adapters.wire.openai.completion_request import decode_completion_request
from raseed.adapters.wire.openai.completion_response import CompletionStreamEncoder, encode_text_completion
from raseed.adapters.wire.openai.embedding_request import decode_embedding_request
from raseed.adapters.wire.openai.embedding_response import encode_embeddings
from raseed.adapters.wire.openai.models import (
    NO_DETAILS,
    NOTHING_KNOWN,
    ModelDetails,
    encode_model,
    encode_model_list,
)
from raseed.core.inference.answer import CHAT_PREFIX, answer_id, whole_choices, whole_vectors
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc


@dataclass(frozen=True, slots=True)
class Surface:
    """What differs between the routes that generate text."""

    id_prefix: str
    encode: Callable[..., bytes]
    stream_encoder: type[ChatStreamEncoder | CompletionStreamEncoder]


CHAT = Surface(CHAT_PREFIX, encode_completion, ChatStreamEncoder)
COMPLETION = Surface("cmpl-", encode_text_completion, CompletionStreamEncoder)
EMBEDDING_PREFIX = "embd-"


class OpenAIServicer(rest_pb2_grpc.OpenAIServiceServicer):
    def __init__(
        self,
        inference: InferenceService,
        keyed: KeyedChat,
        stream_usage: StreamUsage,
        *,
        details: Mapping[str, ModelDetails] = NOTHING_KNOWN,
        usage_credits: bool = False,
    ) -> None:
        self._inference = inference
        self._answers = Answers(inference, keyed)
        self._stream_usage = stream_usage
        self._details = details
        """What is said of models beside what they cost, by id."""
        self._usage_credits = usage_credits

    async def CreateChatCompletion(
        self, request: rest_pb2.CreateChatCompletionRequest, context: Context
    ) -> None:
        body = request.body.data
        await self._generate(decode_chat_request(body), body, context, CHAT)

    async def CreateCompletion(self, request: rest_pb2.CreateCompletionRequest, context: Context) -> None:
        body = request.body.data
        await self._generate(decode_completion_request(body), body, context, COMPLETION)

    async def CreateEmbeddings(self, request: rest_pb2.CreateEmbeddingsRequest, context: Context) -> None:
        body = request.body.data
        decoded = decode_embedding_request(body)

        def whole(run: Run, pieces: list[Delta], ended: Ended) -> Iterator[bytes]:
            return encode_embeddings(
                model=run.model,
                vectors=whole_vectors(pieces),
                as_base64=decoded.as_base64,
                usage=ended.usage,
                charged=self._charged(ended),
            )

        form = Form(id_prefix=EMBEDDING_PREFIX, whole=whole)
        await self._answers.answer(decoded.request, body, context, form)

    async def ListModels(self, request: rest_pb2.ListModelsRequest, context: Context) -> None:
        call = current_call()
        await write_json(context, call, encode_model_list(self._inference.models(call.caller), self._details))

    async def GetModel(self, request: rest_pb2.GetModelRequest, context: Context) -> None:
        call = current_call()
        model = self._inference.model(call.caller, request.model)
        details = self._details.get(model.card.id, NO_DETAILS)
        await write_json(context, call, encode_model(model, details))

    async def _generate(self, decoded: Decoded, body: bytes, context: Context, surface: Surface) -> None:
        def whole(run: Run, pieces: list[Delta], ended: Ended) -> tuple[bytes]:
            encoded = surface.encode(
                completion_id=answer_id(run.id, surface.id_prefix),
                created_s=run.created_at_s,
                model=run.model,
                choices=whole_choices(pieces, run.choice_count, ended.finish_reason),
                usage=ended.usage,
                charged=self._charged(ended),
            )
            return (encoded,)

        def events(run: Run) -> Events:
            encoder = surface.stream_encoder(
                completion_id=answer_id(run.id, surface.id_prefix),
                created_s=run.created_at_s,
                model=run.model,
                include_usage=decoded.include_usage,
                stream_usage=self._stream_usage,
                n=run.choice_count,
            )

            def end(ended: Ended) -> bytes:
                last = encoder.finish(ended.finish_reason)
                return last + encoder.usage(ended.usage, self._charged(ended)) + DONE

            return Events(start=encoder.role, delta=encoder.delta, end=end, silence=KEEP_ALIVE)

        form = Form(id_prefix=surface.id_prefix, whole=whole, events=events)
        await self._answers.answer(decoded.request, body, context, form, stream=decoded.stream)

    def _charged(self, ended: Ended) -> Charged | None:
        return charged_of(ended, usage_credits=self._usage_credits)

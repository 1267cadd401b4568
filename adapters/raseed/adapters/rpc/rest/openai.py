"""The OpenAI routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import asked_of, body_of
from raseed.adapters.rpc.keep_alive import KeepAlive
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.body import Decoded
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.chat_response import encode_completion
from raseed.adapters.wire.openai.chat_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.adapters.wire.openai.chat_stream import DONE, KEEP_ALIVE, ChatStreamEncoder, StreamUsage
from raseed.adapters.wire.openai.completion_request import decode_completion_request
from raseed.adapters.wire.openai.completion_response import CompletionStreamEncoder, encode_text_completion
from raseed.adapters.wire.openai.embedding_request import decode_embedding_request
from raseed.adapters.wire.openai.embedding_response import encode_embeddings
from raseed.adapters.wire.openai.models import encode_model, encode_model_list
from raseed.core.inference.answer import CHAT_PREFIX, answer_id, whole_choices, whole_vectors
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc

JSON = "application/json"

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Surface:
    """What differs between the routes that generate text."""

    id_prefix: str
    encode: Callable[..., bytes]
    stream_encoder: type[ChatStreamEncoder | CompletionStreamEncoder]


CHAT = Surface(CHAT_PREFIX, encode_completion, ChatStreamEncoder)
COMPLETION = Surface("cmpl-", encode_text_completion, CompletionStreamEncoder)


class OpenAIServicer(rest_pb2_grpc.OpenAIServiceServicer):
    def __init__(
        self,
        inference: InferenceService,
        keyed: KeyedChat,
        stream_usage: StreamUsage,
        *,
        usage_credits: bool = False,
    ) -> None:
        self._inference = inference
        self._keyed = keyed
        self._stream_usage = stream_usage
        self._usage_credits = usage_credits

    async def CreateChatCompletion(
        self, request: rest_pb2.CreateChatCompletionRequest, context: Context
    ) -> None:
        body = request.body.data
        await self._answer(decode_chat_request(body), body, context, CHAT)

    async def CreateCompletion(self, request: rest_pb2.CreateCompletionRequest, context: Context) -> None:
        body = request.body.data
        await self._answer(decode_completion_request(body), body, context, COMPLETION)

    async def _answer(self, decoded: Decoded, body: bytes, context: Context, surface: Surface) -> None:
        call = current_call()
        asked = asked_of(call, body)
        if asked is None:
            run = self._inference.start_run(
                call.caller, decoded.request, stream=decoded.stream, timeout_s=context.time_remaining()
            )
        elif decoded.stream:
            run = await self._keyed.start_stream(
                call.caller, decoded.request, asked, context.time_remaining(), surface.id_prefix
            )
        else:

            async def encode(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return self._whole(surface, run, pieces, ended)

            answer = await self._keyed.answer(call.caller, decoded.request, asked, encode, surface.id_prefix)
            await write_json(context, call, body_of(answer, call))
            return
        try:
            if decoded.stream:
                encoder = surface.stream_encoder(
                    completion_id=answer_id(run.id, surface.id_prefix),
                    created_s=run.created_at_s,
                    model=run.model,
                    include_usage=decoded.include_usage,
                    stream_usage=self._stream_usage,
                    n=run.choice_count,
                )
                await _stream(run, call, context, encoder, self._charged)
            else:
                pieces, ended = await read_whole(run)
                await write_json(context, call, self._whole(surface, run, pieces, ended))
        finally:
            run.abandon()  # does nothing to a run that has ended

    def _whole(self, surface: Surface, run: Run, pieces: list[Delta], ended: Ended) -> bytes:
        return surface.encode(
            completion_id=answer_id(run.id, surface.id_prefix),
            created_s=run.created_at_s,
            model=run.model,
            choices=whole_choices(pieces, run.choice_count, ended.finish_reason),
            usage=ended.usage,
            charged=self._charged(ended),
        )

    def _charged(self, ended: Ended) -> Charged | None:
        """What a usage object says of the charge beside OpenAI's own keys."""
        if not self._usage_credits:
            return None
        return Charged(
            cost_microcredits=ended.cost_microcredits, remaining_microcredits=ended.spendable_microcredits
        )

    async def CreateEmbeddings(self, request: rest_pb2.CreateEmbeddingsRequest, context: Context) -> None:
        call = current_call()
        decoded = decode_embedding_request(request.body.data)

        def encode(run: Run, pieces: list[Delta], ended: Ended) -> Iterator[bytes]:
            return encode_embeddings(
                model=run.model,
                vectors=whole_vectors(pieces),
                as_base64=decoded.as_base64,
                usage=ended.usage,
                charged=self._charged(ended),
            )

        asked = asked_of(call, request.body.data)
        if asked is not None:

            async def joined(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return b"".join(encode(run, pieces, ended))

            answer = await self._keyed.answer(call.caller, decoded.request, asked, joined)
            await write_json(context, call, body_of(answer, call))
            return
        run = self._inference.start_run(
            call.caller, decoded.request, stream=False, timeout_s=context.time_remaining()
        )
        try:
            pieces, ended = await read_whole(run)
            await _begin(context, call)
            for piece in encode(run, pieces, ended):
                await context.write(HttpBody(content_type=JSON, data=piece))
        finally:
            run.abandon()  # does nothing to a run that has ended

    async def ListModels(self, request: rest_pb2.ListModelsRequest, context: Context) -> None:
        call = current_call()
        await write_json(context, call, encode_model_list(self._inference.models(call.caller)))

    async def GetModel(self, request: rest_pb2.GetModelRequest, context: Context) -> None:
        call = current_call()
        await write_json(context, call, encode_model(self._inference.model(call.caller, request.model)))


async def write_json(context: Context, call: Call, body: bytes) -> None:
    await _begin(context, call)
    await context.write(HttpBody(content_type=JSON, data=body))


async def _begin(context: Context, call: Call) -> None:
    if headers := response_headers(call):
        await context.send_initial_metadata(headers)


async def _stream(
    run: Run,
    call: Call,
    context: Context,
    encoder: ChatStreamEncoder | CompletionStreamEncoder,
    charged: Callable[[Ended], Charged | None],
) -> None:
    keep_alive = KeepAlive(run.nudge)
    try:
        # A failure before the first token still has a status of its own, unless the model is silent for too long.
        event = await run.next()
        await _begin(context, call)
        call.is_streaming = True
        chunks = encoder.role()
        while not isinstance(event, Ended):
            chunks += b"".join(map(encoder.delta, event)) if event else KEEP_ALIVE
            if chunks:
                await context.write(HttpBody(content_type=EVENT_STREAM, data=chunks))
                keep_alive.wrote()
            chunks = b""
            event = await run.next()
    finally:
        keep_alive.close()
    chunks += encoder.finish(event.finish_reason) + encoder.usage(event.usage, charged(event)) + DONE
    await context.write(HttpBody(content_type=EVENT_STREAM, data=chunks))

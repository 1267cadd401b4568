"""InferenceService over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import grpc

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.completion_mapping import (
    CompletionMessages,
    from_core_completion,
    to_core_completion,
)
from raseed.adapters.rpc.embedding_mapping import from_core_embeddings, to_core_embedding
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.idempotency import ONE_ID, announce_replay, asked_of, body_of
from raseed.adapters.rpc.inference_mapping import (
    Asking,
    ChatMessages,
    from_core_answer,
    from_core_model,
    to_core_chat,
)
from raseed.adapters.rpc.json_mapping import JsonMessages, from_core_json, read_json
from raseed.adapters.rpc.paging import page_of
from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import Asked
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta, ModelRequest
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService
from raseed.inference.v1 import inference_pb2 as pb
from raseed.inference.v1 import inference_pb2_grpc

MODELS_PAGE_MAX = 200
REQUEST_ID_CHARS_MAX = 64

Context = grpc.aio.ServicerContext[Any, Any]
Answered = TypeVar(
    "Answered",
    pb.CreateChatCompletionResponse,
    pb.CreateCompletionResponse,
    pb.CreateEmbeddingsResponse,
    pb.AnswerJsonResponse,
)
Named = Asking | pb.CreateEmbeddingsRequest | pb.AnswerJsonRequest | pb.StreamJsonRequest
"""Requests that may have a `request_id`."""


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, inference: InferenceService, keyed: KeyedChat, forms: Forms) -> None:
        self._inference = inference
        self._keyed = keyed
        self._forms = forms

    async def CreateChatCompletion(
        self, request: pb.CreateChatCompletionRequest, context: Context
    ) -> pb.CreateChatCompletionResponse:
        whole = await self._whole(request, to_core_chat(request), context, from_core_answer)
        return pb.CreateChatCompletionResponse.FromString(whole) if isinstance(whole, bytes) else whole

    async def StreamChatCompletion(self, request: pb.StreamChatCompletionRequest, context: Context) -> None:
        await self._stream(request, to_core_chat(request), context, ChatMessages)

    async def CreateCompletion(
        self, request: pb.CreateCompletionRequest, context: Context
    ) -> pb.CreateCompletionResponse:
        core = to_core_completion(request)
        encode = partial(from_core_completion, core, shows_logprobs=request.HasField("top_logprobs"))
        whole = await self._whole(request, core, context, encode)
        return pb.CreateCompletionResponse.FromString(whole) if isinstance(whole, bytes) else whole

    async def StreamCompletion(self, request: pb.StreamCompletionRequest, context: Context) -> None:
        await self._stream(request, to_core_completion(request), context, CompletionMessages)

    async def CreateEmbeddings(
        self, request: pb.CreateEmbeddingsRequest, context: Context
    ) -> pb.CreateEmbeddingsResponse:
        whole = await self._whole(request, to_core_embedding(request), context, from_core_embeddings)
        return pb.CreateEmbeddingsResponse.FromString(whole) if isinstance(whole, bytes) else whole

    async def AnswerJson(self, request: pb.AnswerJsonRequest, context: Context) -> pb.AnswerJsonResponse:
        form = await read_json(request, self._forms)
        whole = await self._whole(request, form.request, context, from_core_json(form))
        return pb.AnswerJsonResponse.FromString(whole) if isinstance(whole, bytes) else whole

    async def StreamJson(self, request: pb.StreamJsonRequest, context: Context) -> None:
        form = await read_json(request, self._forms)
        await self._stream(request, form.request, context, partial(JsonMessages, form))

    async def _whole(
        self,
        request: Named,
        core: ModelRequest,
        context: Context,
        encode: Callable[[Run, Sequence[Delta], Ended], Answered],
    ) -> Answered | bytes:
        """The answer, as bytes if it was asked for under a key."""
        call = current_call()
        asked = _asked(call, request)
        if asked is not None:

            async def encoded(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return encode(run, pieces, ended).SerializeToString()

            answer = await self._keyed.answer(call.caller, core, asked, encoded)
            await announce_replay(context, answer)
            return body_of(answer, call)
        run = self._inference.start_run(
            call.caller,
            core,
            stream=False,
            request_id=checked_request_id(request.request_id),
            timeout_s=context.time_remaining(),
        )
        try:
            pieces, ended = await read_whole(run)
        finally:
            run.abandon()  # does nothing to a run that has ended
        return encode(run, pieces, ended)

    async def _stream(
        self,
        request: Named,
        core: ModelRequest,
        context: Context,
        messages_of: Callable[[Run], ChatMessages | CompletionMessages | JsonMessages],
    ) -> None:
        call = current_call()
        asked = _asked(call, request)
        if asked is not None:
            run = await self._keyed.start_stream(call.caller, core, asked, context.time_remaining())
        else:
            run = self._inference.start_run(
                call.caller,
                core,
                stream=True,
                request_id=checked_request_id(request.request_id),
                timeout_s=context.time_remaining(),
            )
        messages = messages_of(run)
        try:
            while not isinstance(event := await run.next(), Ended):
                for message in messages.pieces(event):
                    await context.write(message)
            for message in messages.end(event):
                await context.write(message)
        finally:
            run.abandon()

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        models, token = page_of(
            self._inference.models(current_call().caller),
            request.page_size,
            MODELS_PAGE_MAX,
            request.page_token,
            lambda offered: offered.card.id,
        )
        return pb.ListModelsResponse(models=map(from_core_model, models), next_page_token=token)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        model = self._inference.model(current_call().caller, request.model)
        return pb.GetModelResponse(model=from_core_model(model))


def _asked(call: Call, request: Named) -> Asked | None:
    asked = asked_of(call, request)
    if asked is not None and request.request_id:
        raise RequestInvalid(ONE_ID, param="request_id")
    return asked


def checked_request_id(request_id: str) -> str:
    if len(request_id) > REQUEST_ID_CHARS_MAX or not request_id.isprintable():
        raise RequestInvalid(
            f"request_id has at most {REQUEST_ID_CHARS_MAX} printable characters.", param="request_id"
        )
    return request_id

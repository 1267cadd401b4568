"""InferenceService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import ONE_ID, announce_replay, asked_of, body_of
from raseed.adapters.rpc.inference_mapping import (
    ChatMessages,
    from_core_answer,
    from_core_model,
    to_core_chat,
)
from raseed.adapters.rpc.paging import page_of
from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import Asked
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import InferenceService
from raseed.inference.v1 import inference_pb2 as pb
from raseed.inference.v1 import inference_pb2_grpc

MODELS_PAGE_MAX = 200
REQUEST_ID_CHARS_MAX = 64

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, inference: InferenceService, keyed: KeyedChat) -> None:
        self._inference = inference
        self._keyed = keyed

    async def CreateChatCompletion(
        self, request: pb.CreateChatCompletionRequest, context: Context
    ) -> pb.CreateChatCompletionResponse:
        call = current_call()
        chat = to_core_chat(request)
        asked = _asked(call, request)
        if asked is not None:
            answer = await self._keyed.answer(call.caller, chat, asked, _encoded)
            await announce_replay(context, answer)
            return pb.CreateChatCompletionResponse.FromString(body_of(answer, call))
        run = self._inference.start_chat(
            call.caller,
            chat,
            stream=False,
            request_id=checked_request_id(request.request_id),
            timeout_s=context.time_remaining(),
        )
        pieces: list[Delta] = []
        try:
            while not isinstance(event := await run.next(), Ended):
                pieces += event
        finally:
            run.abandon()  # does nothing to a run that has ended
        return from_core_answer(run, pieces, event)

    async def StreamChatCompletion(self, request: pb.StreamChatCompletionRequest, context: Context) -> None:
        call = current_call()
        chat = to_core_chat(request)
        asked = _asked(call, request)
        if asked is not None:
            run = await self._keyed.start_stream(call.caller, chat, asked, context.time_remaining())
        else:
            run = self._inference.start_chat(
                call.caller,
                chat,
                stream=True,
                request_id=checked_request_id(request.request_id),
                timeout_s=context.time_remaining(),
            )
        messages = ChatMessages(run)
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
            self._inference.models(),
            request.page_size,
            MODELS_PAGE_MAX,
            request.page_token,
            lambda offered: offered.card.id,
        )
        return pb.ListModelsResponse(models=map(from_core_model, models), next_page_token=token)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        return pb.GetModelResponse(model=from_core_model(self._inference.model(request.model)))


def _asked(
    call: Call, request: pb.CreateChatCompletionRequest | pb.StreamChatCompletionRequest
) -> Asked | None:
    asked = asked_of(call, request)
    if asked is not None and request.request_id:
        raise RequestInvalid(ONE_ID, param="request_id")
    return asked


def _encoded(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
    return from_core_answer(run, pieces, ended).SerializeToString()


def checked_request_id(request_id: str) -> str:
    if len(request_id) > REQUEST_ID_CHARS_MAX or not request_id.isprintable():
        raise RequestInvalid(
            f"request_id has at most {REQUEST_ID_CHARS_MAX} printable characters.", param="request_id"
        )
    return request_id

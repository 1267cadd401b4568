"""InferenceService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.inference_mapping import (
    from_core_answer,
    from_core_end,
    from_core_model,
    from_core_pieces,
    to_core_chat,
)
from raseed.adapters.rpc.paging import page_of
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended
from raseed.core.inference.service import InferenceService
from raseed.inference.v1 import inference_pb2 as pb
from raseed.inference.v1 import inference_pb2_grpc

MODELS_PAGE_MAX = 200
REQUEST_ID_CHARS_MAX = 64

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, inference: InferenceService) -> None:
        self._inference = inference

    async def CreateChatCompletion(
        self, request: pb.CreateChatCompletionRequest, context: Context
    ) -> pb.CreateChatCompletionResponse:
        run = self._inference.start_chat(
            current_call().caller,
            to_core_chat(request),
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
        run = self._inference.start_chat(
            current_call().caller,
            to_core_chat(request),
            stream=True,
            request_id=checked_request_id(request.request_id),
            timeout_s=context.time_remaining(),
        )
        try:
            while not isinstance(event := await run.next(), Ended):
                await context.write(from_core_pieces(run, event))
            await context.write(from_core_end(run, event))
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


def checked_request_id(request_id: str) -> str:
    if len(request_id) > REQUEST_ID_CHARS_MAX or not request_id.isprintable():
        raise RequestInvalid(
            f"request_id has at most {REQUEST_ID_CHARS_MAX} printable characters.", param="request_id"
        )
    return request_id

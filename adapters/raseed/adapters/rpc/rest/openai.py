"""The OpenAI routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.rest.answers import Answers, Context, write_json
from raseed.adapters.wire.openai.models import (
    NO_DETAILS,
    NOTHING_KNOWN,
    ModelDetails,
    encode_model,
    encode_model_list,
    of_category,
)
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc


class OpenAIServicer(rest_pb2_grpc.OpenAIServiceServicer):
    def __init__(
        self,
        inference: InferenceService,
        keyed: KeyedChat,
        forms: Forms,
        *,
        details: Mapping[str, ModelDetails] = NOTHING_KNOWN,
    ) -> None:
        self._inference = inference
        self._answers = Answers(inference, keyed)
        self._forms = forms
        self._details = details
        """What is said of models beside what they cost, by id."""

    async def CreateChatCompletion(
        self, request: rest_pb2.CreateChatCompletionRequest, context: Context
    ) -> None:
        body = request.body.data
        await self._answers.answer(await self._forms.chat(body), body, context)

    async def CreateCompletion(self, request: rest_pb2.CreateCompletionRequest, context: Context) -> None:
        body = request.body.data
        await self._answers.answer(await self._forms.completion(body), body, context)

    async def CreateEmbeddings(self, request: rest_pb2.CreateEmbeddingsRequest, context: Context) -> None:
        body = request.body.data
        await self._answers.answer(await self._forms.embeddings(body), body, context)

    async def ListModels(self, request: rest_pb2.ListModelsRequest, context: Context) -> None:
        call = current_call()
        models = of_category(self._inference.models(call.caller), self._details, request.category)
        await write_json(context, call, encode_model_list(models, self._details))

    async def GetModel(self, request: rest_pb2.GetModelRequest, context: Context) -> None:
        call = current_call()
        model = self._inference.model(call.caller, request.model)
        details = self._details.get(model.card.id, NO_DETAILS)
        await write_json(context, call, encode_model(model, details))

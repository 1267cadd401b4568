"""The Anthropic routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.rest.answers import Answers, Context, write_json
from raseed.adapters.wire.anthropic.message_request import decode_count_request
from raseed.adapters.wire.anthropic.message_response import encode_count
from raseed.core.errors import PromptTooLong
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc


class AnthropicServicer(rest_pb2_grpc.AnthropicServiceServicer):
    def __init__(
        self, inference: InferenceService, keyed: KeyedChat, estimator: Estimator, forms: Forms
    ) -> None:
        self._answers = Answers(inference, keyed)
        self._estimator = estimator
        self._forms = forms

    async def CreateMessage(self, request: rest_pb2.CreateMessageRequest, context: Context) -> None:
        body = request.body.data
        await self._answers.answer(await self._forms.message(body), body, context)

    async def CountMessageTokens(self, request: rest_pb2.CountMessageTokensRequest, context: Context) -> None:
        call = current_call()
        chat = decode_count_request(request.body.data)
        try:
            tokens = (await self._estimator.estimate(call.caller, chat)).prompt_tokens
        except PromptTooLong as error:
            # Who counts wants to know by how much; only where that was not counted is it an error.
            if "prompt_tokens" not in error.metadata:
                raise
            tokens = int(error.metadata["prompt_tokens"])
        await write_json(context, call, encode_count(tokens))

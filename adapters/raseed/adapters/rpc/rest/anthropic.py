"""The Anthropic routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.answers import Answers, Context, Events, Form, charged_of, write_json
from raseed.adapters.wire.anthropic.message_request import decode_count_request, decode_message_request
from raseed.adapters.wire.anthropic.message_response import ID_PREFIX, encode_count, encode_message
from raseed.adapters.wire.anthropic.message_stream import PING, MessageStreamEncoder
from raseed.core.errors import PromptTooLong
from raseed.core.inference.answer import whole_choices
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc


class AnthropicServicer(rest_pb2_grpc.AnthropicServiceServicer):
    def __init__(
        self,
        inference: InferenceService,
        keyed: KeyedChat,
        estimator: Estimator,
        *,
        usage_credits: bool = False,
    ) -> None:
        self._answers = Answers(inference, keyed)
        self._estimator = estimator
        self._usage_credits = usage_credits
        self._form = Form(id_prefix=ID_PREFIX, whole=self._whole, events=self._events)

    async def CreateMessage(self, request: rest_pb2.CreateMessageRequest, context: Context) -> None:
        body = request.body.data
        decoded = decode_message_request(body)
        await self._answers.answer(decoded.request, body, context, self._form, stream=decoded.stream)

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

    def _whole(self, run: Run, pieces: list[Delta], ended: Ended) -> tuple[bytes]:
        [whole] = whole_choices(pieces, 1, ended.finish_reason)
        encoded = encode_message(
            run_id=run.id,
            model=run.model,
            text=whole.text,
            tool_calls=whole.tool_calls,
            finish_reason=ended.finish_reason,
            stop_sequence=ended.stop_sequence,
            usage=ended.usage,
            charged=charged_of(ended, usage_credits=self._usage_credits),
        )
        return (encoded,)

    def _events(self, run: Run) -> Events:
        encoder = MessageStreamEncoder()

        def start() -> bytes:
            return encoder.start(run_id=run.id, model=run.model, prompt_tokens=run.prompt_tokens)

        def end(ended: Ended) -> bytes:
            charged = charged_of(ended, usage_credits=self._usage_credits)
            return encoder.finish(ended.finish_reason, ended.stop_sequence, ended.usage, charged)

        return Events(start=start, delta=encoder.delta, end=end, silence=PING)

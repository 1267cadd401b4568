"""The Anthropic routes: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import asked_of, body_of
from raseed.adapters.rpc.keep_alive import KeepAlive
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire.anthropic.message_request import decode_count_request, decode_message_request
from raseed.adapters.wire.anthropic.message_response import ID_PREFIX, encode_count, encode_message
from raseed.adapters.wire.anthropic.message_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.adapters.wire.anthropic.message_stream import PING, MessageStreamEncoder
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.http_error import CONTENT_TYPE as JSON
from raseed.core.errors import PromptTooLong
from raseed.core.inference.answer import whole_choices
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class AnthropicServicer(rest_pb2_grpc.AnthropicServiceServicer):
    def __init__(
        self,
        inference: InferenceService,
        keyed: KeyedChat,
        estimator: Estimator,
        *,
        usage_credits: bool = False,
    ) -> None:
        self._inference = inference
        self._keyed = keyed
        self._estimator = estimator
        self._usage_credits = usage_credits

    async def CreateMessage(self, request: rest_pb2.CreateMessageRequest, context: Context) -> None:
        call = current_call()
        decoded = decode_message_request(request.body.data)
        asked = asked_of(call, request.body.data)
        if asked is None:
            run = self._inference.start_run(
                call.caller, decoded.request, stream=decoded.stream, timeout_s=context.time_remaining()
            )
        elif decoded.stream:
            run = await self._keyed.start_stream(
                call.caller, decoded.request, asked, context.time_remaining(), ID_PREFIX
            )
        else:

            async def encode(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return self._message(run, pieces, ended)

            answer = await self._keyed.answer(call.caller, decoded.request, asked, encode, ID_PREFIX)
            await _write_json(context, call, body_of(answer, call))
            return
        try:
            if decoded.stream:
                await _stream(run, call, context, self._charged)
            else:
                pieces, ended = await read_whole(run)
                await _write_json(context, call, self._message(run, pieces, ended))
        finally:
            run.abandon()  # does nothing to a run that has ended

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
        await _write_json(context, call, encode_count(tokens))

    def _message(self, run: Run, pieces: list[Delta], ended: Ended) -> bytes:
        [whole] = whole_choices(pieces, 1, ended.finish_reason)
        return encode_message(
            run_id=run.id,
            model=run.model,
            text=whole.text,
            tool_calls=whole.tool_calls,
            finish_reason=ended.finish_reason,
            stop_sequence=ended.stop_sequence,
            usage=ended.usage,
            charged=self._charged(ended),
        )

    def _charged(self, ended: Ended) -> Charged | None:
        """What a usage object says of the charge beside Anthropic's own keys."""
        if not self._usage_credits:
            return None
        return Charged(
            cost_microcredits=ended.cost_microcredits, remaining_microcredits=ended.spendable_microcredits
        )


async def _write_json(context: Context, call: Call, body: bytes) -> None:
    await _begin(context, call)
    await context.write(HttpBody(content_type=JSON, data=body))


async def _begin(context: Context, call: Call) -> None:
    if headers := response_headers(call):
        await context.send_initial_metadata(headers)


async def _stream(run: Run, call: Call, context: Context, charged: Callable[[Ended], Charged | None]) -> None:
    encoder = MessageStreamEncoder()
    keep_alive = KeepAlive(run.nudge)
    try:
        # A failure before the first token still has a status of its own, unless the model is silent for too long.
        event = await run.next()
        await _begin(context, call)
        call.is_streaming = True
        events = encoder.start(run_id=run.id, model=run.model, prompt_tokens=run.prompt_tokens)
        while not isinstance(event, Ended):
            events += b"".join(map(encoder.delta, event)) if event else PING
            if events:
                await context.write(HttpBody(content_type=EVENT_STREAM, data=events))
                keep_alive.wrote()
            events = b""
            event = await run.next()
    finally:
        keep_alive.close()
    events += encoder.finish(event.finish_reason, event.stop_sequence, event.usage, charged(event))
    await context.write(HttpBody(content_type=EVENT_STREAM, data=events))

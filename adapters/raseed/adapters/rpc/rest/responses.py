"""The routes of OpenAI's Responses API: bytes in, bytes out. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.idempotency import asked_of, body_of
from raseed.adapters.rpc.keep_alive import SILENCE_S, KeepAlive
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.chat_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.adapters.wire.openai.chat_stream import KEEP_ALIVE
from raseed.adapters.wire.openai.response_object import (
    encode_deleted,
    encode_input_items,
    encode_input_tokens,
    encode_response,
)
from raseed.adapters.wire.openai.response_query import decode_flag, decode_starting_after, page_of_items
from raseed.adapters.wire.openai.response_stream import ResponseStreamEncoder
from raseed.adapters.wire.openai.response_words import in_words_of_responses
from raseed.core.errors import RaseedError, RequestInvalid
from raseed.core.idempotency import Asked
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService
from raseed.core.responses.asking import Question
from raseed.core.responses.model import PREFIX, Response, ResponseId
from raseed.core.responses.outcome import as_kept, ended, failed
from raseed.core.responses.service import ResponseService, begun
from raseed.rest.v1 import responses_pb2 as pb
from raseed.rest.v1 import responses_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ResponsesRestServicer(responses_pb2_grpc.ResponsesRestServiceServicer):
    def __init__(
        self,
        responses: ResponseService,
        inference: InferenceService,
        keyed: KeyedChat,
        forms: Forms,
        *,
        usage_credits: bool = False,
    ) -> None:
        self._responses = responses
        self._inference = inference
        self._keyed = keyed
        self._forms = forms
        self._usage_credits = usage_credits

    async def CreateResponse(self, request: pb.CreateResponseRequest, context: Context) -> None:
        call = current_call()
        body = request.body.data
        decoded = await self._forms.response(body)
        asked = asked_of(call, body)
        try:
            question = await self._responses.asking.question(call.caller, decoded.request)
            if question.terms.background:
                response = await self._responses.background.begin(call.caller, question, asked)
                if decoded.stream:
                    await self._follow(call, context, response.id, after=-1)
                else:
                    await write_json(context, call, encode_response(response))
            elif asked is not None and not decoded.stream:
                await self._answer_once(call, context, question, asked)
            else:
                run = await self._run(call, context, question, asked, stream=decoded.stream)
                try:
                    await (self._stream if decoded.stream else self._answer)(call, context, question, run)
                finally:
                    run.abandon()  # does nothing to a run that has ended
        except RequestInvalid as error:
            raise in_words_of_responses(error) from error

    async def CountInputTokens(self, request: pb.CountInputTokensRequest, context: Context) -> None:
        call = current_call()
        decoded = await self._forms.response(request.body.data)
        try:
            count = await self._responses.asking.count(call.caller, decoded.request)
        except RequestInvalid as error:
            raise in_words_of_responses(error) from error
        await write_json(context, call, encode_input_tokens(count))

    async def GetResponse(self, request: pb.GetResponseRequest, context: Context) -> None:
        call = current_call()
        response_id = ResponseId(request.response_id)
        if decode_flag("stream", request.stream):
            after = decode_starting_after(request.starting_after)
            await self._follow(call, context, response_id, after=after)
            return
        response = await self._responses.get(call.caller, response_id)
        await write_json(context, call, encode_response(response, self._charged_of(response)))

    async def DeleteResponse(self, request: pb.DeleteResponseRequest, context: Context) -> None:
        call = current_call()
        response_id = ResponseId(request.response_id)
        await self._responses.delete(call.caller, response_id)
        await write_json(context, call, encode_deleted(response_id))

    async def CancelResponse(self, request: pb.CancelResponseRequest, context: Context) -> None:
        call = current_call()
        response = await self._responses.cancel(call.caller, ResponseId(request.response_id))
        await write_json(context, call, encode_response(response, self._charged_of(response)))

    async def ListInputItems(self, request: pb.ListInputItemsRequest, context: Context) -> None:
        call = current_call()
        response = await self._responses.get(call.caller, ResponseId(request.response_id))
        items, has_more = page_of_items(
            response.conversation, order=request.order, after=request.after, limit=request.limit
        )
        await write_json(context, call, encode_input_items(items, has_more=has_more))

    async def _run(
        self, call: Call, context: Context, question: Question, asked: Asked | None, *, stream: bool
    ) -> Run:
        left_s = context.time_remaining()
        if asked is not None:
            return await self._keyed.start_stream(call.caller, question.chat, asked, left_s, PREFIX)
        return self._inference.start_run(call.caller, question.chat, stream=stream, timeout_s=left_s)

    async def _answer_once(self, call: Call, context: Context, question: Question, asked: Asked) -> None:
        async def encode(run: Run, pieces: list[Delta], end: Ended) -> bytes:
            return await self._whole(call, begun(question, run), pieces, end)

        answer = await self._keyed.answer(call.caller, question.chat, asked, encode, PREFIX)
        await write_json(context, call, body_of(answer, call))

    async def _answer(self, call: Call, context: Context, question: Question, run: Run) -> None:
        pieces, end = await read_whole(run)
        await write_json(context, call, await self._whole(call, begun(question, run), pieces, end))

    async def _whole(self, call: Call, response: Response, pieces: list[Delta], end: Ended) -> bytes:
        kept = await self._responses.keep(call.caller, ended(response, pieces, end))
        return encode_response(kept, self._charged(end))

    async def _stream(self, call: Call, context: Context, question: Question, run: Run) -> None:
        response = begun(question, run)
        encoder = ResponseStreamEncoder(response)
        pieces: list[Delta] = []

        def last_event(error: RaseedError) -> bytes:
            shown = in_words_of_responses(error) if isinstance(error, RequestInvalid) else error
            return encoder.finish(failed(response, pieces, shown))

        keep_alive = KeepAlive(run.nudge)
        try:
            # A failure before the first token still has a status of its own, unless the model is silent for too long.
            event = await run.next()
            if headers := response_headers(call):
                await context.send_initial_metadata(headers)
            call.is_streaming = True
            call.failure_line = last_event
            events = encoder.start()
            while not isinstance(event, Ended):
                pieces += map(as_kept, event)
                events += b"".join(map(encoder.delta, event)) if event else KEEP_ALIVE
                if events:
                    await context.write(HttpBody(content_type=EVENT_STREAM, data=events))
                    keep_alive.wrote()
                events = b""
                event = await run.next()
        except RaseedError as error:
            if call.is_streaming:
                await self._responses.keep(call.caller, failed(response, pieces, error))
            raise
        finally:
            keep_alive.close()
        kept = await self._responses.keep(call.caller, ended(response, pieces, event))
        events += encoder.finish(kept, self._charged(event))
        await context.write(HttpBody(content_type=EVENT_STREAM, data=events))

    async def _follow(self, call: Call, context: Context, response_id: ResponseId, *, after: int) -> None:
        """The events of a response that has a record, behind the one with that number.

        It goes on without its reader: what breaks off the reading is told as an error, and is no failure of the response.
        """
        reading = await self._responses.follow(call.caller, response_id)
        encoder = ResponseStreamEncoder(reading.response, after=after)
        coming: asyncio.Task[list[Delta] | Response] | None = None
        try:
            if headers := response_headers(call):
                await context.send_initial_metadata(headers)
            call.is_streaming = True
            # The answer begins now, also where its reader has seen how it does.
            events = encoder.start() or KEEP_ALIVE
            while True:
                if events:
                    await context.write(HttpBody(content_type=EVENT_STREAM, data=events))
                coming = coming or asyncio.create_task(reading.next())
                await asyncio.wait([coming], timeout=SILENCE_S)
                if not coming.done():
                    events = KEEP_ALIVE
                    continue
                event, coming = coming.result(), None
                if isinstance(event, Response):
                    break
                events = b"".join(map(encoder.delta, event))
            last = encoder.finish(event, self._charged_of(event))
            if last:
                await context.write(HttpBody(content_type=EVENT_STREAM, data=last))
        finally:
            if coming is not None:
                coming.cancel()
            reading.close()

    def _charged(self, end: Ended) -> Charged | None:
        """What a usage object says of the charge beside OpenAI's own keys."""
        if not self._usage_credits:
            return None
        return Charged(
            cost_microcredits=end.cost_microcredits, remaining_microcredits=end.spendable_microcredits
        )

    def _charged_of(self, response: Response) -> Charged | None:
        return Charged(cost_microcredits=response.cost_microcredits) if self._usage_credits else None

"""ResponsesService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import announce_replay, asked_of, body_of
from raseed.adapters.rpc.paging import page_of
from raseed.adapters.rpc.responses_events import ResponseEvents
from raseed.adapters.rpc.responses_mapping import from_core_item, from_core_response, to_core_request
from raseed.core.errors import RaseedError
from raseed.core.idempotency import Asked
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService
from raseed.core.responses.asking import Question
from raseed.core.responses.model import PREFIX, Response, ResponseId
from raseed.core.responses.outcome import as_kept, ended, failed
from raseed.core.responses.service import ResponseService, begun
from raseed.inference.v1 import responses_pb2 as pb
from raseed.inference.v1 import responses_pb2_grpc

ITEMS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class ResponsesServicer(responses_pb2_grpc.ResponsesServiceServicer):
    def __init__(self, responses: ResponseService, inference: InferenceService, keyed: KeyedChat) -> None:
        self._responses = responses
        self._inference = inference
        self._keyed = keyed

    async def CreateResponse(
        self, request: pb.CreateResponseRequest, context: Context
    ) -> pb.CreateResponseResponse:
        call = current_call()
        asked = asked_of(call, request, request.request_id)
        question = await self._responses.asking.question(call.caller, to_core_request(request.spec))
        if question.terms.background:
            response = await self._responses.background.begin(call.caller, question, asked)
        elif asked is not None:
            return await self._once(call, context, question, asked)
        else:
            run = self._inference.start_run(
                call.caller, question.chat, stream=False, timeout_s=context.time_remaining()
            )
            try:
                pieces, end = await read_whole(run)
            finally:
                run.abandon()  # does nothing to a run that has ended
            response = await self._responses.keep(call.caller, ended(begun(question, run), pieces, end))
        return pb.CreateResponseResponse(response=from_core_response(response))

    async def _once(
        self, call: Call, context: Context, question: Question, asked: Asked
    ) -> pb.CreateResponseResponse:
        async def encode(run: Run, pieces: list[Delta], end: Ended) -> bytes:
            kept = await self._responses.keep(call.caller, ended(begun(question, run), pieces, end))
            return pb.CreateResponseResponse(response=from_core_response(kept)).SerializeToString()

        answer = await self._keyed.answer(call.caller, question.chat, asked, encode, PREFIX)
        await announce_replay(context, answer)
        return pb.CreateResponseResponse.FromString(body_of(answer, call))

    async def StreamResponse(self, request: pb.StreamResponseRequest, context: Context) -> None:
        call = current_call()
        asked = asked_of(call, request, request.request_id)
        question = await self._responses.asking.question(call.caller, to_core_request(request.spec))
        if question.terms.background:
            response = await self._responses.background.begin(call.caller, question, asked)
            await self._follow(call, response.id, -1, context, pb.StreamResponseResponse)
            return
        left_s = context.time_remaining()
        if asked is not None:
            run = await self._keyed.start_stream(call.caller, question.chat, asked, left_s, PREFIX)
        else:
            run = self._inference.start_run(call.caller, question.chat, stream=True, timeout_s=left_s)
        try:
            await self._stream(call, context, begun(question, run), run)
        finally:
            run.abandon()

    async def _stream(self, call: Call, context: Context, response: Response, run: Run) -> None:
        events = ResponseEvents(response)
        pieces: list[Delta] = []
        try:
            event = await run.next()  # what fails before the first piece has sent nothing
            for message in events.start():
                await context.write(pb.StreamResponseResponse(event=message))
            while not isinstance(event, Ended):
                pieces += map(as_kept, event)
                for message in events.pieces(event):
                    await context.write(pb.StreamResponseResponse(event=message))
                event = await run.next()
        except RaseedError as error:
            if pieces:
                await self._responses.keep(call.caller, failed(response, pieces, error))
            raise
        kept = await self._responses.keep(call.caller, ended(response, pieces, event))
        for message in events.end(kept):
            await context.write(pb.StreamResponseResponse(event=message))

    async def GetResponse(self, request: pb.GetResponseRequest, context: Context) -> pb.GetResponseResponse:
        response = await self._responses.get(current_call().caller, ResponseId(request.response_id))
        return pb.GetResponseResponse(response=from_core_response(response))

    async def FollowResponse(self, request: pb.FollowResponseRequest, context: Context) -> None:
        after = request.starting_after if request.HasField("starting_after") else -1
        response_id = ResponseId(request.response_id)
        await self._follow(current_call(), response_id, after, context, pb.FollowResponseResponse)

    async def _follow(
        self,
        call: Call,
        response_id: ResponseId,
        after: int,
        context: Context,
        kind: type[pb.StreamResponseResponse | pb.FollowResponseResponse],
    ) -> None:
        reading = await self._responses.follow(call.caller, response_id)
        events = ResponseEvents(reading.response, after=after)
        try:
            for message in events.start():
                await context.write(kind(event=message))
            while not isinstance(event := await reading.next(), Response):
                for message in events.pieces(event):
                    await context.write(kind(event=message))
            for message in events.end(event):
                await context.write(kind(event=message))
        finally:
            reading.close()

    async def CancelResponse(
        self, request: pb.CancelResponseRequest, context: Context
    ) -> pb.CancelResponseResponse:
        response = await self._responses.cancel(current_call().caller, ResponseId(request.response_id))
        return pb.CancelResponseResponse(response=from_core_response(response))

    async def DeleteResponse(
        self, request: pb.DeleteResponseRequest, context: Context
    ) -> pb.DeleteResponseResponse:
        await self._responses.delete(current_call().caller, ResponseId(request.response_id))
        return pb.DeleteResponseResponse()

    async def ListInputItems(
        self, request: pb.ListInputItemsRequest, context: Context
    ) -> pb.ListInputItemsResponse:
        response = await self._responses.get(current_call().caller, ResponseId(request.response_id))
        items, token = page_of(
            response.conversation,
            request.page_size,
            ITEMS_PAGE_MAX,
            request.page_token,
            lambda item: item.id,
        )
        return pb.ListInputItemsResponse(items=map(from_core_item, items), next_page_token=token)

    async def CountInputTokens(
        self, request: pb.CountInputTokensRequest, context: Context
    ) -> pb.CountInputTokensResponse:
        count = await self._responses.asking.count(current_call().caller, to_core_request(request.spec))
        return pb.CountInputTokensResponse(input_token_count=count)

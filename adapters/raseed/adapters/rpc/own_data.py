"""The caller's account as a whole: OwnDataService over gRPC, and the same over HTTP."""

from __future__ import annotations

from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.accounts.v1 import own_data_pb2 as pb
from raseed.accounts.v1 import own_data_pb2_grpc
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire import own_data as wire
from raseed.adapters.wire.usage import JSON_LINES, lines_failure
from raseed.core.accounts.closing import ClosingRequest, ClosingRequests
from raseed.core.admin.export import ExportPage, ExportPosition, ExportService
from raseed.core.errors import RequestInvalid
from raseed.rest.v1 import own_data_pb2 as rest_pb
from raseed.rest.v1 import own_data_pb2_grpc as rest_pb_grpc

RECORDS_PAGE_MAX = 500

Context = grpc.aio.ServicerContext[Any, Any]


class OwnDataServicer(own_data_pb2_grpc.OwnDataServiceServicer):
    def __init__(self, closings: ClosingRequests, exports: ExportService) -> None:
        self._closings = closings
        self._exports = exports

    async def RequestClosing(
        self, request: pb.RequestClosingRequest, context: Context
    ) -> pb.RequestClosingResponse:
        call = current_call()
        wish = await self._closings.request(
            call.caller.account_id, reason=request.reason, wants_erasure=request.erase, actor=_actor(call)
        )
        return pb.RequestClosingResponse(closing_request=_message(wish))

    async def GetClosingRequest(
        self, request: pb.GetClosingRequestRequest, context: Context
    ) -> pb.GetClosingRequestResponse:
        wish = await self._closings.find(current_call().caller.account_id)
        return pb.GetClosingRequestResponse(closing_request=None if wish is None else _message(wish))

    async def WithdrawClosing(
        self, request: pb.WithdrawClosingRequest, context: Context
    ) -> pb.WithdrawClosingResponse:
        call = current_call()
        await self._closings.withdraw(call.caller.account_id, actor=_actor(call))
        return pb.WithdrawClosingResponse()

    async def ExportOwnData(
        self, request: pb.ExportOwnDataRequest, context: Context
    ) -> pb.ExportOwnDataResponse:
        page = await _page(
            self._exports,
            position_of(request.page_token),
            page_size(request.page_size, RECORDS_PAGE_MAX),
        )
        records = wire.encode_records(page.records).decode().splitlines()
        return pb.ExportOwnDataResponse(records=records, next_page_token=token_of(page))


class OwnDataRestServicer(rest_pb_grpc.OwnDataRestServiceServicer):
    def __init__(self, closings: ClosingRequests, exports: ExportService) -> None:
        self._closings = closings
        self._exports = exports

    async def RequestClosing(self, request: rest_pb.RequestClosingRequest, context: Context) -> None:
        call = current_call()
        asked = wire.decode_closing(request.body.data)
        wish = await self._closings.request(
            call.caller.account_id, reason=asked.reason, wants_erasure=asked.erase, actor=_actor(call)
        )
        await write_json(context, call, wire.encode_closing(wish))

    async def GetClosingRequest(self, request: rest_pb.GetClosingRequestRequest, context: Context) -> None:
        call = current_call()
        wish = await self._closings.find(call.caller.account_id)
        await write_json(context, call, wire.encode_closing(wish))

    async def WithdrawClosing(self, request: rest_pb.WithdrawClosingRequest, context: Context) -> None:
        call = current_call()
        await self._closings.withdraw(call.caller.account_id, actor=_actor(call))
        await write_json(context, call, wire.encode_closing(None))

    async def ExportOwnData(self, request: rest_pb.ExportOwnDataRequest, context: Context) -> None:
        """All of it, page after page, never two in memory. An error after the first one is a last line."""
        call = current_call()
        position: ExportPosition | None = None
        while True:
            page = await _page(self._exports, position, RECORDS_PAGE_MAX)
            if position is None:
                disposition = ("content-disposition", 'attachment; filename="account.jsonl"')
                await context.send_initial_metadata((*response_headers(call), disposition))
                call.failure_line, call.is_streaming = lines_failure, True
            await context.write(HttpBody(content_type=JSON_LINES, data=wire.encode_records(page.records)))
            position = page.next
            if position is None:
                return


def position_of(token: str) -> ExportPosition | None:
    """Raises RequestInvalid."""
    part, _, key = decode_token(token).partition(" ")
    return ExportPosition(part, key) if part else None


def token_of(page: ExportPage) -> str:
    return "" if page.next is None else encode_token(f"{page.next.part} {page.next.key}")


async def _page(exports: ExportService, after: ExportPosition | None, limit: int) -> ExportPage:
    call = current_call()
    try:
        return await exports.page(
            call.caller.account_id, after, limit=limit, actor=_actor(call), is_for_holder=True
        )
    except ValueError as error:
        raise RequestInvalid("page_token is not one that was given out.", param="page_token") from error


def _actor(call: Call) -> str:
    caller = call.caller
    return caller.person_id or caller.account_id


def _message(request: ClosingRequest) -> pb.ClosingRequest:
    return pb.ClosingRequest(
        requested_at_us=request.requested_at, reason=request.reason, erase=request.wants_erasure
    )

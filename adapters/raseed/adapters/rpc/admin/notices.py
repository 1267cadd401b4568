"""NoticesService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import notices_pb2 as pb
from raseed.admin.v1 import notices_pb2_grpc
from raseed.core.admin.broadcasts import Broadcast, BroadcastService
from raseed.core.messaging.outbox import OutboxEntry

NOTICES_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class NoticesServicer(notices_pb2_grpc.NoticesServiceServicer):
    def __init__(self, broadcasts: BroadcastService) -> None:
        self._broadcasts = broadcasts

    async def SendNotice(self, request: pb.SendNoticeRequest, context: Context) -> pb.SendNoticeResponse:
        broadcast = await self._broadcasts.send(
            request.kind, version=request.version, begins_on=request.begins_on, actor=acting(context).actor
        )
        return pb.SendNoticeResponse(broadcast=_broadcast(broadcast))

    async def ListBroadcasts(
        self, request: pb.ListBroadcastsRequest, context: Context
    ) -> pb.ListBroadcastsResponse:
        size = page_size(request.page_size, NOTICES_PAGE_MAX)
        found = await self._broadcasts.list(decode_token(request.page_token), size + 1)
        return pb.ListBroadcastsResponse(
            broadcasts=map(_broadcast, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def ListFailedNotices(
        self, request: pb.ListFailedNoticesRequest, context: Context
    ) -> pb.ListFailedNoticesResponse:
        size = page_size(request.page_size, NOTICES_PAGE_MAX)
        found = await self._broadcasts.failed(decode_token(request.page_token), size + 1)
        return pb.ListFailedNoticesResponse(
            notices=map(_failed, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def RetryNotice(self, request: pb.RetryNoticeRequest, context: Context) -> pb.RetryNoticeResponse:
        await self._broadcasts.retry(request.id, actor=acting(context).actor)
        return pb.RetryNoticeResponse()


def _broadcast(broadcast: Broadcast) -> pb.Broadcast:
    return pb.Broadcast(
        id=broadcast.id,
        kind=broadcast.kind.value,
        version=broadcast.version,
        begins_on=broadcast.begins_on,
        actor=broadcast.actor,
        created_at_us=broadcast.created_at,
        account_count=broadcast.account_count,
        ended_at_us=broadcast.ended_at,
    )


def _failed(entry: OutboxEntry) -> pb.FailedNotice:
    return pb.FailedNotice(
        id=entry.id,
        kind=entry.kind,
        account=entry.account_id or "",
        cause=entry.cause,
        attempt_count=entry.attempts,
        error=entry.error,
        created_at_us=entry.created_at,
    )

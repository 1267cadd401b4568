"""MeteringService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.metering_mapping import (
    from_core_extended,
    from_core_held,
    from_core_settled,
    to_core_measured,
    to_core_work,
)
from raseed.core.billing.metering import MeteringService
from raseed.metering.v1 import metering_pb2 as pb
from raseed.metering.v1 import metering_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class MeteringServicer(metering_pb2_grpc.MeteringServiceServicer):
    """Whose account pays, the API key says; the core refuses keys without the scope."""

    def __init__(self, metering: MeteringService) -> None:
        self._metering = metering

    async def PlaceHold(self, request: pb.PlaceHoldRequest, context: Context) -> pb.PlaceHoldResponse:
        return from_core_held(await self._metering.place(current_call().caller, to_core_work(request)))

    async def ExtendHold(self, request: pb.ExtendHoldRequest, context: Context) -> pb.ExtendHoldResponse:
        held = await self._metering.extend(
            current_call().caller,
            request.request_id,
            cover=to_core_measured(request.cover, "cover"),
            used=to_core_measured(request.used, "used"),
            lease_s=request.lease_s,
        )
        return from_core_extended(held)

    async def SettleHold(self, request: pb.SettleHoldRequest, context: Context) -> pb.SettleHoldResponse:
        settled = await self._metering.settle(
            current_call().caller,
            request.request_id,
            used=to_core_measured(request.used, "used"),
            latency_ms=max(0, request.latency_ms),
        )
        return from_core_settled(settled)

    async def ReleaseHold(self, request: pb.ReleaseHoldRequest, context: Context) -> pb.ReleaseHoldResponse:
        settled = await self._metering.release(current_call().caller, request.request_id)
        return pb.ReleaseHoldResponse(balance_microcredits=settled.spendable_microcredits)

"""LimitsService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.admin.v1 import limits_pb2 as pb
from raseed.admin.v1 import limits_pb2_grpc
from raseed.core.accounts.model import Account, OwnLimit
from raseed.core.admin.limit_service import LimitAdmin
from raseed.core.limits.model import TierLimits

Context = grpc.aio.ServicerContext[Any, Any]


class LimitsServicer(limits_pb2_grpc.LimitsServiceServicer):
    def __init__(self, limits: LimitAdmin) -> None:
        self._limits = limits

    async def GetAccountLimits(
        self, request: pb.GetAccountLimitsRequest, context: Context
    ) -> pb.GetAccountLimitsResponse:
        return pb.GetAccountLimitsResponse(limits=_shown(*await self._limits.limits(request.account)))

    async def SetAccountLimits(
        self, request: pb.SetAccountLimitsRequest, context: Context
    ) -> pb.SetAccountLimitsResponse:
        wanted = [(limit.name, limit.value if limit.HasField("value") else None) for limit in request.limits]
        account, limits = await self._limits.set_limits(
            request.account, wanted, reason=request.reason, actor=acting(context).actor
        )
        return pb.SetAccountLimitsResponse(limits=_shown(account, limits))


def _shown(account: Account, limits: TierLimits) -> pb.AccountLimits:
    own = {name for name, _ in account.own_limits}
    return pb.AccountLimits(
        account_id=account.id,
        tier=account.tier.value,
        limits=[
            pb.AccountLimit(name=name.value, value=getattr(limits, name.value), is_own=name in own)
            for name in OwnLimit
        ],
    )

"""OperatorsService over gRPC, for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import operators_pb2 as pb
from raseed.admin.v1 import operators_pb2_grpc
from raseed.core.accounts.keys import ADMIN_MODE, PREFIX
from raseed.core.admin.operator_service import OperatorService
from raseed.core.admin.operators import Operator, OperatorKey

OPERATORS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class OperatorsServicer(operators_pb2_grpc.OperatorsServiceServicer):
    def __init__(self, operators: OperatorService) -> None:
        self._operators = operators

    async def CreateOperator(
        self, request: pb.CreateOperatorRequest, context: Context
    ) -> pb.CreateOperatorResponse:
        operator, key, text = await self._operators.create(
            request.name, request.scopes, expires_days=request.expires_days, by=acting(context)
        )
        return pb.CreateOperatorResponse(operator=_operator(operator, [key]), key=text)

    async def ListOperators(
        self, request: pb.ListOperatorsRequest, context: Context
    ) -> pb.ListOperatorsResponse:
        size = page_size(request.page_size, OPERATORS_PAGE_MAX)
        found = await self._operators.list(decode_token(request.page_token), size + 1)
        return pb.ListOperatorsResponse(
            operators=[_operator(operator, keys) for operator, keys in found[:size]],
            next_page_token=encode_token(found[size - 1][0].id) if len(found) > size else "",
        )

    async def RotateOperatorKey(
        self, request: pb.RotateOperatorKeyRequest, context: Context
    ) -> pb.RotateOperatorKeyResponse:
        operator, key, text = await self._operators.rotate(
            request.operator,
            request.scopes,
            grace_hours=request.grace_hours,
            expires_days=request.expires_days,
            by=acting(context),
        )
        return pb.RotateOperatorKeyResponse(operator=_operator(operator, [key]), key=text)

    async def DisableOperator(
        self, request: pb.DisableOperatorRequest, context: Context
    ) -> pb.DisableOperatorResponse:
        operator = await self._operators.disable(request.operator, by=acting(context))
        return pb.DisableOperatorResponse(operator=_operator(operator, []))


def _operator(operator: Operator, keys: Sequence[OperatorKey]) -> pb.Operator:
    return pb.Operator(
        id=operator.id,
        name=operator.name,
        created_at_us=operator.created_at,
        disabled_at_us=operator.disabled_at,
        keys=map(_key, keys),
    )


def _key(key: OperatorKey) -> pb.OperatorKey:
    return pb.OperatorKey(
        id=key.id,
        hint=f"{PREFIX}_{ADMIN_MODE}_{key.public_id}…{key.last4}",
        scopes=sorted(key.scopes),
        created_at_us=key.created_at,
        expires_at_us=key.expires_at,
        revoked_at_us=key.revoked_at,
    )

"""Redemption codes, over gRPC and HTTP. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.auth import address_of
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire.redemption import decode_code, encode_redeemed
from raseed.billing.v1 import redemption_pb2 as pb
from raseed.billing.v1 import redemption_pb2_grpc
from raseed.core.accounts.key_service import By
from raseed.core.payments.redeeming import Redeemed, RedemptionService
from raseed.rest.v1 import redemption_pb2 as rest_pb
from raseed.rest.v1 import redemption_pb2_grpc as rest_pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class RedemptionServicer(redemption_pb2_grpc.RedemptionServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, redemptions: RedemptionService) -> None:
        self._redemptions = redemptions

    async def RedeemCode(self, request: pb.RedeemCodeRequest, context: Context) -> pb.RedeemCodeResponse:
        redeemed = await _redeem(self._redemptions, current_call(), request.code)
        redemption = redeemed.redemption
        return pb.RedeemCodeResponse(
            grant_id=redeemed.grant_id,
            credit_microcredits=redemption.credit_microcredits,
            expires_at_us=redemption.credit_expires_at,
            redeemed_at_us=redemption.redeemed_at,
            was_redeemed=not redeemed.is_new,
            balance_microcredits=redeemed.balance.spendable_microcredits,
        )


class RedemptionRestServicer(rest_pb_grpc.RedemptionRestServiceServicer):
    def __init__(self, redemptions: RedemptionService) -> None:
        self._redemptions = redemptions

    async def RedeemCode(self, request: rest_pb.RedeemCodeRequest, context: Context) -> None:
        call = current_call()
        redeemed = await _redeem(self._redemptions, call, decode_code(request.body.data))
        await write_json(context, call, encode_redeemed(redeemed))


async def _redeem(redemptions: RedemptionService, call: Call, code: str) -> Redeemed:
    caller = call.caller
    return await redemptions.redeem(
        caller.account_id, code, actor=By.of(caller).actor, address=address_of(call)
    )

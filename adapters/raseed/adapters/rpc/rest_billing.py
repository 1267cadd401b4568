"""The documented billing paths."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest_openai import write_json
from raseed.adapters.wire.billing import encode_subscription
from raseed.core.billing.policy import Policy
from raseed.core.billing.subscription import SubscriptionService
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc


class BillingRestServicer(rest_pb2_grpc.BillingRestServiceServicer):
    def __init__(self, subscriptions: SubscriptionService, policy: Policy) -> None:
        self._subscriptions = subscriptions
        self._policy = policy

    async def GetSubscription(
        self, request: rest_pb2.GetSubscriptionRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        call = current_call()
        subscription = await self._subscriptions.of(call.caller.account_id)
        body = encode_subscription(
            subscription.account, subscription.balance, credits_shape=self._policy.credits_shape
        )
        await write_json(context, call, body)

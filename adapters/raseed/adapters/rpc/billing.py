"""BillingService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.billing.v1 import billing_pb2 as pb
from raseed.billing.v1 import billing_pb2_grpc
from raseed.core.billing.model import GrantView
from raseed.core.billing.subscription import SubscriptionService


class BillingServicer(billing_pb2_grpc.BillingServiceServicer):
    def __init__(self, subscriptions: SubscriptionService) -> None:
        self._subscriptions = subscriptions

    async def GetSubscription(
        self, request: pb.GetSubscriptionRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetSubscriptionResponse:
        subscription = await self._subscriptions.of(current_call().caller.account_id)
        return pb.GetSubscriptionResponse(
            tier=subscription.account.tier.value,
            status=subscription.account.status.value,
            expires_at_us=subscription.account.tier_expires_at,
            balance_microcredits=subscription.balance.spendable_microcredits,
            held_microcredits=subscription.balance.held_microcredits,
            grants=map(_grant, subscription.balance.grants),
        )


def _grant(grant: GrantView) -> pb.Grant:
    return pb.Grant(
        id=grant.id,
        source=grant.source.value,
        amount_microcredits=grant.amount_microcredits,
        remaining_microcredits=grant.remaining_microcredits,
        expires_at_us=grant.expires_at,
    )

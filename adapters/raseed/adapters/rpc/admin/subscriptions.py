"""SubscriptionAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import page_of
from raseed.adapters.rpc.subscriptions import from_core_plan, from_core_subscription
from raseed.admin.v1 import subscriptions_pb2 as pb
from raseed.admin.v1 import subscriptions_pb2_grpc
from raseed.core.billing.policy import Plan
from raseed.core.errors import NotFound
from raseed.core.payments.subscription_model import Period
from raseed.core.payments.subscriptions import Subscriptions

PLANS_PAGE_MAX = 100
PERIODS_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class SubscriptionAdminServicer(subscriptions_pb2_grpc.SubscriptionAdminServiceServicer):
    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def ListAllPlans(
        self, request: pb.ListAllPlansRequest, context: Context
    ) -> pb.ListAllPlansResponse:
        plans, token = page_of(
            self._subscriptions.all_plans,
            request.page_size,
            PLANS_PAGE_MAX,
            request.page_token,
            lambda plan: plan.id,
        )
        return pb.ListAllPlansResponse(plans=map(_plan, plans), next_page_token=token)

    async def ShowSubscription(
        self, request: pb.ShowSubscriptionRequest, context: Context
    ) -> pb.ShowSubscriptionResponse:
        account_id = await self._subscriptions.account_id_of(request.account)
        view = await self._subscriptions.of(account_id)
        if view is None:
            raise NotFound("This account has no plan.")
        periods = await self._subscriptions.periods(view.subscription.id)
        return pb.ShowSubscriptionResponse(
            subscription=from_core_subscription(view.subscription),
            account_id=account_id,
            end_reason=view.subscription.end_reason,
            periods=map(_period, periods[: -PERIODS_MAX - 1 : -1]),
        )

    async def CancelSubscription(
        self, request: pb.CancelSubscriptionRequest, context: Context
    ) -> pb.CancelSubscriptionResponse:
        account_id = await self._subscriptions.account_id_of(request.account)
        cancelled = await self._subscriptions.cancel(account_id, actor=acting(context).actor)
        return pb.CancelSubscriptionResponse(subscription=from_core_subscription(cancelled))

    async def EndSubscription(
        self, request: pb.EndSubscriptionRequest, context: Context
    ) -> pb.EndSubscriptionResponse:
        account_id = await self._subscriptions.account_id_of(request.account)
        ended = await self._subscriptions.end(account_id, reason=request.reason, actor=acting(context).actor)
        return pb.EndSubscriptionResponse(subscription=from_core_subscription(ended))


def _plan(plan: Plan) -> pb.PlanOnSale:
    return pb.PlanOnSale(
        plan=from_core_plan(plan),
        provider=plan.provider.value,
        product_id=plan.product_id,
        is_public=plan.is_public,
    )


def _period(period: Period) -> pb.SubscriptionPeriod:
    return pb.SubscriptionPeriod(
        payment_id=period.id,
        plan=period.plan_id,
        role=period.role.value,
        begins_at_us=period.begins_at,
        ends_at_us=period.ends_at,
        is_trial=period.is_trial,
        counts=period.counts,
    )

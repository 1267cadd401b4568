"""SubscriptionsService over gRPC, and how its messages say what a plan is."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.paging import page_of
from raseed.adapters.rpc.payments import from_core_payment
from raseed.adapters.wire.payments import order_of
from raseed.billing.v1 import subscriptions_pb2 as pb
from raseed.billing.v1 import subscriptions_pb2_grpc
from raseed.core.accounts.key_service import By
from raseed.core.billing.policy import ExtraKeys, Plan
from raseed.core.clock import DAY
from raseed.core.errors import NotFound
from raseed.core.payments.buying import Buying
from raseed.core.payments.checkout import Order
from raseed.core.payments.model import ItemKind
from raseed.core.payments.ports import Buyer
from raseed.core.payments.subscription_model import Subscription
from raseed.core.payments.subscriptions import Subscriptions, SubscriptionView

PLANS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class SubscriptionsServicer(subscriptions_pb2_grpc.SubscriptionsServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, subscriptions: Subscriptions, buying: Buying) -> None:
        self._subscriptions = subscriptions
        self._buying = buying

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> pb.ListPlansResponse:
        plans, token = page_of(
            self._subscriptions.plans,
            request.page_size,
            PLANS_PAGE_MAX,
            request.page_token,
            lambda plan: plan.id,
        )
        extra = self._subscriptions.extra_keys
        return pb.ListPlansResponse(
            plans=map(from_core_plan, plans),
            next_page_token=token,
            extra_keys=_extra_keys(extra) if extra else None,
        )

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> pb.GetPlanResponse:
        view = await view_of(self._subscriptions)
        payment = view.open_payment
        return pb.GetPlanResponse(
            subscription=from_core_subscription(view.subscription),
            open_payment=from_core_payment(payment) if payment else None,
        )

    async def Subscribe(self, request: pb.SubscribeRequest, context: Context) -> pb.SubscribeResponse:
        order, buyer = await prepared(
            self._buying, request.plan, request.method, request.language, request.request_id
        )
        payment = await self._subscriptions.subscribe(order, buyer, self._buying.return_url)
        return pb.SubscribeResponse(payment=from_core_payment(payment))

    async def StartTrial(self, request: pb.StartTrialRequest, context: Context) -> pb.StartTrialResponse:
        begun = await try_plan(self._subscriptions, request.plan, request.language)
        return pb.StartTrialResponse(subscription=from_core_subscription(begun))

    async def ChangePlan(self, request: pb.ChangePlanRequest, context: Context) -> pb.ChangePlanResponse:
        order, buyer = await prepared(
            self._buying, request.plan, request.method, request.language, request.request_id
        )
        changed = await self._subscriptions.change(order, buyer, self._buying.return_url)
        return pb.ChangePlanResponse(
            subscription=from_core_subscription(changed.subscription),
            payment=from_core_payment(changed.payment) if changed.payment else None,
        )

    async def CancelPlan(self, request: pb.CancelPlanRequest, context: Context) -> pb.CancelPlanResponse:
        caller = current_call().caller
        cancelled = await self._subscriptions.cancel(caller.account_id, actor=By.of(caller).actor)
        return pb.CancelPlanResponse(subscription=from_core_subscription(cancelled))

    async def ResumePlan(self, request: pb.ResumePlanRequest, context: Context) -> pb.ResumePlanResponse:
        caller = current_call().caller
        resumed = await self._subscriptions.resume(caller.account_id, actor=By.of(caller).actor)
        return pb.ResumePlanResponse(subscription=from_core_subscription(resumed))


async def view_of(subscriptions: Subscriptions) -> SubscriptionView:
    """Of the caller's account. Raises NotFound."""
    view = await subscriptions.of(current_call().caller.account_id)
    if view is None:
        raise NotFound("This account has no plan.")
    return view


async def prepared(
    buying: Buying, plan: str, method: str, language: str, request_key: str
) -> tuple[Order, Buyer]:
    """What the caller wants to subscribe to. Raises as `Buying.prepared`, and RequestInvalid."""
    asked = order_of(kind=ItemKind.PLAN, id_=plan, quantity=1, method=method, language=language)
    return await buying.prepared(
        current_call().caller,
        asked.item,
        method=asked.method,
        language=asked.language,
        request_key=request_key,
    )


async def try_plan(subscriptions: Subscriptions, plan: str, language: str) -> Subscription:
    """Raises as `Subscriptions.try_plan`, and RequestInvalid."""
    asked = order_of(kind=ItemKind.PLAN, id_=plan, quantity=1, language=language)
    return await subscriptions.try_plan(current_call().caller.account_id, asked.item.id, asked.language)


def from_core_plan(plan: Plan) -> pb.Plan:
    return pb.Plan(
        id=plan.id,
        name_en=plan.name_en,
        name_ar=plan.name_ar,
        tier=plan.tier.value,
        credit_microcredits=plan.amount_microcredits,
        period=plan.period.value,
        price_minor=plan.price_minor,
        currency=plan.currency,
        trial_days=plan.trial_us // DAY,
        trial_credit_microcredits=plan.trial_microcredits,
        rollover_cap_microcredits=plan.rollover_cap_microcredits,
    )


def _extra_keys(extra: ExtraKeys) -> pb.ExtraKeys:
    return pb.ExtraKeys(price_minor=extra.price_minor, currency=extra.currency, count_max=extra.max_count)


def from_core_subscription(subscription: Subscription) -> pb.PlanSubscription:
    return pb.PlanSubscription(
        id=subscription.id,
        plan=subscription.plan_id,
        state=subscription.state.value,
        period_start_us=subscription.period_start,
        period_end_us=subscription.period_end,
        paid_until_us=subscription.paid_until,
        cancels_at_end=subscription.cancels_at_end,
        next_plan=subscription.next_plan_id,
        renews_by_itself=bool(subscription.provider_subscription_id),
    )

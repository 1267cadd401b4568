"""/api/billing/plans, plan, subscribe, trial and subscription/… Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.payments import request_key, write
from raseed.adapters.rpc.subscriptions import prepared, try_plan, view_of
from raseed.adapters.wire import subscriptions as wire
from raseed.adapters.wire.payments import encode_payment
from raseed.core.accounts.key_service import By
from raseed.core.payments.buying import Buying
from raseed.core.payments.subscriptions import Subscriptions
from raseed.rest.v1 import subscriptions_pb2 as pb
from raseed.rest.v1 import subscriptions_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class SubscriptionsRestServicer(subscriptions_pb2_grpc.SubscriptionsRestServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, subscriptions: Subscriptions, buying: Buying) -> None:
        self._subscriptions = subscriptions
        self._buying = buying

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> None:
        await write(context, wire.encode_plans(self._subscriptions.plans, self._subscriptions.extra_keys))

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> None:
        view = await view_of(self._subscriptions)
        await write(context, wire.encode_view(view.subscription, view.open_payment))

    async def Subscribe(self, request: pb.SubscribeRequest, context: Context) -> None:
        wish = wire.decode_wish(request.body.data)
        order, buyer = await prepared(
            self._buying, wish.plan, wish.method, wish.language, request_key(current_call())
        )
        payment = await self._subscriptions.subscribe(order, buyer, self._buying.return_url)
        await write(context, encode_payment(payment), 201)

    async def StartTrial(self, request: pb.StartTrialRequest, context: Context) -> None:
        wish = wire.decode_wish(request.body.data)
        begun = await try_plan(self._subscriptions, wish.plan, wish.language)
        await write(context, wire.encode_view(begun, None), 201)

    async def ChangePlan(self, request: pb.ChangePlanRequest, context: Context) -> None:
        wish = wire.decode_wish(request.body.data)
        order, buyer = await prepared(
            self._buying, wish.plan, wish.method, wish.language, request_key(current_call())
        )
        changed = await self._subscriptions.change(order, buyer, self._buying.return_url)
        await write(context, wire.encode_view(changed.subscription, changed.payment))

    async def CancelPlan(self, request: pb.CancelPlanRequest, context: Context) -> None:
        caller = current_call().caller
        cancelled = await self._subscriptions.cancel(caller.account_id, actor=By.of(caller).actor)
        await write(context, wire.encode_view(cancelled, None))

    async def ResumePlan(self, request: pb.ResumePlanRequest, context: Context) -> None:
        caller = current_call().caller
        resumed = await self._subscriptions.resume(caller.account_id, actor=By.of(caller).actor)
        await write(context, wire.encode_view(resumed, None))

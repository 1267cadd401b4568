"""BillingService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.billing_mapping import (
    from_core_balance,
    from_core_call,
    from_core_estimate,
    from_core_open_topup,
    from_core_pack,
    from_core_past_grant,
    from_core_position,
    from_core_report,
    from_core_subscription,
    from_core_topup,
    to_core_group_by,
    to_core_moment,
    to_core_position,
)
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.inference_mapping import to_core_chat
from raseed.adapters.rpc.paging import decode_token, encode_token, page_of, page_size
from raseed.billing.v1 import billing_pb2 as pb
from raseed.billing.v1 import billing_pb2_grpc, usage_pb2
from raseed.core.billing.history import TOPUPS_PAGE, HistoryService
from raseed.core.billing.subscription import SubscriptionService
from raseed.core.billing.usage import CALLS_MAX, GROUPS_MAX, UsageService
from raseed.core.inference.estimate import Estimator

GRANTS_PAGE_MAX = 100
PACKS_PAGE_MAX = 100
TOPUPS_PAGE_MAX = 100
CALLS_PAGE = 20

Context = grpc.aio.ServicerContext[Any, Any]


class BillingServicer(billing_pb2_grpc.BillingServiceServicer):
    """Whose account it is, the API key says and nothing in a request: another's can not be named."""

    def __init__(
        self,
        subscriptions: SubscriptionService,
        history: HistoryService,
        usage: UsageService,
        estimator: Estimator,
    ) -> None:
        self._subscriptions = subscriptions
        self._history = history
        self._usage = usage
        self._estimator = estimator

    async def GetSubscription(
        self, request: pb.GetSubscriptionRequest, context: Context
    ) -> pb.GetSubscriptionResponse:
        return from_core_subscription(await self._subscriptions.of(current_call().caller.account_id))

    async def GetBalance(self, request: pb.GetBalanceRequest, context: Context) -> pb.GetBalanceResponse:
        subscription = await self._subscriptions.of(current_call().caller.account_id)
        return from_core_balance(subscription)

    async def ListGrants(self, request: pb.ListGrantsRequest, context: Context) -> pb.ListGrantsResponse:
        page = await self._history.grants(
            current_call().caller.account_id,
            decode_token(request.page_token),
            page_size(request.page_size, GRANTS_PAGE_MAX),
        )
        return pb.ListGrantsResponse(
            grants=map(from_core_past_grant, page.grants),
            next_page_token=encode_token(page.next_after or ""),
        )

    async def ListTopupPacks(
        self, request: pb.ListTopupPacksRequest, context: Context
    ) -> pb.ListTopupPacksResponse:
        offers = self._history.offers
        packs, token = page_of(
            offers.packs, request.page_size, PACKS_PAGE_MAX, request.page_token, lambda pack: pack.id
        )
        return pb.ListTopupPacksResponse(
            packs=map(from_core_pack, packs),
            next_page_token=token,
            open_topup=from_core_open_topup(offers.open_topup) if offers.open_topup else None,
        )

    async def ListTopups(self, request: pb.ListTopupsRequest, context: Context) -> pb.ListTopupsResponse:
        page = await self._history.topups(
            current_call().caller.account_id,
            decode_token(request.page_token),
            page_size(request.page_size or TOPUPS_PAGE, TOPUPS_PAGE_MAX),
        )
        return pb.ListTopupsResponse(
            topups=map(from_core_topup, page.topups),
            next_page_token=encode_token(page.next_after or ""),
            total_count=page.total,
        )

    async def QueryUsage(
        self, request: usage_pb2.QueryUsageRequest, context: Context
    ) -> usage_pb2.QueryUsageResponse:
        report = await self._usage.report(
            current_call().caller.account_id,
            made_by=current_call().caller.keys_of,
            begin=to_core_moment(request, "from_us"),
            end=to_core_moment(request, "to_us"),
            group_by=to_core_group_by(request.group_by),
            after=decode_token(request.page_token) if request.page_token else None,
            limit=page_size(request.page_size, GROUPS_MAX),
        )
        groups, token = from_core_report(report)
        return usage_pb2.QueryUsageResponse(
            groups=groups,
            next_page_token=token,
            from_us=report.span.begin,
            to_us=report.span.end,
            time_zone=self._usage.calendar.time_zone,
        )

    async def ListCalls(
        self, request: usage_pb2.ListCallsRequest, context: Context
    ) -> usage_pb2.ListCallsResponse:
        page = await self._usage.calls(
            current_call().caller.account_id,
            made_by=current_call().caller.keys_of,
            begin=to_core_moment(request, "from_us"),
            end=to_core_moment(request, "to_us"),
            after=to_core_position(request.page_token),
            limit=page_size(request.page_size or CALLS_PAGE, CALLS_MAX),
        )
        return usage_pb2.ListCallsResponse(
            calls=map(from_core_call, page.calls), next_page_token=from_core_position(page.next_after)
        )

    async def ExportUsage(self, request: usage_pb2.ExportUsageRequest, context: Context) -> None:
        pages = self._usage.all_calls(
            current_call().caller.account_id,
            made_by=current_call().caller.keys_of,
            begin=to_core_moment(request, "from_us"),
            end=to_core_moment(request, "to_us"),
        )
        async for calls in pages:
            await context.write(usage_pb2.ExportUsageResponse(calls=map(from_core_call, calls)))

    async def EstimatePrice(
        self, request: pb.EstimatePriceRequest, context: Context
    ) -> pb.EstimatePriceResponse:
        estimate = await self._estimator.estimate(current_call().caller, to_core_chat(request.request))
        return from_core_estimate(estimate)

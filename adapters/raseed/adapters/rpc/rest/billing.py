"""The documented billing paths, and usage beside them. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.billing import CALLS_PAGE
from raseed.adapters.rpc.billing_mapping import from_core_position, to_core_position
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.paging import decode_token, encode_token
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire import usage as wire
from raseed.adapters.wire.billing import (
    decode_page,
    encode_estimate,
    encode_packs,
    encode_subscription,
    encode_topups,
)
from raseed.adapters.wire.dashboard import (
    decode_dates,
    encode_dashboard_subscription,
    encode_dashboard_usage,
    in_words_of_dashboard,
)
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.usage_query import decode_group_by, decode_query
from raseed.core.billing.history import HistoryService
from raseed.core.billing.policy import Policy
from raseed.core.billing.subscription import SubscriptionService
from raseed.core.billing.usage import GROUPS_MAX, UsageService
from raseed.core.clock import Microseconds
from raseed.core.errors import RaseedError, RequestInvalid
from raseed.core.inference.estimate import Estimator
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class BillingRestServicer(rest_pb2_grpc.BillingRestServiceServicer):
    def __init__(
        self,
        subscriptions: SubscriptionService,
        history: HistoryService,
        usage: UsageService,
        estimator: Estimator,
        policy: Policy,
    ) -> None:
        self._subscriptions = subscriptions
        self._history = history
        self._usage = usage
        self._estimator = estimator
        self._policy = policy

    async def GetSubscription(self, request: rest_pb2.GetSubscriptionRequest, context: Context) -> None:
        call = current_call()
        subscription = await self._subscriptions.of(call.caller.account_id)
        body = encode_subscription(
            subscription.account,
            subscription.balance,
            debt_limit_microcredits=subscription.debt_limit_microcredits,
            credits_shape=self._policy.credits_shape,
            unit=self._policy.unit,
        )
        await write_json(context, call, body)

    async def ListTopupPacks(self, request: rest_pb2.ListTopupPacksRequest, context: Context) -> None:
        await write_json(context, current_call(), encode_packs(self._history.offers))

    async def ListTopups(self, request: rest_pb2.ListTopupsRequest, context: Context) -> None:
        call = current_call()
        number = decode_page(request.page)
        page = await self._history.topups_on(call.caller.account_id, number)
        await write_json(context, call, encode_topups(page.topups, page=number, total=page.total))

    async def QueryUsage(self, request: rest_pb2.QueryUsageRequest, context: Context) -> None:
        call = current_call()
        asked = decode_query(request, self._usage.calendar, ("json", "csv"))
        group_by = decode_group_by(request.group_by)
        account_id, made_by = call.caller.account_id, call.caller.keys_of
        if asked.format == "csv":
            groups = self._usage.all_groups(
                account_id, begin=asked.begin, end=asked.end, group_by=group_by, made_by=made_by
            )
            head = wire.report_csv_head(group_by)
            parts = _encoded(groups, lambda page: wire.report_csv(page, group_by), head)
            await _export(context, parts, wire.CSV, f"usage-by-{group_by}.csv", wire.csv_failure)
            return
        report = await self._usage.report(
            account_id,
            begin=asked.begin,
            end=asked.end,
            group_by=group_by,
            after=decode_token(request.cursor, "cursor") if request.cursor else None,
            limit=asked.limit or GROUPS_MAX,
            made_by=made_by,
        )
        cursor = encode_token(report.next_after)
        time_zone = self._usage.calendar.time_zone
        await write_json(context, call, wire.encode_report(report, group_by, time_zone, cursor))

    async def ListCalls(self, request: rest_pb2.ListCallsRequest, context: Context) -> None:
        call = current_call()
        asked = decode_query(request, self._usage.calendar, ("json", "jsonl", "csv"))
        account_id, made_by = call.caller.account_id, call.caller.keys_of
        if asked.format != "json":
            calls = self._usage.all_calls(account_id, begin=asked.begin, end=asked.end, made_by=made_by)
            if asked.format == "csv":
                parts = _encoded(calls, wire.calls_csv, wire.calls_csv_head())
                await _export(context, parts, wire.CSV, "calls.csv", wire.csv_failure)
            else:
                parts = _encoded(calls, wire.calls_as_lines)
                await _export(context, parts, wire.JSON_LINES, "calls.jsonl", wire.lines_failure)
            return
        page = await self._usage.calls(
            account_id,
            begin=asked.begin,
            end=asked.end,
            after=to_core_position(request.cursor, "cursor"),
            limit=asked.limit or CALLS_PAGE,
            made_by=made_by,
        )
        body = wire.encode_calls(page.calls, from_core_position(page.next_after))
        await write_json(context, call, body)

    async def GetDashboardSubscription(
        self, request: rest_pb2.GetDashboardSubscriptionRequest, context: Context
    ) -> None:
        call = current_call()
        subscription = await self._subscriptions.of(call.caller.account_id)
        body = encode_dashboard_subscription(
            spendable_microcredits=subscription.balance.spendable_microcredits,
            used_microcredits=await self._used_microcredits(call),
            access_until=subscription.account.tier_expires_at,
        )
        await write_json(context, call, body)

    async def GetDashboardUsage(self, request: rest_pb2.GetDashboardUsageRequest, context: Context) -> None:
        call = current_call()
        asked = decode_dates(request, self._usage.calendar)
        try:
            used = await self._used_microcredits(call, asked.begin, asked.end)
        except RequestInvalid as error:
            raise in_words_of_dashboard(error) from error
        await write_json(context, call, encode_dashboard_usage(used))

    async def _used_microcredits(
        self, call: Call, begin: Microseconds | None = None, end: Microseconds | None = None
    ) -> int:
        """As far as the caller sees it; this month, unless a span is given."""
        account_id, made_by = call.caller.account_id, call.caller.keys_of
        days = self._usage.all_groups(account_id, begin=begin, end=end, made_by=made_by)
        return sum([day.sum.cost_microcredits async for page in days for day in page])

    async def EstimatePrice(self, request: rest_pb2.EstimatePriceRequest, context: Context) -> None:
        call = current_call()
        decoded = decode_chat_request(request.body.data)
        estimate = await self._estimator.estimate(call.caller, decoded.request)
        await write_json(context, call, encode_estimate(estimate))


async def _encoded(
    pages: AsyncIterable[Any], encode: Callable[[Any], bytes], head: bytes = b""
) -> AsyncIterator[bytes]:
    """A part for each page, never two at a time in memory. The head comes with the first one."""
    async for page in pages:
        yield head + encode(page)
        head = b""


async def _export(
    context: Context,
    parts: AsyncIterable[bytes],
    content_type: str,
    file_name: str,
    failure: Callable[[RaseedError], bytes],
) -> None:
    """Write parts as they are read. An error before the first one has a status of its own; after that, a last line."""
    call = current_call()
    call.failure_line = failure
    async for part in parts:
        if not call.is_streaming:
            disposition = ("content-disposition", f'attachment; filename="{file_name}"')
            await context.send_initial_metadata((*response_headers(call), disposition))
            call.is_streaming = True
        await context.write(HttpBody(content_type=content_type, data=part))

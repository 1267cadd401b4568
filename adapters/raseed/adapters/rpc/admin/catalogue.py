"""CatalogueService over gRPC, for operators: the profile as it is in force."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.paging import page_of
from raseed.admin.v1 import catalogue_pb2 as pb
from raseed.admin.v1 import catalogue_pb2_grpc
from raseed.core.accounts.model import Tier
from raseed.core.billing.policy import Policy
from raseed.core.billing.pricing import ModelPrice, PriceList
from raseed.core.clock import Clock
from raseed.core.limits.model import TierLimits

LISTS_PAGE_MAX = 10
"""A list has some hundred models at most."""

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogueServicer(catalogue_pb2_grpc.CatalogueServiceServicer):
    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock

    async def ListPrices(self, request: pb.ListPricesRequest, context: Context) -> pb.ListPricesResponse:
        book = self._policy.prices
        in_force = book.at(self._clock.now()).version
        lists, token = page_of(
            book.lists, request.page_size, LISTS_PAGE_MAX, request.page_token, lambda prices: prices.version
        )
        return pb.ListPricesResponse(
            price_lists=[_list(prices, in_force=prices.version == in_force) for prices in lists],
            next_page_token=token,
            notice_days=self._policy.notice_days,
        )

    async def ListTiers(self, request: pb.ListTiersRequest, context: Context) -> pb.ListTiersResponse:
        default = self._policy.default_tier
        return pb.ListTiersResponse(
            tiers=[_tier(tier, self._policy.tiers[tier], is_default=tier is default) for tier in Tier]
        )


def _list(prices: PriceList, *, in_force: bool) -> pb.PriceList:
    return pb.PriceList(
        version=prices.version,
        effective_at_us=prices.effective_at,
        in_force=in_force,
        models=map(_model, prices.models.values()),
    )


def _model(price: ModelPrice) -> pb.PricedModel:
    return pb.PricedModel(
        model=price.model,
        tier=price.tier,
        multiplier_milli=price.multiplier_milli,
        rates=[
            pb.MeterRate(
                meter=rate.meter.value, unit_price_microcredits=rate.unit_price_microcredits, per=rate.per
            )
            for rate in price.rates
        ],
    )


def _tier(tier: Tier, limits: TierLimits, *, is_default: bool) -> pb.TierTerms:
    return pb.TierTerms(
        tier=tier.value,
        is_default=is_default,
        requests_per_minute=limits.rpm,
        requests_per_day=limits.rpd,
        tokens_per_minute=limits.tpm,
        concurrency=limits.concurrency,
        output_tokens_max=limits.max_output_tokens,
        key_count_max=limits.keys,
        models=sorted(limits.models or ()),
        priority=limits.priority,
    )

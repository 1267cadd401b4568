"""raseed.billing.v1 messages ↔ core types."""

from __future__ import annotations

from raseed.adapters.rpc.paging import decode_token, encode_token
from raseed.billing.v1 import billing_pb2 as pb
from raseed.billing.v1 import usage_pb2
from raseed.core.billing.history import PastGrant, next_expiry
from raseed.core.billing.model import GrantStatus, GrantView
from raseed.core.billing.policy import OpenTopup, Pack
from raseed.core.billing.subscription import Subscription
from raseed.core.billing.usage import (
    CallPosition,
    GroupBy,
    UsageCall,
    UsageGroup,
    UsageReport,
    other_than_tokens,
    tokens_of,
)
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.inference.estimate import Estimate

_GROUP_BY = {
    usage_pb2.USAGE_GROUP_BY_UNSPECIFIED: GroupBy.DAY,
    usage_pb2.USAGE_GROUP_BY_DAY: GroupBy.DAY,
    usage_pb2.USAGE_GROUP_BY_MODEL: GroupBy.MODEL,
    usage_pb2.USAGE_GROUP_BY_KEY: GroupBy.KEY,
    usage_pb2.USAGE_GROUP_BY_MEMBER: GroupBy.MEMBER,
}
MOMENT_MAX = 253_402_300_800_000_000
"""The end of the year 9999, which is where calendars end."""

HasSpan = usage_pb2.QueryUsageRequest | usage_pb2.ListCallsRequest | usage_pb2.ExportUsageRequest


def to_core_moment(request: HasSpan, field: str) -> Microseconds | None:
    """None if it was not given. Raises RequestInvalid."""
    if not request.HasField(field):
        return None
    moment: int = getattr(request, field)
    if not 0 <= moment < MOMENT_MAX:
        raise RequestInvalid(f"{field} is out of range.", param=field)
    return Microseconds(moment)


def to_core_group_by(group_by: int) -> GroupBy:
    """Raises RequestInvalid."""
    known = _GROUP_BY.get(group_by)  # type: ignore[call-overload]
    if known is None:
        raise RequestInvalid("group_by is not one that this server knows.", param="group_by")
    return known  # type: ignore[no-any-return]


def to_core_position(token: str, param: str = "page_token") -> CallPosition | None:
    """None for the first page. Raises RequestInvalid."""
    if not token:
        return None
    at, _, call_id = decode_token(token, param).partition(" ")
    if not at.isdecimal() or int(at) >= MOMENT_MAX:
        raise RequestInvalid(f"{param} is not one that was given out.", param=param)
    return CallPosition(Microseconds(int(at)), call_id)


def from_core_position(position: CallPosition | None) -> str:
    return "" if position is None else encode_token(f"{position.at} {position.id}")


def from_core_subscription(subscription: Subscription) -> pb.GetSubscriptionResponse:
    account, balance = subscription.account, subscription.balance
    return pb.GetSubscriptionResponse(
        tier=account.tier.value,
        status=account.status.value,
        expires_at_us=account.tier_expires_at,
        balance_microcredits=balance.spendable_microcredits,
        held_microcredits=balance.held_microcredits,
        grants=map(from_core_grant, balance.grants),
        debt_microcredits=balance.debt_microcredits,
        debt_limit_microcredits=subscription.debt_limit_microcredits,
    )


def from_core_balance(subscription: Subscription) -> pb.GetBalanceResponse:
    balance = subscription.balance
    expiry = next_expiry(balance)
    return pb.GetBalanceResponse(
        balance_microcredits=balance.spendable_microcredits,
        held_microcredits=balance.held_microcredits,
        debt_microcredits=balance.debt_microcredits,
        grants=map(from_core_grant, balance.grants),
        expires_next=None
        if expiry is None
        else pb.CreditExpiry(at_us=expiry.at, amount_microcredits=expiry.amount_microcredits),
        debt_limit_microcredits=subscription.debt_limit_microcredits,
    )


def from_core_grant(grant: GrantView) -> pb.Grant:
    return pb.Grant(
        id=grant.id,
        source=grant.source.value,
        amount_microcredits=grant.amount_microcredits,
        remaining_microcredits=grant.remaining_microcredits,
        expires_at_us=grant.expires_at,
        held_microcredits=grant.held_microcredits,
        effective_at_us=grant.effective_at,
        created_at_us=grant.created_at,
        status=GrantStatus.ACTIVE.value,
    )


def from_core_past_grant(grant: PastGrant) -> pb.Grant:
    return pb.Grant(
        id=grant.id,
        source=grant.source.value,
        amount_microcredits=grant.amount_microcredits,
        remaining_microcredits=grant.remaining_microcredits,
        expires_at_us=grant.expires_at,
        held_microcredits=grant.held_microcredits,
        effective_at_us=grant.effective_at,
        created_at_us=grant.created_at,
        status=grant.status.value,
    )


def from_core_pack(pack: Pack) -> pb.TopupPack:
    return pb.TopupPack(
        id=pack.id,
        name=pack.name,
        amount_microcredits=pack.amount_microcredits,
        bonus_microcredits=pack.bonus_microcredits,
        price_minor=pack.price_minor,
        currency=pack.currency,
        is_popular=pack.is_popular,
    )


def from_core_open_topup(topup: OpenTopup) -> pb.OpenTopup:
    return pb.OpenTopup(
        currency=topup.currency,
        min_minor=topup.min_minor,
        max_minor=topup.max_minor,
        step_minor=topup.step_minor,
    )


def from_core_topup(grant: PastGrant) -> pb.Topup:
    return pb.Topup(
        id=grant.id,
        amount_microcredits=grant.amount_microcredits,
        paid_minor=grant.paid_minor,
        currency=grant.currency,
        status="completed",
        created_at_us=grant.created_at,
    )


def from_core_report(report: UsageReport) -> tuple[list[usage_pb2.UsageGroup], str]:
    """The groups and the token of the next page."""
    return [_group(group) for group in report.groups], encode_token(report.next_after)


def _group(group: UsageGroup) -> usage_pb2.UsageGroup:
    tokens = tokens_of(group.sum.measured)
    return usage_pb2.UsageGroup(
        name=group.name,
        label=group.label,
        request_count=group.sum.request_count,
        cost_microcredits=group.sum.cost_microcredits,
        prompt_token_count=tokens.prompt,
        cached_token_count=tokens.cached,
        completion_token_count=tokens.completion,
        reasoning_token_count=tokens.reasoning,
        total_token_count=tokens.total,
        other_quantities=[
            usage_pb2.UsageQuantity(meter=meter.value, quantity=quantity)
            for meter, quantity in other_than_tokens(group.sum.measured)
        ],
    )


def from_core_call(call: UsageCall) -> usage_pb2.UsageCall:
    tokens = tokens_of(call.measured)
    return usage_pb2.UsageCall(
        id=call.id,
        at_us=call.at,
        api_key_id=call.api_key_id or "",
        model=call.model,
        outcome=call.outcome,
        finish_reason=call.finish_reason or "",
        cost_microcredits=call.cost_microcredits,
        prompt_token_count=tokens.prompt,
        cached_token_count=tokens.cached,
        completion_token_count=tokens.completion,
        reasoning_token_count=tokens.reasoning,
        total_token_count=tokens.total,
        lines=[
            usage_pb2.UsageLine(
                meter=line.meter.value,
                quantity=line.quantity,
                unit_price_microcredits=line.unit_price_microcredits,
                per=line.per,
                cost_microcredits=line.cost_microcredits,
            )
            for line in call.lines
        ],
        latency_ms=call.latency_ms,
        first_token_ms=call.first_token_ms,
        absorbed_microcredits=call.absorbed_microcredits,
    )


def from_core_estimate(estimate: Estimate) -> pb.EstimatePriceResponse:
    return pb.EstimatePriceResponse(
        model=estimate.model,
        prompt_token_count=estimate.prompt_tokens,
        max_completion_token_count=estimate.max_completion_tokens,
        min_cost_microcredits=estimate.min_cost_microcredits,
        max_cost_microcredits=estimate.max_cost_microcredits,
        price_version=estimate.price_version,
    )

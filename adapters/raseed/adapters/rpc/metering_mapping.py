"""raseed.metering.v1 messages ↔ core types."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.billing.commands import Held, Settled
from raseed.core.billing.metering import Work
from raseed.core.billing.model import Measured, Meter, Rate
from raseed.core.errors import RequestInvalid
from raseed.core.money import AMOUNT_MAX
from raseed.metering.v1 import metering_pb2 as pb


def to_core_work(request: pb.PlaceHoldRequest) -> Work:
    """Raises RequestInvalid."""
    return Work(
        request_id=request.request_id,
        model=request.model,
        rates=tuple(_rate(rate) for rate in request.rates),
        least=to_core_measured(request.min, "min"),
        want=to_core_measured(request.want, "want"),
        lease_s=request.lease_s,
    )


def to_core_measured(quantities: Sequence[pb.Quantity], param: str) -> Measured:
    """Raises RequestInvalid."""
    counts: dict[Meter, int] = {}
    for quantity in quantities:
        meter = _meter(quantity.meter, param)
        if meter in counts:
            raise RequestInvalid(f"{param} must name {meter} once.", param=param)
        counts[meter] = _in_range(quantity.quantity, param)
    return Measured(tuple((meter, counts[meter]) for meter in Meter if counts.get(meter)))


def from_core_held(held: Held) -> pb.PlaceHoldResponse:
    return pb.PlaceHoldResponse(
        hold_id=held.hold_id,
        amount_microcredits=held.amount_microcredits,
        lease_until_us=held.lease_until,
        balance_microcredits=held.spendable_microcredits,
        is_open=held.is_open,
    )


def from_core_extended(held: Held) -> pb.ExtendHoldResponse:
    return pb.ExtendHoldResponse(
        amount_microcredits=held.amount_microcredits,
        lease_until_us=held.lease_until,
        balance_microcredits=held.spendable_microcredits,
    )


def from_core_settled(settled: Settled) -> pb.SettleHoldResponse:
    return pb.SettleHoldResponse(
        cost_microcredits=settled.cost_microcredits,
        shortfall_microcredits=settled.shortfall_microcredits,
        balance_microcredits=settled.spendable_microcredits,
    )


def _rate(rate: pb.Rate) -> Rate:
    return Rate(
        _meter(rate.meter, "rates"),
        _in_range(rate.unit_price_microcredits, "rates"),
        _in_range(rate.per, "rates") or 1,
    )


def _meter(name: str, param: str) -> Meter:
    try:
        return Meter(name)
    except ValueError as error:
        raise RequestInvalid(f"Unknown meter {name!r}; known: {', '.join(Meter)}.", param=param) from error


def _in_range(number: int, param: str) -> int:
    if not 0 <= number <= AMOUNT_MAX:
        raise RequestInvalid(f"{param} has a number that is out of range.", param=param)
    return number

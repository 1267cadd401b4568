"""What the ledger asks of a price and of a measurement before it books anything by them."""

from __future__ import annotations

from dataclasses import replace

from raseed.core.billing.model import Measured, Meter, PriceSnapshot, UsageLine
from raseed.core.money import AMOUNT_MAX

QUANTITY_MAX = 10**9
"""Most units of one meter in one measurement: a thousand million tokens, or eleven days of sound; the longest answers are a
thousandth of that. Sums of usage are signed 64-bit columns, of one account's one model or key over a fortnight at most:
2⁶³ is 9.2 × 10⁹ such measurements, 7,600 a second of one account for the whole fortnight, which no ledger writes.
"""

_METER_ORDER = {meter: position for position, meter in enumerate(Meter)}


def price_is_sound(price: PriceSnapshot) -> bool:
    """Whether every quantity has exactly one cost under this price, and none of them is negative."""
    meters = {rate.meter for rate in price.rates}
    return len(meters) == len(price.rates) and all(
        0 <= rate.unit_price_microcredits <= AMOUNT_MAX and rate.per > 0 for rate in price.rates
    )


def normalised(measured: Measured) -> Measured | None:
    """The same quantities in the order of `Meter`, without zeros; None if it cannot be a measurement.

    Two measurements of the same use are then equal, so a repeated settlement is recognised.

    >>> normalised(Measured(((Meter.OUTPUT_TOKENS, 3), (Meter.INPUT_TOKENS, 0)))).quantities
    ((<Meter.OUTPUT_TOKENS: 'output_tokens'>, 3),)
    """
    quantities = measured.quantities
    before = -1
    for meter, quantity in quantities:
        position = _METER_ORDER[meter]
        if position <= before or not 0 < quantity <= QUANTITY_MAX:
            break
        before = position
    else:
        return measured  # nearly always: at every charge, so it is asked first
    if len({meter for meter, _ in quantities}) != len(quantities):
        return None
    if any(not 0 <= quantity <= QUANTITY_MAX for _, quantity in quantities):
        return None
    ordered = sorted((pair for pair in quantities if pair[1]), key=lambda pair: _METER_ORDER[pair[0]])
    return Measured(tuple(ordered))


def highest(one: Measured, other: Measured) -> Measured:
    """The larger quantity of each meter: a checkpoint that arrives late cannot take back a newer one."""
    if one == other or not one.quantities:
        return other
    merged = dict(one.quantities)
    for meter, quantity in other.quantities:
        merged[meter] = max(quantity, merged.get(meter, 0))
    return Measured(tuple(sorted(merged.items(), key=lambda pair: _METER_ORDER[pair[0]])))


def total_cost(lines: tuple[UsageLine, ...]) -> int:
    return sum(line.cost_microcredits for line in lines)


def within(most: int, lines: tuple[UsageLine, ...]) -> tuple[UsageLine, ...]:
    """The same lines, but for what they cost together beyond `most`.

    >>> line = UsageLine(Meter.IMAGES, 3, 5, 1, 15)
    >>> [each.cost_microcredits for each in within(20, (line, line, line))]
    [15, 5, 0]
    """
    left = most
    if total_cost(lines) <= left:
        return lines
    kept = []
    for line in lines:
        cost = min(line.cost_microcredits, left)
        left -= cost
        kept.append(replace(line, cost_microcredits=cost))
    return tuple(kept)

"""Weights and prices by meter."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.source import Source, collecting
from raseed.core.billing.model import Meter, Rate
from raseed.core.billing.pricing import PRICED_AS, TOKEN_METERS
from raseed.core.money import AMOUNT_MAX, MILLI

WEIGHT_DECIMALS = 3
WEIGHT_MAX_MILLI = 1_000 * MILLI
PRICE_DECIMALS = 9
"""Of a credit, where `per` is 1: a nano-dollar where a credit is a dollar."""
RATE_PER = dict.fromkeys((*TOKEN_METERS, Meter.CHARACTERS), 1_000_000) | {Meter.AUDIO_MILLISECONDS: 60_000}
"""How many units a price is for, unless it says so itself: as price lists are usually printed. Else one."""


class _Rate(msgspec.Struct, frozen=True):
    price: Decimal
    per: Annotated[int, Meta(ge=1, le=1_000_000_000)]


def read_weights(source: Source, path: Path) -> dict[Meter, int]:
    """In thousandths. Raises PolicyError."""
    weights: dict[Meter, int] = {}
    with collecting() as attempt:
        for name in source.names(path):
            with attempt():
                meter = _meter(source, (*path, name))
                if meter not in TOKEN_METERS:
                    raise source.refusal((*path, name), "only tokens have a weight")
                number = source.convert((*path, name), Decimal)
                weights[meter] = source.units((*path, name), number, WEIGHT_DECIMALS, 0, WEIGHT_MAX_MILLI)
    _require(source, path, set(weights), (Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS))
    return weights


def read_rates(source: Source, path: Path, *, embeds_only: bool) -> tuple[Rate, ...]:
    """One rate for each meter, kinds of tokens that are not named included. Raises PolicyError."""
    rates: dict[Meter, Rate] = {}
    with collecting() as attempt:
        for name in source.names(path):
            with attempt():
                meter = _meter(source, (*path, name))
                rates[meter] = _rate(source, (*path, name), meter)
    if rates.keys() & set(TOKEN_METERS):
        needed = (Meter.INPUT_TOKENS,) if embeds_only else (Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS)
        _require(source, path, set(rates), needed)
    for meter, like in PRICED_AS.items():
        if meter not in rates and like in rates:
            rates[meter] = Rate(meter, rates[like].unit_price_microcredits, rates[like].per)
    return tuple(rates[meter] for meter in Meter if meter in rates)


def _rate(source: Source, path: Path, meter: Meter) -> Rate:
    if isinstance(source.at(path), dict):
        given = source.table(path, _Rate)
        path, number, per = (*path, "price"), given.price, given.per
    else:
        number, per = source.convert(path, Decimal), RATE_PER.get(meter, 1)
    billionths = source.units(path, number, PRICE_DECIMALS, 0, AMOUNT_MAX)
    if billionths % MILLI == 0:
        return Rate(meter, billionths // MILLI, per)
    return Rate(meter, billionths, per * MILLI)


def _meter(source: Source, path: Path) -> Meter:
    try:
        return Meter(str(path[-1]))
    except ValueError as error:
        raise source.refusal(path, f"unknown meter; known: {', '.join(Meter)}") from error


def _require(source: Source, path: Path, given: set[Meter], needed: tuple[Meter, ...]) -> None:
    for meter in needed:
        if meter not in given:
            raise source.refusal((*path, meter.value), "is missing")

"""What a request costs: prices, snapshots, lines. Pure; the only arithmetic on prices.

A price is a list of rates: `unit_price_microcredits` for every `per` units of a meter. Every basis of charging comes
down to that:

| basis      | a token of a meter costs                                             |
|------------|----------------------------------------------------------------------|
| `total`    | the model's multiplier, whatever the meter                           |
| `output`   | the multiplier if it was generated, nothing if it was in the prompt  |
| `weighted` | weight of the meter × multiplier                                     |
| `rates`    | the model's own price of that meter                                  |

All are exact. Multiplier × weight has six decimals at most, which is a whole number of micro-credits. Where one credit
is one US dollar, 2,500 nano-dollars a token are 2.5 micro-credits, which no integer says; as 2,500,000 micro-credits for
every 1,000,000 tokens they are one. So every whole nano-dollar price of a token is a whole price of a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import gcd

from raseed.core.accounts.model import Tier
from raseed.core.billing.model import Measured, Meter, PriceSnapshot, Rate, UsageLine
from raseed.core.clock import Microseconds
from raseed.core.errors import PriceUnknown
from raseed.core.inference.model import Usage
from raseed.core.money import MILLI, Rounding, settle_cost, settle_total

INPUT_METERS = (Meter.INPUT_TOKENS, Meter.CACHED_INPUT_TOKENS, Meter.CACHE_WRITE_TOKENS)
OUTPUT_METERS = (Meter.OUTPUT_TOKENS, Meter.REASONING_TOKENS)
TOKEN_METERS = INPUT_METERS + OUTPUT_METERS
PRICED_AS = {
    Meter.CACHED_INPUT_TOKENS: Meter.INPUT_TOKENS,
    Meter.CACHE_WRITE_TOKENS: Meter.INPUT_TOKENS,
    Meter.REASONING_TOKENS: Meter.OUTPUT_TOKENS,
}
"""A kind of token that has no weight or rate of its own costs what it is a kind of: none is free by omission."""


BEGINNING = Microseconds(0)


class Basis(StrEnum):
    TOTAL = "total"
    OUTPUT = "output"
    WEIGHTED = "weighted"
    RATES = "rates"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """One entry of a price list."""

    model: str
    tier: str
    """Id of the model tier, for example "standard"."""
    multiplier_milli: int
    """Credits of one billable token, times 1,000; what `/v1/models` shows as `credit_multiplier`. 1,000 where the
    rates themselves are the price, 0 where the model is free."""
    rates: tuple[Rate, ...]
    is_free: bool = False
    """Said in so many words by the profile; nothing else makes a model free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Prices that hold from one moment on. A model without an entry is neither listed nor served."""

    version: str
    models: Mapping[str, ModelPrice]
    fallback: ModelPrice | None = None
    """Price of models that have no entry of their own; only test and benchmark set-ups have one."""
    effective_at: Microseconds = BEGINNING
    rounding: Rounding = Rounding.EXACT
    ratios_milli: Mapping[Tier, int] = field(default_factory=dict)
    """What an account's group pays of a price, in thousandths, by the account's tier; absent: all of it."""
    _snapshots: dict[tuple[str, Tier | None], PriceSnapshot] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """Those made so far: there is one for each model and tier."""

    def price(self, model: str) -> ModelPrice | None:
        return self.models.get(model, self.fallback)

    def snapshot(self, model: str, tier: Tier | None = None) -> PriceSnapshot:
        """The prices to freeze on a hold, for an account of this tier. Raises PriceUnknown."""
        made = self._snapshots.get((model, tier))
        if made is not None:
            return made
        price = self.price(model)
        if price is None:
            raise PriceUnknown("This model has no price and cannot be served.", metadata={"model": model})
        ratio = self.ratios_milli.get(tier, MILLI) if tier is not None else MILLI
        rates = price.rates if ratio == MILLI else tuple(_at_ratio(rate, ratio) for rate in price.rates)
        made = PriceSnapshot(model=model, version=self.version, rates=rates, rounding=self.rounding)
        if model in self.models:  # ids that only the fallback prices are anybody's to invent
            self._snapshots[model, tier] = made
        return made


NO_PRICES = PriceList(version="", models={})


def weights_of(basis: Basis) -> Mapping[Meter, int]:
    """The weights, in thousandths, that the plain bases stand for."""
    return dict.fromkeys(OUTPUT_METERS if basis is Basis.OUTPUT else TOKEN_METERS, MILLI)


def token_price(
    model: str,
    tier: str,
    multiplier_milli: int,
    weights_milli: Mapping[Meter, int] | None = None,
    per_tokens: int = 1,
) -> ModelPrice:
    """A model priced by one multiplier: multiplier × weight credits for every `per_tokens` tokens of a meter.

    Without weights every token counts alike.
    """
    weights = weights_of(Basis.TOTAL) if weights_milli is None else weights_milli
    rates = tuple(
        Rate(meter, multiplier_milli * weight, per_tokens)
        for meter in TOKEN_METERS
        if (weight := weights.get(meter, weights.get(PRICED_AS.get(meter, meter), 0)))
    )
    return ModelPrice(model=model, tier=tier, multiplier_milli=multiplier_milli, rates=rates)


def raised_meters(before: ModelPrice, after: ModelPrice) -> tuple[Meter, ...]:
    """The meters whose unit costs more after than before; one that had no price cost nothing."""
    old = {rate.meter: Fraction(rate.unit_price_microcredits, rate.per) for rate in before.rates}
    return tuple(
        rate.meter
        for rate in after.rates
        if Fraction(rate.unit_price_microcredits, rate.per) > old.get(rate.meter, 0)
    )


def measured_of(usage: Usage) -> Measured:
    """The quantities to charge for. Cached and reasoning tokens are lines of their own, taken out of the totals."""
    quantities = (
        (Meter.INPUT_TOKENS, usage.prompt_tokens - usage.cached_tokens),
        (Meter.CACHED_INPUT_TOKENS, usage.cached_tokens),
        (Meter.OUTPUT_TOKENS, usage.completion_tokens - usage.reasoning_tokens),
        (Meter.REASONING_TOKENS, usage.reasoning_tokens),
    )
    return Measured(tuple((meter, quantity) for meter, quantity in quantities if quantity))


def price_lines(price: PriceSnapshot, measured: Measured) -> tuple[UsageLine, ...]:
    """The lines of a usage event. Their sum is rounded once. A meter without a rate is a line that costs nothing."""
    priced = []
    for meter, quantity in measured.quantities:
        for rate in price.rates:  # a handful: faster than a dictionary that is made for each charge
            if rate.meter is meter:
                priced.append((quantity, rate.unit_price_microcredits, rate.per))
                break
        else:
            priced.append((quantity, 0, 1))
    costs = settle_cost(priced, price.rounding)
    return tuple(
        [
            UsageLine(meter, quantity, unit_price, per, cost)
            for (meter, _), (quantity, unit_price, per), cost in zip(
                measured.quantities, priced, costs, strict=True
            )
        ]
    )


def cost_microcredits(price: PriceSnapshot, measured: Measured) -> int:
    return sum(line.cost_microcredits for line in price_lines(price, measured))


def cost_of_tokens(price: PriceSnapshot, prompt_tokens: int, completion_tokens: int) -> int:
    """Cost of a prompt and an answer without cached or reasoning tokens: what holds are sized by."""
    lines = []
    for rate in price.rates:
        if rate.meter is Meter.INPUT_TOKENS:
            lines.append((prompt_tokens, rate.unit_price_microcredits, rate.per))
        elif rate.meter is Meter.OUTPUT_TOKENS:
            lines.append((completion_tokens, rate.unit_price_microcredits, rate.per))
    return settle_total(lines, price.rounding)


def _at_ratio(rate: Rate, ratio_milli: int) -> Rate:
    unit = rate.unit_price_microcredits * ratio_milli
    shared = gcd(unit, MILLI)
    return Rate(rate.meter, unit // shared, rate.per * (MILLI // shared))

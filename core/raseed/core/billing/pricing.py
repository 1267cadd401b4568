"""What a request costs: price lists, snapshots, lines. Pure; the only arithmetic on prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raseed.core.billing.model import Measured, Meter, PriceSnapshot, Rate, UsageLine
from raseed.core.errors import PriceUnknown
from raseed.core.inference.model import Usage
from raseed.core.money import settle_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """One entry of a price list."""

    model: str
    tier: str
    """Price class as customers see it, for example "standard"."""
    multiplier_milli: int
    """Credits of one billable token, times 1,000; what `/v1/models` shows as `credit_multiplier`."""
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """The prices in force. A model without an entry is neither listed nor served: unknown price fails closed."""

    version: str
    models: Mapping[str, ModelPrice]
    fallback: ModelPrice | None = None
    """Price of models that have no entry of their own; only test and benchmark set-ups have one."""

    def price(self, model: str) -> ModelPrice | None:
        return self.models.get(model, self.fallback)

    def snapshot(self, model: str) -> PriceSnapshot:
        """The prices to freeze on a hold. Raises PriceUnknown."""
        price = self.price(model)
        if price is None:
            raise PriceUnknown("This model has no price and cannot be served.", metadata={"model": model})
        return PriceSnapshot(model=model, version=self.version, rates=price.rates)


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
    """The lines of a usage event, each rounded up once. A meter without a rate is a line that costs nothing."""
    rates = {rate.meter: rate for rate in price.rates}
    priced = [(meter, quantity, rates.get(meter, Rate(meter, 0))) for meter, quantity in measured.quantities]
    costs = settle_cost((quantity, rate.unit_price_microcredits, rate.per) for _, quantity, rate in priced)
    return tuple(
        UsageLine(meter, quantity, rate.unit_price_microcredits, rate.per, cost)
        for (meter, quantity, rate), cost in zip(priced, costs, strict=True)
    )


def cost_microcredits(price: PriceSnapshot, measured: Measured) -> int:
    return sum(line.cost_microcredits for line in price_lines(price, measured))


def cost_of_tokens(price: PriceSnapshot, prompt_tokens: int, completion_tokens: int) -> int:
    """Cost of a prompt and an answer without cached or reasoning tokens: what holds are sized by."""
    return cost_microcredits(
        price, measured_of(Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens))
    )

"""What holds for every price and every use."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from raseed.core.accounts.model import Tier
from raseed.core.billing.measured import price_is_sound
from raseed.core.billing.model import Measured, Meter, PriceSnapshot, Rate
from raseed.core.billing.pricing import (
    TOKEN_METERS,
    Basis,
    ModelPrice,
    PriceList,
    cost_microcredits,
    cost_of_tokens,
    price_lines,
    token_price,
    weights_of,
)
from raseed.core.money import Rounding

MILLI = st.integers(1, 30_000)
QUANTITY = st.integers(0, 2_000_000)


@st.composite
def model_prices(draw):
    basis = draw(st.sampled_from(Basis))
    if basis is Basis.RATES:
        meters = draw(st.lists(st.sampled_from(list(Meter)), unique=True, min_size=1))
        per = st.sampled_from([1, 7, 1_000, 60_000, 1_000_000, 1_000_000_000])
        rates = tuple(Rate(meter, draw(st.integers(0, 10**9)), draw(per)) for meter in meters)
        return ModelPrice(model="m", tier="standard", multiplier_milli=1000, rates=rates)
    weights = weights_of(basis)
    if basis is Basis.WEIGHTED:
        weights = draw(st.dictionaries(st.sampled_from(TOKEN_METERS), MILLI, min_size=1))
    return token_price("m", "standard", draw(MILLI), weights, draw(st.sampled_from([1, 1000])))


@st.composite
def snapshots(draw):
    prices = PriceList(
        version="1",
        models={"m": draw(model_prices())},
        rounding=draw(st.sampled_from(Rounding)),
        ratios_milli=draw(st.just({}) | st.builds(lambda ratio: {Tier.PRO: ratio}, MILLI)),
    )
    return prices.snapshot("m", Tier.PRO)


uses = st.dictionaries(st.sampled_from(list(Meter)), QUANTITY).map(lambda used: Measured(tuple(used.items())))


def exact(price: PriceSnapshot, used: Measured) -> Fraction:
    rates = {rate.meter: Fraction(rate.unit_price_microcredits, rate.per) for rate in price.rates}
    return sum((quantity * rates.get(meter, Fraction(0)) for meter, quantity in used.quantities), Fraction(0))


@given(snapshots())
def test_the_ledger_takes_every_price(price):
    assert price_is_sound(price)


@given(snapshots(), uses)
def test_lines_are_the_cost_and_none_is_below_nothing(price, used):
    lines = price_lines(price, used)
    assert sum(line.cost_microcredits for line in lines) == cost_microcredits(price, used)
    assert all(line.cost_microcredits >= 0 for line in lines)
    assert [(line.meter, line.quantity) for line in lines] == list(used.quantities)


@given(snapshots(), uses)
def test_what_has_a_price_and_was_used_is_never_free(price, used):
    priced = {rate.meter for rate in price.rates if rate.unit_price_microcredits}
    is_used = any(quantity for meter, quantity in used.quantities if meter in priced)
    assert (cost_microcredits(price, used) > 0) is is_used


@given(snapshots(), uses, st.sampled_from(list(Meter)), st.integers(1, 1_000))
def test_more_never_costs_less(price, used, meter, more):
    quantities = dict(used.quantities)
    quantities[meter] = quantities.get(meter, 0) + more
    assert cost_microcredits(price, Measured(tuple(quantities.items()))) >= cost_microcredits(price, used)


@given(snapshots(), QUANTITY, QUANTITY, st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_longer_prompt_or_answer_never_costs_less(price, prompt, answer, more_prompt, more_answer):
    longer = cost_of_tokens(price, prompt + more_prompt, answer + more_answer)
    assert longer >= cost_of_tokens(price, prompt, answer)


@given(snapshots(), QUANTITY, QUANTITY)
def test_a_hold_is_sized_by_what_a_settlement_will_cost(price, prompt, answer):
    used = Measured(((Meter.INPUT_TOKENS, prompt), (Meter.OUTPUT_TOKENS, answer)))
    assert cost_of_tokens(price, prompt, answer) == cost_microcredits(price, used)


@given(snapshots(), uses)
def test_rounding_moves_the_sum_by_less_than_its_unit(price, used):
    change = cost_microcredits(price, used) - exact(price, used)
    least, most = {
        Rounding.EXACT: (0, 1),
        Rounding.CEIL_CREDIT: (0, 1_000_000),
        Rounding.HALF_EVEN: (-500_000, 1_000_000),
    }[price.rounding]
    assert least <= change < most

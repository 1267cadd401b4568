"""The only rounding of the product."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.policy.profile_text import policy_from, snapshot_from, with_

from raseed.adapters.sql.ledger.rows import price_of, price_text
from raseed.core.billing.model import Meter, PriceSnapshot, Rate
from raseed.core.billing.pricing import cost_of_tokens, measured_of, price_lines
from raseed.core.inference.model import Usage
from raseed.core.money import Rounding, credits_text, microcredits_of, settle_cost, settle_total, whole_units

HALF = 500_000


@pytest.mark.parametrize(
    ("tokens", "rounding", "credits"),
    [
        (1, "exact", "0.5"),
        (3, "exact", "1.5"),
        (0, "ceil_credit", "0"),
        (1, "ceil_credit", "1"),
        (2, "ceil_credit", "1"),
        (3, "ceil_credit", "2"),
        (0, "half_even", "0"),
        (1, "half_even", "1"),  # a half goes to the even 0, but nothing used is free
        (2, "half_even", "1"),
        (3, "half_even", "2"),
        (5, "half_even", "2"),
        (7, "half_even", "4"),
    ],
)
def test_half_credit_tokens(tokens, rounding, credits):
    assert credits_text(settle_total([(tokens, HALF, 1)], Rounding(rounding))) == credits


def test_half_even_goes_to_the_nearer_credit():
    assert settle_total([(1, 1_499_999, 1)], Rounding.HALF_EVEN) == 1_000_000
    assert settle_total([(1, 1_500_001, 1)], Rounding.HALF_EVEN) == 2_000_000
    assert settle_total([(1, 2_500_000, 1)], Rounding.HALF_EVEN) == 2_000_000
    assert settle_total([(1, 2_500_001, 1)], Rounding.HALF_EVEN) == 3_000_000
    assert settle_total([(1, 1, 1_000_000)], Rounding.HALF_EVEN) == 1_000_000


def test_exact_is_up_to_the_next_micro_credit():
    assert settle_total([(1, 1, 1_000_000)]) == 1
    assert settle_total([(1_000_000, 1, 1_000_000)]) == 1
    assert settle_total([(1_000_001, 1, 1_000_000)]) == 2


def test_the_sum_is_rounded_once_and_not_each_line():
    lines = [(1, 25, 10), (1, 25, 10)]  # 2.5 and 2.5
    assert settle_total(lines) == 5
    assert sum(settle_cost(lines)) == 5
    whole = settle_cost([(1, HALF, 1), (1, HALF, 1)], Rounding.CEIL_CREDIT)
    assert whole == (HALF, HALF)


def test_what_rounding_adds_is_shared_by_what_each_line_costs():
    assert settle_cost([(1, HALF, 1), (2, HALF, 1)], Rounding.CEIL_CREDIT) == (666_666, 1_333_334)


def test_a_line_without_a_price_gets_nothing_of_it():
    assert settle_cost([(7, 0, 1), (1, HALF, 1)], Rounding.CEIL_CREDIT) == (0, 1_000_000)
    assert settle_cost([(7, 0, 1)], Rounding.CEIL_CREDIT) == (0,)
    assert settle_cost([]) == ()


def test_rounding_comes_from_the_profile_and_is_frozen_on_the_snapshot():
    text = with_('basis = "total"', 'basis = "total"\nrounding = "ceil_credit"')
    text = with_("multiplier = 1\n", "multiplier = 0.5\n", text)
    price = snapshot_from(text)
    assert cost_of_tokens(price, 1, 2) == 2_000_000
    lines = price_lines(price, measured_of(Usage(prompt_tokens=1, completion_tokens=2)))
    assert sum(line.cost_microcredits for line in lines) == 2_000_000
    assert price.rounding is Rounding.CEIL_CREDIT


@pytest.mark.parametrize("rounding", Rounding)
def test_rounding_survives_the_database(rounding):
    price = PriceSnapshot(model="m", version="1", rates=(Rate(Meter.OUTPUT_TOKENS, 1, 2),), rounding=rounding)
    assert price_of(price_text(price)) == price


def test_exact_is_the_default():
    assert (
        policy_from(with_("multiplier = 1\n", "multiplier = 0.001\n")).prices.lists[0].rounding
        is Rounding.EXACT
    )


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "1e400", "1e-400", "1e999999999", "1e-999999999", "0." + "1" * 50, "1.0000001"],
)
def test_no_number_is_bent_to_fit(number):
    with pytest.raises(ValueError, match=r"out of range|has at most 6 decimals"):
        whole_units(Decimal(number), 6)
    with pytest.raises(ValueError, match=r"out of range|has at most 6 decimals"):
        microcredits_of(number)


def test_more_digits_than_the_decimal_context_keeps_are_seen():
    with pytest.raises(ValueError, match="has at most 6 decimals"):
        microcredits_of("1.0000000000000000000000000000000001")
    assert microcredits_of("1.000000000000000000000000000000") == 1_000_000

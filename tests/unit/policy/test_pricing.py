"""The four bases, the group ratio, and what a token without a price of its own costs."""

from __future__ import annotations

import pytest
from tests.unit.policy.profile_text import BASE, policy_from, snapshot_from, with_

from raseed.core.accounts.model import Tier
from raseed.core.billing.model import Meter, PriceSnapshot, Rate
from raseed.core.billing.pricing import cost_of_tokens, measured_of, price_lines
from raseed.core.errors import PriceUnknown
from raseed.core.inference.model import Usage
from raseed.core.money import credits_text, microcredits_of

EVERYTHING = Usage(prompt_tokens=100, cached_tokens=40, completion_tokens=50, reasoning_tokens=20)
RATES = """\
[models.tiny]
tier = "standard"
rates = { input_tokens = "2.50", output_tokens = 10 }
"""


def basis(name: str, model: str = "multiplier = 1\n") -> str:
    return with_("multiplier = 1\n", model, with_('basis = "total"', f'basis = "{name}"'))


def by_meter(price: PriceSnapshot, usage: Usage = EVERYTHING) -> dict[str, str]:
    lines = price_lines(price, measured_of(usage))
    return {line.meter.value: credits_text(line.cost_microcredits) for line in lines}


def test_total_charges_every_token_alike():
    assert by_meter(snapshot_from(BASE)) == {
        "input_tokens": "60",
        "cached_input_tokens": "40",
        "output_tokens": "30",
        "reasoning_tokens": "20",
    }


def test_output_charges_what_was_generated():
    assert by_meter(snapshot_from(basis("output"))) == {
        "input_tokens": "0",
        "cached_input_tokens": "0",
        "output_tokens": "30",
        "reasoning_tokens": "20",
    }


def test_weighted_has_a_weight_for_each_meter_and_one_multiplier():
    text = basis("weighted", "multiplier = 2.5\n") + (
        "[billing.weights]\ninput_tokens = 0.25\ncached_input_tokens = 0.025\noutput_tokens = 1\n"
    )
    assert by_meter(snapshot_from(text)) == {
        "input_tokens": "37.5",
        "cached_input_tokens": "2.5",
        "output_tokens": "75",
        "reasoning_tokens": "50",  # no weight of its own: an output token
    }


def test_a_weight_of_nothing_is_nothing():
    text = basis("weighted") + "[billing.weights]\ninput_tokens = 0\noutput_tokens = 1\n"
    assert by_meter(snapshot_from(text))["input_tokens"] == "0"
    assert by_meter(snapshot_from(text))["cached_input_tokens"] == "0"


def test_the_smallest_weight_and_multiplier_are_exact():
    text = basis("weighted", "multiplier = 0.001\n") + (
        "[billing.weights]\ninput_tokens = 0.001\noutput_tokens = 0.001\n"
    )
    assert cost_of_tokens(snapshot_from(text), 3, 4) == 7


def test_rates_have_a_price_for_each_meter():
    text = with_('basis = "total"', 'basis = "rates"\nunit = "USD"')
    text = with_('[models.tiny]\ntier = "standard"\nmultiplier = 1\n', RATES, text)
    price = snapshot_from(text)
    assert cost_of_tokens(price, 30, 150) == microcredits_of("0.001575")
    assert by_meter(price, Usage(prompt_tokens=1_000_000, cached_tokens=400_000, completion_tokens=2)) == {
        "input_tokens": "1.5",
        "cached_input_tokens": "1",  # no price of its own: the prompt's
        "output_tokens": "0.00002",
    }


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("2.50", Rate(Meter.OUTPUT_TOKENS, 2_500_000, 1_000_000)),
        ('"2.50"', Rate(Meter.OUTPUT_TOKENS, 2_500_000, 1_000_000)),
        ("3", Rate(Meter.OUTPUT_TOKENS, 3_000_000, 1_000_000)),
        # nano-dollars a token, more than micro-credits can say
        ('{ price = "0.0000025", per = 1 }', Rate(Meter.OUTPUT_TOKENS, 2_500, 1_000)),
        ("{ price = 0.000000001, per = 1 }", Rate(Meter.OUTPUT_TOKENS, 1, 1_000)),
        ("{ price = 5, per = 1000 }", Rate(Meter.OUTPUT_TOKENS, 5_000_000, 1_000)),
    ],
)
def test_how_a_rate_may_be_written(written, rate):
    text = basis("rates", f"rates = {{ input_tokens = 1, output_tokens = {written} }}\n")
    assert rate in snapshot_from(text).rates


def test_other_meters_are_priced_by_the_piece():
    text = basis(
        "total",
        "rates = { images = 500, requests = 1, audio_milliseconds = 6, characters = 15, search_units = 2 }\n",
    )
    assert {
        (rate.meter.value, rate.unit_price_microcredits, rate.per) for rate in snapshot_from(text).rates
    } == {
        ("images", 500_000_000, 1),
        ("requests", 1_000_000, 1),
        ("audio_milliseconds", 6_000_000, 60_000),
        ("characters", 15_000_000, 1_000_000),
        ("search_units", 2_000_000, 1),
    }


def test_a_multiplier_may_be_for_a_thousand_tokens():
    text = with_('basis = "total"', 'basis = "total"\nper_tokens = 1000')
    assert credits_text(cost_of_tokens(snapshot_from(text), 100, 200)) == "0.3"


def test_a_class_with_one_multiplier_gives_it():
    found = policy_from(with_('tier = "standard"\nmultiplier = 1\n', 'price_class = "small"\n'))
    assert found.prices.lists[0].models["tiny"].multiplier_milli == 500


def test_a_tier_answers_to_its_aliases():
    found = policy_from(with_('tier = "standard"\nmultiplier = 1\n', 'tier = "premium"\nmultiplier = 1\n'))
    assert found.prices.lists[0].models["tiny"].tier == "frontier"
    assert found.model_classes["large"].tier == "frontier"


def test_free_is_said_in_so_many_words():
    price = snapshot_from(with_("multiplier = 1\n", "free = true\n"))
    assert cost_of_tokens(price, 10, 10) == 0
    assert policy_from(with_("multiplier = 1\n", "free = true\n")).prices.lists[0].models["tiny"].is_free


def test_a_model_without_an_entry_has_no_price():
    with pytest.raises(PriceUnknown):
        snapshot_from(BASE, "huge")


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────────────

GROUPS = '[groups.partners]\nratio = 0.85\ntiers = ["pro", "enterprise"]\n'


def test_a_group_pays_its_part_of_every_price():
    text = BASE + GROUPS
    assert cost_of_tokens(snapshot_from(text, tier=Tier.PRO), 100, 200) == microcredits_of(255)
    assert cost_of_tokens(snapshot_from(text, tier=Tier.FREE), 100, 200) == microcredits_of(300)
    assert cost_of_tokens(snapshot_from(text), 100, 200) == microcredits_of(300)


def test_a_ratio_is_exact_also_where_it_leaves_the_micro_credit():
    text = basis("rates", 'rates = { input_tokens = "0.000001", output_tokens = "0.000003" }\n')
    text += '[groups.partners]\nratio = 0.333\ntiers = ["pro"]\n'
    price = snapshot_from(text, tier=Tier.PRO)
    assert cost_of_tokens(price, 1_000_000_000, 0) == 333
    assert cost_of_tokens(price, 0, 1_000_000_000) == 999


def test_snapshots_are_made_once():
    prices = policy_from(BASE + GROUPS).prices.lists[0]
    assert prices.snapshot("tiny", Tier.PRO) is prices.snapshot("tiny", Tier.PRO)
    assert prices.snapshot("tiny", Tier.PRO) != prices.snapshot("tiny")

"""Price lists by date: which one is in force, what a later one may change, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.billing.builders import ManualClock
from tests.unit.policy.profile_text import BASE, policy_from, with_

from raseed.adapters.policy.loader import PolicyError
from raseed.core.billing.price_book import PriceBook, PricesInForce
from raseed.core.billing.pricing import NO_PRICES, cost_of_tokens, token_price
from raseed.core.clock import SECOND, Microseconds
from raseed.core.errors import PriceUnknown
from raseed.core.money import microcredits_of


def at(text: str) -> Microseconds:
    return Microseconds(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND)


def change(version: str, published: str, effective: str, models: str) -> str:
    return f"""
[[prices.changes]]
version = "{version}"
published_at = {published}
effective_at = {effective}
{models}"""


TWO_CREDITS = "[prices.changes.models.tiny]\nmultiplier = 2\n"
BEFORE = at("2027-01-31T20:59:59")
BEGINS = at("2027-01-31T21:00:00")
"""Midnight of the first of February in Kuwait."""


def multipliers(text: str, when: Microseconds) -> dict[str, int]:
    return {
        model: price.multiplier_milli for model, price in policy_from(text).prices.at(when).models.items()
    }


def test_the_list_in_force_is_the_latest_that_has_begun():
    text = BASE + change("2", "2027-01-01", "2027-02-01", TWO_CREDITS)
    text += change("3", "2027-02-10", "2027-03-01T12:00:00Z", TWO_CREDITS.replace("2", "2.5"))
    prices = policy_from(text).prices
    assert prices.at(Microseconds(0)).version == "1"
    assert prices.at(BEFORE).version == "1"
    assert prices.at(BEGINS).version == "2"
    assert prices.at(at("2027-03-01T11:59:59")).version == "2"
    assert prices.at(at("2027-03-01T12:00:00")).version == "3"
    assert prices.at(at("2099-01-01")).models["tiny"].multiplier_milli == 2500


def test_a_later_list_keeps_what_it_does_not_name():
    text = BASE + '[models.other]\ntier = "standard"\nmultiplier = 3\n'
    text += change("2", "2027-01-01", "2027-02-01", TWO_CREDITS)
    assert multipliers(text, BEGINS) == {"tiny": 2000, "other": 3000}


def test_a_later_list_may_add_and_remove_models():
    added = '[prices.changes.models.vast]\nprice_class = "large"\nmultiplier = 2.5\nhosting = "cloud"\n'
    text = BASE + change(
        "2", "2027-02-01", "2027-02-01", added + "[prices.changes.models.tiny]\nremoved = true\n"
    )
    assert multipliers(text, BEFORE) == {"tiny": 1000}
    assert multipliers(text, BEGINS) == {"vast": 2500}
    assert set(policy_from(text).catalogue) == {"tiny", "vast"}
    with pytest.raises(PriceUnknown):
        policy_from(text).prices.at(BEGINS).snapshot("tiny")


def test_a_later_list_may_move_a_model_to_another_shelf_and_keep_its_price():
    text = BASE + change("2", "2027-02-01", "2027-02-01", '[prices.changes.models.tiny]\ntier = "premium"\n')
    assert policy_from(text).prices.at(BEGINS).models["tiny"].tier == "frontier"
    assert multipliers(text, BEGINS) == {"tiny": 1000}


# ── notice ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("published", "effective", "is_refused"),
    [
        ("2027-01-18", "2027-02-01", False),  # 14 days to the second
        ("2027-01-18T00:00:01+03:00", "2027-02-01", True),
        ("2027-01-19", "2027-02-01", True),
        ("2027-02-01", "2027-02-01", True),
    ],
)
def test_a_raise_needs_its_notice(published, effective, is_refused):
    text = BASE + change("2", published, effective, TWO_CREDITS)
    if is_refused:
        with pytest.raises(PolicyError, match="becomes dearer"):
            policy_from(text)
    else:
        assert multipliers(text, BEGINS) == {"tiny": 2000}


def test_the_profile_says_how_long_the_notice_is():
    soon = change("2", "2027-01-25", "2027-02-01", TWO_CREDITS)
    assert policy_from(with_('version = "1"', 'version = "1"\nnotice_days = 7') + soon).notice_days == 7
    assert policy_from(with_('version = "1"', 'version = "1"\nnotice_days = 0') + soon).notice_days == 0
    with pytest.raises(PolicyError, match="asks for 8"):
        policy_from(with_('version = "1"', 'version = "1"\nnotice_days = 8') + soon)


@pytest.mark.parametrize(
    "models",
    [
        "[prices.changes.models.tiny]\nmultiplier = 0.999\n",
        "[prices.changes.models.tiny]\nfree = true\n",
        "[prices.changes.models.tiny]\nremoved = true\n",
        '[prices.changes.models.new]\ntier = "standard"\nmultiplier = 9\n',
    ],
    ids=["a lower price", "a gift", "a model that goes", "a model that comes"],
)
def test_what_is_no_raise_needs_no_notice(models):
    assert (
        policy_from(BASE + change("2", "2027-02-01", "2027-02-01", models)).prices.at(BEGINS).version == "2"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("free = true", "multiplier = 0.001"),
        (
            "rates = { input_tokens = 1, output_tokens = 1 }",
            "rates = { input_tokens = 0.5, output_tokens = 1.1 }",
        ),
        (
            "rates = { input_tokens = 2, cached_input_tokens = 1, output_tokens = 2 }",
            "rates = { input_tokens = 2, output_tokens = 2 }",
        ),
        (
            "rates = { input_tokens = 1, output_tokens = 1 }",
            "rates = { input_tokens = 1, output_tokens = 1, images = 1 }",
        ),
        (
            "rates = { input_tokens = 1, output_tokens = 1 }",
            "rates = { input_tokens = { price = 1, per = 999999 }, output_tokens = 1 }",
        ),
    ],
    ids=["end of a gift", "one of two", "a rebate that ends", "a meter that was free", "fewer for the same"],
)
def test_every_kind_of_raise_is_seen(before, after):
    body = f"[prices.changes.models.tiny]\n{after}\n"
    text = with_("multiplier = 1\n", f"{before}\n") + change("2", "2027-01-31", "2027-02-01", body)
    with pytest.raises(PolicyError, match="becomes dearer 1 days after publication"):
        policy_from(text)


def test_each_list_is_compared_with_the_one_before():
    text = BASE + change("2", "2027-01-01", "2027-02-01", TWO_CREDITS)
    text += change("3", "2027-02-01", "2027-02-02", TWO_CREDITS)  # the same price again
    text += change("4", "2027-02-02", "2027-02-03", TWO_CREDITS.replace("= 2", "= 1"))
    text += change("5", "2027-02-03", "2027-02-04", TWO_CREDITS)
    with pytest.raises(PolicyError) as caught:
        policy_from(text)
    assert all("prices.changes[3].models.tiny" in problem for problem in caught.value.problems)


# ── by the clock ────────────────────────────────────────────────────────────────────────────────────────────────────


class CountingBook(PriceBook):
    opened = 0

    def span(self, now):
        type(self).opened += 1
        return super().span(now)


def test_prices_change_at_their_moment_and_the_book_is_opened_for_that_alone():
    lists = policy_from(BASE + change("2", "2027-01-01", "2027-02-01", TWO_CREDITS)).prices.lists
    clock = ManualClock(BEGINS - 3)
    CountingBook.opened = 0
    prices = PricesInForce(CountingBook(lists), clock)
    seen = []
    for _ in range(1_000):
        seen.append(prices.snapshot("tiny").version)
        clock.advance(1)
    assert seen == ["1"] * 3 + ["2"] * 997
    assert CountingBook.opened == 2
    clock.advance(-1_000)  # a clock that is set back
    assert prices.snapshot("tiny").version == "1"


def test_an_open_hold_keeps_the_price_that_it_was_opened_with():
    prices = policy_from(BASE + change("2", "2027-01-01", "2027-02-01", TWO_CREDITS)).prices
    clock = ManualClock(BEFORE)
    in_force = PricesInForce(prices, clock)
    frozen = in_force.snapshot("tiny")
    clock.advance(SECOND)
    assert cost_of_tokens(frozen, 100, 200) == microcredits_of(300)
    assert cost_of_tokens(in_force.snapshot("tiny"), 100, 200) == microcredits_of(600)


def test_before_the_first_list_nothing_has_a_price():
    text = with_('version = "1"', 'version = "1"\neffective_at = 2027-02-01')
    clock = ManualClock(BEFORE)
    in_force = PricesInForce(policy_from(text).prices, clock)
    assert in_force.current() is NO_PRICES
    assert in_force.price("tiny") is None
    clock.advance(SECOND)
    assert in_force.price("tiny") is not None


def test_a_fallback_prices_what_has_no_entry_and_is_not_remembered_by_name():
    prices = policy_from(BASE).prices.with_fallback(token_price("*", "standard", 3000)).at(BEFORE)
    assert cost_of_tokens(prices.snapshot("anything"), 1, 1) == microcredits_of(6)
    assert cost_of_tokens(prices.snapshot("tiny"), 1, 1) == microcredits_of(2)
    assert prices.snapshot("anything") is not prices.snapshot("anything")

"""Whatever stands in a profile, it is a policy under which nothing is sold unpriced, or a PolicyError."""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.policy.profile_text import BASE

from raseed.adapters.policy.lines import Path, key_lines
from raseed.adapters.policy.loader import PolicyError, policy_of
from raseed.adapters.policy.source import Source
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import Policy
from raseed.core.billing.pricing import cost_of_tokens

TEXT = (
    (files("raseed.adapters.policy") / "profiles" / "kissapi.toml")
    .read_text(encoding="utf-8")
    .split("[models]")[0]
    + """
[models.gpt]
tier = "standard"
rates = { input_tokens = 1, output_tokens = { price = 2, per = 3 } }
[models.pictures]
tier = "standard"
rates = { images = 4 }
[groups.x]
ratio = 0.5
tiers = ["pro"]
[[packs]]
id = "p"
credits = 1
price_minor = 2
currency = "USD"
provider = "creem"
[[prices.changes]]
version = "3"
published_at = 2027-01-01
effective_at = 2027-02-01T00:00:00Z
[prices.changes.models.gpt]
rates = { input_tokens = 2, output_tokens = 2 }
"""
).replace("[accounts2]\n", "")
ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals()
    | st.text(max_size=3)
    | st.sampled_from(["standard", "weighted", "removed", "free"])
    | st.dates()
    | st.datetimes()
    | st.lists(st.integers() | st.text(max_size=2), max_size=2)
    | st.dictionaries(
        st.sampled_from(["tier", "price", "per", "multiplier", "version", "x"]), st.integers(), max_size=2
    )
)


def places(value: Any, path: Path = ()) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [
        *([path] if path else []),
        *(found for key, item in inner for found in places(item, (*path, key))),
    ]


def outcome(source: Source) -> Policy | tuple[str, ...]:
    try:
        return policy_of(source, HoldPolicy())
    except PolicyError as error:
        return error.problems


def check(text: str, path: Path, odd: Any, *, is_removed: bool) -> None:
    tables = copy.deepcopy(tomllib.loads(text, parse_float=Decimal))
    parent: Any = tables
    for part in path[:-1]:
        parent = parent[part]
    if is_removed:
        del parent[path[-1]]
    else:
        parent[path[-1]] = odd
    found = outcome(Source("any.toml", tables, key_lines(text)))
    if isinstance(found, tuple):
        assert found
        assert all(problem.startswith("any.toml:") for problem in found)
        return
    for prices in found.prices.lists:
        for price in prices.models.values():
            assert price.is_free or any(rate.unit_price_microcredits for rate in price.rates), price
            meters = {rate.meter for rate in price.rates}
            assert len(meters) == len(price.rates)
            if "output_tokens" in meters:
                assert cost_of_tokens(prices.snapshot(price.model), 0, 1) > 0


@settings(max_examples=150)
@given(st.sampled_from([BASE, TEXT]), st.data(), ODD, st.booleans())
def test_one_odd_value_anywhere(text, data, odd, is_removed):
    path = data.draw(st.sampled_from(places(tomllib.loads(text))))
    check(text, path, odd, is_removed=is_removed)


@example("\x00")
@example('[models."')
@given(st.text(alphabet="abx\"'[]{}=.,\n #\\1", max_size=40))
def test_any_text_that_is_toml_has_its_lines(text):
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(key_lines(text)) == set(places(tables))

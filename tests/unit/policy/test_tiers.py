"""Tiers as a profile gives them, and mistakes in them."""

from __future__ import annotations

import pytest
from tests.unit.policy.mistakes import HERE, check_named
from tests.unit.policy.profile_text import BASE, policy_from

from raseed.core.accounts.model import Tier
from raseed.core.limits.model import UNLIMITED, TierLimits

PRO = """
[tiers.pro]
rpm = 30
rpd = 1000
tpm = 60_000
concurrency = 4
max_output_tokens = 4096
models = ["tiny"]
keys = 3
priority = 4
"""


def test_what_is_not_named_has_no_limit():
    tiers = policy_from(BASE).tiers
    assert dict(tiers) == dict.fromkeys(Tier, UNLIMITED)


def test_every_key_is_read():
    tiers = policy_from(BASE + PRO).tiers
    assert tiers[Tier.PRO] == TierLimits(
        rpm=30,
        rpd=1000,
        tpm=60_000,
        concurrency=4,
        max_output_tokens=4096,
        models=frozenset({"tiny"}),
        keys=3,
        priority=4,
    )
    assert tiers[Tier.BASIC] == UNLIMITED


def test_a_model_that_is_sold_later_may_be_named():
    change = """
[[prices.changes]]
version = "2"
published_at = 2027-01-01
effective_at = 2027-02-01
[prices.changes.models.vast]
tier = "standard"
multiplier = 2
"""
    policy = policy_from(BASE + PRO.replace('"tiny"', '"vast"') + change)
    assert policy.tiers[Tier.PRO].models == frozenset({"vast"})


MISTAKES = {
    "unknown tier": (BASE + PRO.replace("[tiers.pro]", f"[tiers.gold] {HERE}"), "tiers.gold", "known: free, s"),
    "unknown key": (BASE + PRO + f"rps = 1 {HERE}\n", "tiers.pro.rps", "unknown key; known: rpm, rpd"),
    "no requests at all": (BASE + PRO.replace("rpm = 30", f"rpm = 0 {HERE}"), "tiers.pro.rpm", ">= 1"),
    "half a request": (BASE + PRO.replace("rpd = 1000", f"rpd = 0.5 {HERE}"), "tiers.pro.rpd", "int"),
    "model that is not sold": (
        BASE + PRO.replace('["tiny"]', f'["tiny",\n "huge"] {HERE}'),
        "tiers.pro.models[1]",
        "there is no model 'huge'",
    ),
    "models by a word": (BASE + PRO.replace('["tiny"]', f'"some" {HERE}'), "tiers.pro.models", "'some'"),
    "no weight": (BASE + PRO.replace("priority = 4", f"priority = 0 {HERE}"), "tiers.pro.priority", ">= 1"),
    "a tier is a table": (BASE.replace("[billing]", f"tiers = {{ pro = 3 }} {HERE}\n[billing]"), "tiers.pro", "must be a table"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "key", "why"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_line(text, key, why):
    check_named(text, key, why)

"""Mistakes in models and their prices: none is sold unpriced, and none is free by accident."""

from __future__ import annotations

import pytest
from tests.unit.policy.mistakes import HERE, check_named
from tests.unit.policy.profile_text import BASE, with_

TINY = '[models.tiny]\ntier = "standard"\nmultiplier = 1\n'


def tiny(body: str) -> str:
    return with_(TINY, f"[models.tiny] \n{body}\n")


def billing(line: str) -> str:
    return with_('basis = "total"', line)


def rates(inside: str, start: str = '[models.tiny]\ntier = "standard"\n') -> str:
    text = with_(TINY, f"{start}rates = {{ {inside} }} {HERE}\n")
    return with_('basis = "total"', 'basis = "rates"', text)


MISTAKES = {
    # ── models
    "multiplier of nothing": (
        tiny(f'tier = "standard"\nmultiplier = 0 {HERE}'),
        "models.tiny.multiplier",
        "must be above 0",
    ),
    "multiplier below nothing": (
        tiny(f'tier = "standard"\nmultiplier = -1 {HERE}'),
        "models.tiny.multiplier",
        "must be above 0",
    ),
    "multiplier in four decimals": (
        tiny(f'tier = "standard"\nmultiplier = 0.0005 {HERE}'),
        "models.tiny.multiplier",
        "at most 3 decimals",
    ),
    "multiplier that is none": (
        tiny(f'tier = "standard"\nmultiplier = nan {HERE}'),
        "models.tiny.multiplier",
        "out of range",
    ),
    "multiplier beyond all": (
        tiny(f'tier = "standard"\nmultiplier = 1001 {HERE}'),
        "models.tiny.multiplier",
        "out of range",
    ),
    "multiplier, weight and ratio beyond all": (
        with_(
            "[models.tiny]",
            f"[models.tiny] {HERE}",
            with_("multiplier = 1\n", "multiplier = 999.999\n", billing('basis = "weighted"')),
        )
        + "[billing.weights]\ninput_tokens = 1\noutput_tokens = 999.999\n"
        + '[groups.x]\nratio = 999.999\ntiers = ["pro"]\n',
        "models.tiny",
        "more than the ledger can book",
    ),
    "no price": (
        with_(TINY, f'[models.tiny] {HERE}\ntier = "standard"\n'),
        "models.tiny.multiplier",
        "is missing, and so are rates",
    ),
    "free is false": (
        with_(TINY, f'[models.tiny] {HERE}\ntier = "standard"\nfree = false\n'),
        "models.tiny.multiplier",
        "is missing",
    ),
    "free and priced": (
        tiny(f'tier = "standard"\nmultiplier = 1\nfree = true {HERE}'),
        "models.tiny.free",
        "multiplier is the price already",
    ),
    "no tier": (
        with_(TINY, f"[models.tiny] {HERE}\nmultiplier = 1\n"),
        "models.tiny.price_class",
        "is missing, and so is tier",
    ),
    "tier unknown": (tiny(f'tier = "gold" {HERE}\nmultiplier = 1'), "models.tiny.tier", "unknown model tier"),
    "tier and class": (
        tiny(f'price_class = "small"\ntier = "standard" {HERE}'),
        "models.tiny.tier",
        "follows from price_class",
    ),
    "class unknown": (
        tiny(f'price_class = "tall" {HERE}'),
        "models.tiny.price_class",
        "unknown class 'tall'; known: small, large",
    ),
    "outside its class": (
        tiny(f'price_class = "large"\nmultiplier = 3 {HERE}'),
        "models.tiny.multiplier",
        "class large goes from 2 to 2.5",
    ),
    "class with a range": (
        with_(TINY, f'[models.tiny] {HERE}\nprice_class = "large"\n'),
        "models.tiny.multiplier",
        "is missing",
    ),
    "removed from the start": (tiny(f"removed = true {HERE}"), "models.tiny.removed", "in a later list"),
    "hosting": (
        tiny(f'tier = "standard"\nmultiplier = 1\nhosting = "moon" {HERE}'),
        "models.tiny.hosting",
        "'moon'",
    ),
    "category": (
        tiny(f'tier = "standard"\nmultiplier = 1\ncategories = ["chat", "magic"] {HERE}'),
        "models.tiny.categories",
        "'magic'",
    ),
    "context": (
        tiny(f'tier = "standard"\nmultiplier = 1\ncontext_length = 0 {HERE}'),
        "models.tiny.context_length",
        ">= 1",
    ),
    "key of a model": (
        tiny(f'tier = "standard"\nmultiplyer = 1 {HERE}'),
        "models.tiny.multiplyer",
        "unknown key",
    ),
    "name that needs quotes": (
        BASE + f'[models."a:b"]\ntier = "standard"\nmultiplier = 0 {HERE}\n',
        'models."a:b".multiplier',
        "must be above 0",
    ),
    "embedding under output": (
        with_(
            "[models.tiny]",
            f"[models.tiny] {HERE}",
            with_(
                "multiplier = 1\n",
                'multiplier = 1\ncategories = ["embedding"]\n',
                billing('basis = "output"'),
            ),
        ),
        "models.tiny",
        "prompts would cost nothing",
    ),
    # ── rates
    "multiplier under rates": (
        with_("multiplier = 1\n", f"multiplier = 1 {HERE}\n", billing('basis = "rates"')),
        "models.tiny.multiplier",
        "give rates",
    ),
    "rates in a class": (
        with_(
            TINY,
            f'[models.tiny]\nprice_class = "small" {HERE}\nrates = {{ input_tokens = 1, output_tokens = 1 }}\n',
        ),
        "models.tiny.price_class",
        "with rates give tier",
    ),
    "no rate at all": (
        with_(TINY, f'[models.tiny] {HERE}\ntier = "standard"\nrates = {{}}\n'),
        "models.tiny",
        "would cost nothing",
    ),
    "no rate for answers": (rates("input_tokens = 1"), "models.tiny.rates.output_tokens", "is missing"),
    "no rate for prompts": (rates("output_tokens = 1"), "models.tiny.rates.input_tokens", "is missing"),
    "answers for nothing": (
        rates("input_tokens = 1, output_tokens = 0", f'[models.tiny] {HERE}\ntier = "standard"\n').replace(
            f"}} {HERE}", "}"
        ),
        "models.tiny",
        "answers would cost nothing",
    ),
    "pictures for nothing": (
        rates("images = 0", f'[models.tiny] {HERE}\ntier = "standard"\n').replace(f"}} {HERE}", "}"),
        "models.tiny",
        "would cost nothing",
    ),
    "unknown meter": (
        rates("input_tokens = 1, output_tokens = 1, smiles = 1"),
        "models.tiny.rates.smiles",
        "unknown meter; known: input_tokens",
    ),
    "rate below nothing": (
        rates("input_tokens = -1, output_tokens = 1"),
        "models.tiny.rates.input_tokens",
        "at least 0",
    ),
    "rate in ten decimals": (
        rates('input_tokens = "0.0000000001", output_tokens = 1'),
        "models.tiny.rates.input_tokens",
        "at most 9 decimals",
    ),
    "rate that is none": (
        rates('input_tokens = "cheap", output_tokens = 1'),
        "models.tiny.rates.input_tokens",
        "Invalid decimal",
    ),
    "rate for no token": (
        rates("input_tokens = { price = 1, per = 0 }, output_tokens = 1"),
        "models.tiny.rates.input_tokens.per",
        ">= 1",
    ),
    "rate without a price": (
        rates("input_tokens = { per = 1 }, output_tokens = 1"),
        "models.tiny.rates.input_tokens.price",
        "is missing",
    ),
}


@pytest.mark.parametrize(("text", "key", "why"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_line(text, key, why):
    check_named(text, key, why)

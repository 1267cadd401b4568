"""Mistakes in packs, open top-ups and later price lists."""

from __future__ import annotations

import pytest
from tests.unit.policy.mistakes import HERE, check_named
from tests.unit.policy.profile_text import BASE, with_

PACK = """
[[packs]]
id = "p"
credits = 500
price_minor = 2000
currency = "KWD"
provider = "myfatoorah"
"""
TOPUP = """
[topup]
currency = "USD"
provider = "creem"
min_minor = 500
max_minor = 1000
"""
CHANGE = """
[[prices.changes]]
version = "2"
published_at = 2027-01-01
effective_at = 2027-02-01
[prices.changes.models.tiny]
multiplier = 2
"""


MISTAKES = {
    # ── what is sold
    "pack of nothing": (
        BASE + PACK.replace("credits = 500", f"credits = 0 {HERE}"),
        "packs[0].credits",
        "must be above 0",
    ),
    "pack for nothing": (
        BASE + PACK.replace("price_minor = 2000", f"price_minor = 0 {HERE}"),
        "packs[0].price_minor",
        ">= 1",
    ),
    "price in dinars": (
        BASE + PACK.replace("price_minor = 2000", f"price_minor = 2.5 {HERE}"),
        "packs[0].price_minor",
        "Expected `int`",
    ),
    "pack in pounds": (
        BASE + PACK.replace('"KWD"', f'"GBP" {HERE}'),
        "packs[0].currency",
        "unknown currency 'GBP'; known: KWD, USD",
    ),
    "pack from nobody": (
        BASE + PACK.replace('"myfatoorah"', f'"bank" {HERE}'),
        "packs[0].provider",
        "must be one of myfatoorah, creem",
    ),
    "pack twice": (
        BASE + PACK + PACK.replace('"p"', f'"p" {HERE}'),
        "packs[1].id",
        "there is a pack 'p' already",
    ),
    "pack with a bad name": (BASE + PACK.replace('"p"', f'"Pack 1" {HERE}'), "packs[0].id", "regex"),
    "bonus below nothing": (
        BASE + PACK + f"bonus_credits = -5 {HERE}\n",
        "packs[0].bonus_credits",
        "at least 0",
    ),
    "one pack is no list": (BASE + PACK.replace("[[packs]]", f"[packs] {HERE}"), "packs", "Expected `array`"),
    "open amounts of credits": (
        BASE + TOPUP.replace('"USD"', f'"USD" {HERE}'),
        "topup.currency",
        "only in the unit of account, here credits",
    ),
    "most below least": (
        with_('basis = "total"', 'basis = "total"\nunit = "USD"')
        + TOPUP.replace("max_minor = 1000", f"max_minor = 100 {HERE}"),
        "topup.max_minor",
        "is below min_minor",
    ),
    # ── price lists
    "version missing": (with_('[prices]\nversion = "1"', f"[prices] {HERE}"), "prices.version", "is missing"),
    "notice below nothing": (
        with_('version = "1"', f'version = "1"\nnotice_days = -1 {HERE}'),
        "prices.notice_days",
        ">= 0",
    ),
    "version twice": (
        BASE + CHANGE.replace('"2"', f'"1" {HERE}'),
        "prices.changes[0].version",
        "there is a list '1' already",
    ),
    "date in quotes": (
        BASE + CHANGE.replace("2027-02-01", f'"2027-02-01" {HERE}'),
        "prices.changes[0].effective_at",
        "must be a date without quotes",
    ),
    "time without offset": (
        BASE + CHANGE.replace("2027-02-01", f"2027-02-01T00:00:00 {HERE}"),
        "prices.changes[0].effective_at",
        "needs its offset",
    ),
    "for the past": (
        BASE + CHANGE.replace("2027-02-01", f"2026-12-01 {HERE}"),
        "prices.changes[0].effective_at",
        "not changed for the past",
    ),
    "out of order": (
        BASE + CHANGE + CHANGE.replace('"2"', '"3"').replace("2027-02-01", f"2027-02-01 {HERE}"),
        "prices.changes[1].effective_at",
        "in the order in which they begin",
    ),
    "raise without notice": (
        BASE + CHANGE.replace("2027-02-01", "2027-01-14").replace(".tiny]", f".tiny] {HERE}"),
        "prices.changes[0].models.tiny",
        "input_tokens becomes dearer 13 days after publication; prices.notice_days asks for 14",
    ),
    "mistake in a later list": (
        BASE + CHANGE.replace("multiplier = 2", f"multiplier = 0 {HERE}"),
        "prices.changes[0].models.tiny.multiplier",
        "must be above 0",
    ),
    "new model without a price": (
        BASE + CHANGE.replace(".tiny]", f".vast] {HERE}").replace("multiplier = 2", 'tier = "standard"'),
        "prices.changes[0].models.vast.multiplier",
        "is missing",
    ),
    "gone and priced": (
        BASE + CHANGE + f"removed = true {HERE}\n",
        "prices.changes[0].models.tiny.removed",
        "stands alone",
    ),
    "never there and gone": (
        BASE + CHANGE.replace(".tiny]", ".vast]").replace("multiplier = 2", f"removed = true {HERE}"),
        "prices.changes[0].models.vast.removed",
        "of the list before",
    ),
}


@pytest.mark.parametrize(("text", "key", "why"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_line(text, key, why):
    check_named(text, key, why)

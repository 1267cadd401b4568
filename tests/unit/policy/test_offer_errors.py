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
PLAN = """
[[plans]]
id = "basic"
name_en = "Basic"
name_ar = "الأساسي"
tier = "basic"
credits = 500
price_minor = 2000
currency = "KWD"
provider = "myfatoorah"
"""
KEYS = """
[extra_keys]
price_minor = 2000
currency = "KWD"
provider = "myfatoorah"
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
    # ── plans and keys
    "plan twice": (
        BASE + PLAN + PLAN.replace('"basic"\nname', f'"basic" {HERE}\nname'),
        "plans[1].id",
        "there is a plan 'basic' already",
    ),
    "plan without an Arabic name": (
        BASE + PLAN.replace('name_ar = "الأساسي"\n', "").replace("[[plans]]", f"[[plans]] {HERE}"),
        "plans[0].name_ar",
        "is missing",
    ),
    "plan of an unknown tier": (
        BASE + PLAN.replace('tier = "basic"', f'tier = "gold" {HERE}'),
        "plans[0].tier",
        "must be one of free, starter",
    ),
    "plan of nothing": (
        BASE + PLAN.replace("credits = 500", f"credits = 0 {HERE}"),
        "plans[0].credits",
        "must be above 0",
    ),
    "plan for a week": (
        BASE + PLAN + f'period = "week" {HERE}\n',
        "plans[0].period",
        "must be one of month, year",
    ),
    "trial without credit": (
        BASE + PLAN.replace("[[plans]]", f"[[plans]] {HERE}") + "trial_days = 7\n",
        "plans[0].trial_credits",
        "trial_days needs it",
    ),
    "credit of no trial": (
        BASE + PLAN + f"trial_credits = 10 {HERE}\n",
        "plans[0].trial_credits",
        "only with trial_days",
    ),
    "roll-over without a cap": (
        BASE + PLAN.replace("[[plans]]", f"[[plans]] {HERE}") + 'rollover = "capped"\n',
        "plans[0].rollover_cap",
        'rollover = "capped" needs it',
    ),
    "cap of no roll-over": (
        BASE + PLAN + f"rollover_cap = 10 {HERE}\n",
        "plans[0].rollover_cap",
        'only with rollover = "capped"',
    ),
    "grace of a month": (
        BASE + PLAN + f"grace_days = 28 {HERE}\n",
        "plans[0].grace_days",
        "<= 27",
    ),
    "plan that Creem does not know": (
        BASE + PLAN.replace('"myfatoorah"', '"creem"').replace("[[plans]]", f"[[plans]] {HERE}"),
        "plans[0].product_id",
        "creem sells what is in its own catalogue",
    ),
    "keys that Creem does not know": (
        BASE + KEYS.replace('"myfatoorah"', '"creem"').replace("[extra_keys]", f"[extra_keys] {HERE}"),
        "extra_keys.product_id",
        "creem sells what is in its own catalogue",
    ),
    "keys without number": (BASE + KEYS + f"max = 0 {HERE}\n", "extra_keys.max", ">= 1"),
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

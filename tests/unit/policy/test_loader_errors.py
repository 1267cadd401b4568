"""Every mistake in a profile stops the start, with the file, the line and the key at fault."""

from __future__ import annotations

import pytest
from tests.unit.policy.mistakes import HERE, check_named
from tests.unit.policy.profile_text import BASE, policy_from, with_

from raseed.adapters.policy.loader import PolicyError, load_policy
from raseed.adapters.policy.source import parse_source
from raseed.core.billing.holds import HoldPolicy

TINY = '[models.tiny]\ntier = "standard"\nmultiplier = 1\n'


def billing(line: str) -> str:
    return with_('basis = "total"', line)


MISTAKES = {
    # ── the file as a whole
    "unknown section": (BASE + f"[discounts] {HERE}\n", "discounts", "unknown key"),
    "no models": (with_(TINY, ""), "models", "is missing"),
    "time zone": (with_('"Asia/Kuwait"', f'"Asia/Atlantis" {HERE}'), "time_zone", "unknown time zone"),
    "account tier": (with_('"free"', f'"gold" {HERE}'), "default_tier", "must be one of free, starter"),
    # ── billing
    "basis": (billing(f'basis = "tokens" {HERE}'), "billing.basis", "must be one of total, output"),
    "basis missing": (
        with_('[billing]\nbasis = "total"', f"[billing] {HERE}"),
        "billing.basis",
        "is missing",
    ),
    "unit": (billing(f'basis = "total"\nunit = "EUR" {HERE}'), "billing.unit", "must be one of credits, USD"),
    "per_tokens": (
        billing(f'basis = "total"\nper_tokens = 100 {HERE}'),
        "billing.per_tokens",
        "must be one of 1, 1000",
    ),
    "per_tokens of rates": (
        with_(
            "multiplier = 1\n",
            "rates = { input_tokens = 1, output_tokens = 1 }\n",
            billing(f'basis = "rates"\nper_tokens = 1000 {HERE}'),
        ),
        "billing.per_tokens",
        "basis rates has no multiplier",
    ),
    "rounding": (
        billing(f'basis = "total"\nrounding = "up" {HERE}'),
        "billing.rounding",
        "must be one of exact, ceil_credit",
    ),
    "on_shortfall": (
        billing(f'basis = "total"\non_shortfall = "borrow" {HERE}'),
        "billing.on_shortfall",
        "must be one of stop, debt, absorb",
    ),
    "debt_limit without debt": (
        billing(f'basis = "total"\non_shortfall = "absorb"\ndebt_limit = 5 {HERE}'),
        "billing.debt_limit",
        'only with on_shortfall = "debt"',
    ),
    "debt_limit below nothing": (
        billing(f'basis = "total"\non_shortfall = "debt"\ndebt_limit = -1 {HERE}'),
        "billing.debt_limit",
        "must be",
    ),
    "debt_limit finer than a micro-credit": (
        billing(f'basis = "total"\non_shortfall = "debt"\ndebt_limit = 0.0000001 {HERE}'),
        "billing.debt_limit",
        "decimals",
    ),
    "absorb_limit without absorb": (
        billing(f'basis = "total"\nabsorb_limit = 5 {HERE}'),
        "billing.absorb_limit",
        'only with on_shortfall = "absorb"',
    ),
    "credits_shape": (
        billing(f'basis = "total"\ncredits_shape = 1 {HERE}'),
        "billing.credits_shape",
        "must be one of",
    ),
    "typing error": (
        billing(f'basis = "total"\nroundign = "exact" {HERE}'),
        "billing.roundign",
        "unknown key; known: basis",
    ),
    "weights without need": (BASE + f"[billing.weights] {HERE}\n", "billing.weights", "has no weights"),
    "weights missing": (
        with_('[billing]\nbasis = "total"', f'[billing] {HERE}\nbasis = "weighted"'),
        "billing.weights.input_tokens",
        "is missing",
    ),
    "weight missing": (
        billing('basis = "weighted"') + f"[billing.weights] {HERE}\ninput_tokens = 1\n",
        "billing.weights.output_tokens",
        "is missing",
    ),
    "weight of no token": (
        billing('basis = "weighted"')
        + f"[billing.weights]\ninput_tokens = 1\noutput_tokens = 1\nimages = 1 {HERE}\n",
        "billing.weights.images",
        "only tokens",
    ),
    "weight below nothing": (
        billing('basis = "weighted"') + f"[billing.weights]\ninput_tokens = -1 {HERE}\noutput_tokens = 1\n",
        "billing.weights.input_tokens",
        "at least 0",
    ),
    "weight gives answers away": (
        with_("[models.tiny]", f"[models.tiny] {HERE}", billing('basis = "weighted"'))
        + "[billing.weights]\ninput_tokens = 1\noutput_tokens = 0\n",
        "models.tiny",
        "answers would cost nothing",
    ),
    # ── accounts, grants, groups
    "identity": (
        BASE + f'[accounts]\nidentity = ["fax"] {HERE}\n',
        "accounts.identity",
        "Invalid enum value 'fax'",
    ),
    "password": (
        BASE + f'[accounts]\nidentity = ["password"] {HERE}\n',
        "accounts.identity",
        "Invalid enum value 'password'",
    ),
    "country": (
        BASE + f'[accounts]\ncountries = ["KW", "kuwait"] {HERE}\n',
        "accounts.countries",
        "matching regex",
    ),
    "no identity": (BASE + f"[accounts]\nidentity = [] {HERE}\n", "accounts.identity", "length >= 1"),
    "retention": (
        BASE + f"[accounts]\nusage_retention_days = 0 {HERE}\n",
        "accounts.usage_retention_days",
        ">= 1",
    ),
    "welcome": (with_("credits = 1000", f"credits = 0 {HERE}"), "grants.welcome.credits", "must be above 0"),
    "welcome in seven decimals": (
        with_("credits = 1000", f"credits = 0.0000001 {HERE}"),
        "grants.welcome.credits",
        "at most 6 decimals",
    ),
    "welcome beyond all": (
        with_("credits = 1000", f"credits = 1e12 {HERE}"),
        "grants.welcome.credits",
        "out of range",
    ),
    "welcome is no number": (
        with_("credits = 1000", f'credits = "many" {HERE}'),
        "grants.welcome.credits",
        "Invalid decimal",
    ),
    "welcome by mail": (
        with_("[grants.welcome]", f"[grants.welcome] {HERE}") + '[accounts]\nidentity = ["email_code"]\n',
        "grants.welcome",
        "say by_email = true",
    ),
    "welcome is yes": (
        with_("credits = 1000", f"credits = true {HERE}"),
        "grants.welcome.credits",
        "got `bool`",
    ),
    "welcome for no day": (
        with_("credits = 1000", f"credits = 1\nexpires_after_days = 0 {HERE}"),
        "grants.welcome.expires_after_days",
        ">= 1",
    ),
    "priority missing": (
        with_("[grants.priority]", f"[grants.priority] {HERE}", with_("topup = 50\n", "")),
        "grants.priority.topup",
        "is missing",
    ),
    "priority of nothing": (
        with_("topup = 50", f"topup = 50\ngifts = 1 {HERE}"),
        "grants.priority.gifts",
        "unknown key",
    ),
    "ratio of nothing": (
        BASE + f"[groups.x]\nratio = 0 {HERE}\ntiers = []\n",
        "groups.x.ratio",
        "must be above 0",
    ),
    "ratio in four decimals": (
        BASE + f"[groups.x]\nratio = 0.1234 {HERE}\ntiers = []\n",
        "groups.x.ratio",
        "at most 3 decimals",
    ),
    "tier in two groups": (
        BASE + f'[groups.x]\nratio = 1\ntiers = ["pro"]\n[groups.y]\nratio = 2\ntiers = ["pro"] {HERE}\n',
        "groups.y.tiers",
        "pro belongs to x already",
    ),
    # ── tiers and classes
    "alias twice": (
        with_('aliases = ["premium"]', f'aliases = ["standard"] {HERE}'),
        "model_tiers.frontier.aliases",
        "names one tier",
    ),
    "label missing": (
        with_('[model_tiers.standard]\nlabel = "Standard"', f"[model_tiers.standard] {HERE}"),
        "model_tiers.standard.label",
        "is missing",
    ),
    "class of no tier": (
        with_('tier = "premium"', f'tier = "gold" {HERE}'),
        "price_classes.large.tier",
        "unknown model tier 'gold'; known: standard, frontier",
    ),
    "class upside down": (
        with_("multiplier_max = 2.5", f"multiplier_max = 1 {HERE}"),
        "price_classes.large.multiplier_max",
        "below multiplier_min",
    ),
}


@pytest.mark.parametrize(("text", "key", "why"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_line(text, key, why):
    check_named(text, key, why)


def test_every_mistake_of_a_section_is_named_at_once():
    text = with_("multiplier = 1\n", "multiplier = 0\ncolour = 1\n") + '[models.b]\ntier = "gold"\n'
    with pytest.raises(PolicyError) as caught:
        policy_from(text)
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "models.tiny.colour",
        "models.b.tier",
    ]


def test_broken_syntax_is_named_with_its_line():
    text = with_('basis = "total"', 'basis = "total')
    line = text.splitlines().index('basis = "total') + 1
    with pytest.raises(PolicyError, match=rf"small\.toml:{line}: "):
        policy_from(text)


def test_a_file_that_is_no_text():
    with pytest.raises(PolicyError, match=r"small\.toml: .*utf-8"):
        parse_source("small.toml", b"\xff")


def test_a_profile_that_is_not_there():
    with pytest.raises(PolicyError, match="unknown profile 'gold'; known: kissapi, resayil, resayil-simple"):
        load_policy("gold", HoldPolicy())
    with pytest.raises(PolicyError, match=r"nowhere\.toml: no such profile file"):
        load_policy("nowhere.toml", HoldPolicy())


def test_a_file_of_ones_own(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(BASE, encoding="utf-8")
    assert load_policy(str(file), HoldPolicy()).profile == "small"
    file.write_text(with_("multiplier = 1\n", "multiplier = 0\n"), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"own\.toml:\d+: models\.tiny\.multiplier"):
        load_policy(str(file), HoldPolicy())


def test_who_means_it_gives_welcome_credit_by_mail():
    text = with_("[grants.welcome]", "[grants.welcome]\nby_email = true")
    assert policy_from(text + '[accounts]\nidentity = ["email_code"]\n').welcome is not None

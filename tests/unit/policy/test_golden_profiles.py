"""What each shipped profile comes down to, reviewed like an interface: a price that changes shows up here.

`RASEED_UPDATE_GOLDEN=1` writes the files anew; the difference is then for review.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from raseed.adapters.policy.loader import load_policy
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import Plan, Policy
from raseed.core.billing.pricing import ModelPrice
from raseed.core.clock import DAY, Microseconds
from raseed.core.limits.model import TierLimits
from raseed.core.money import credits_text, price_text

FOLDER = Path(__file__).parents[2] / "golden" / "policy"


def shown_price(policy: Policy, price: ModelPrice) -> str:
    facts = policy.catalogue[price.model]
    shelf = facts.class_id or price.tier
    if policy.basis == "rates":
        rates = ", ".join(
            f"{rate.meter} {credits_text(rate.unit_price_microcredits)}/{rate.per:,}" for rate in price.rates
        )
        return f"{shelf} {facts.hosting}: {rates}"
    return f"{shelf} {facts.hosting}: x{Decimal(price.multiplier_milli) / 1000}"


def shown_limits(limits: TierLimits) -> str:
    named = {
        field.name: getattr(limits, field.name)
        for field in fields(limits)
        if field.name not in ("models", "priority")
    }
    shown = [f"{name} {value:,}" for name, value in named.items() if value is not None]
    models = "all models" if limits.models is None else ", ".join(sorted(limits.models))
    return ", ".join([*shown, models, f"weight {limits.priority}"])


def shown_plan(plan: Plan) -> str:
    price = f"{price_text(plan.price_minor, plan.currency)} {plan.currency} by {plan.provider}"
    parts = [
        f"{plan.name_en} ({plan.name_ar}): {plan.tier}",
        f"{credits_text(plan.amount_microcredits)} a {plan.period} for {price}",
        f"reminder {plan.reminder_us // DAY} days",
        f"grace {plan.grace_us // DAY} days",
    ]
    if plan.trial_us:
        parts.append(f"trial {plan.trial_us // DAY} days with {credits_text(plan.trial_microcredits)}")
    if plan.rollover_cap_microcredits:
        parts.append(f"at most {credits_text(plan.rollover_cap_microcredits)} roll over")
    return ", ".join([*parts, *([] if plan.is_public else ["not sold"])])


def shown(policy: Policy) -> dict[str, Any]:
    prices = policy.prices.at(Microseconds(0))
    welcome = policy.welcome
    return {
        "charged": f"{policy.basis} in {policy.unit}, {prices.rounding}, as {policy.credits_shape}",
        "identity": list(policy.identity),
        "sign_up": {
            "region": policy.sign_up.default_region,
            "countries": sorted(policy.sign_up.countries),
            "terms": policy.sign_up.terms_version,
            "age": policy.sign_up.minimum_age,
        },
        "notices": f"{policy.language} by {', '.join(policy.channels)}",
        "priorities": {source.value: priority for source, priority in policy.priorities.items()},
        "welcome": None
        if welcome is None
        else [
            credits_text(welcome.amount_microcredits),
            None if welcome.expires_after_us is None else f"{welcome.expires_after_us // DAY} days",
        ],
        "tiers": {tier.value: shown_limits(limits) for tier, limits in policy.tiers.items()},
        "packs": {
            pack.id: f"{pack.name} + {credits_text(pack.bonus_microcredits)} for "
            f"{price_text(pack.price_minor, pack.currency)} {pack.currency} by {pack.provider}"
            for pack in policy.packs
        },
        "plans": {plan.id: shown_plan(plan) for plan in policy.plans},
        "extra_keys": policy.extra_keys
        and f"{price_text(policy.extra_keys.price_minor, policy.extra_keys.currency)} {policy.extra_keys.currency} "
        f"by {policy.extra_keys.provider}, at most {policy.extra_keys.max_count}",
        "on_upgrade": policy.on_upgrade,
        "refund_shortfall": policy.refund_shortfall,
        "checkout_by_key": policy.allow_checkout,
        "version": prices.version,
        "models": {model: shown_price(policy, price) for model, price in prices.models.items()},
    }


@pytest.mark.parametrize("name", ["resayil", "resayil-simple", "kissapi"])
def test_profile(name):
    actual = json.dumps(shown(load_policy(name, HoldPolicy())), indent=2, ensure_ascii=False) + "\n"
    file = FOLDER / f"{name}.json"
    if os.environ.get("RASEED_UPDATE_GOLDEN"):
        file.write_text(actual, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == actual

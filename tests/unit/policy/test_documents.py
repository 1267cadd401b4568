"""Each shipped profile gives the numbers that are printed in the documents it stands for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.billing.builders import Books, place

from raseed.adapters.policy.loader import load_policy
from raseed.core.billing.commands import Held, IssueGrant, Settled, SettleHold
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource, RunRecord
from raseed.core.billing.policy import Hosting, Identity, PaymentProvider, Policy
from raseed.core.billing.pricing import cost_of_tokens, measured_of, price_lines
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId, HoldId
from raseed.core.inference.model import Usage, UsageSource
from raseed.core.money import credits_text, microcredits_of, price_text

ROOT = Path(__file__).parents[3]
DOCUMENTS: dict[str, list[dict[str, Any]]] = json.loads(
    (ROOT / "tests/golden/policy/documents.json").read_text(encoding="utf-8")
)
NOW = Microseconds(1_790_000_000_000_000)
PROFILES = ("resayil", "resayil-simple", "kissapi")


def policy(name: str) -> Policy:
    return load_policy(str(ROOT / name) if name.endswith(".toml") else name, HoldPolicy())


def printed(kind: str) -> Any:
    return pytest.mark.parametrize(
        "case",
        DOCUMENTS[kind],
        ids=lambda case: (
            f"{case['document']}-{case.get('model') or case.get('name') or case.get('family') or 'all'}"
        ),
    )


@printed("charges")
def test_a_request_costs_what_the_document_says(case):
    price = policy(case["profile"]).prices.at(NOW).snapshot(case["model"])
    assert cost_of_tokens(price, case["prompt_tokens"], case["completion_tokens"]) == microcredits_of(
        case["cost"]
    )


@printed("multipliers")
def test_a_named_model_is_sold_in_the_class_of_the_table(case):
    found = policy(case["profile"])
    [model] = [model for model in found.catalogue.values() if model.display_name == case["name"]]
    price = found.prices.at(NOW).models[model.id]
    assert model.class_id is not None
    assert found.model_classes[model.class_id].label == case["class"]
    assert found.model_tiers[price.tier].label == case["tier"]
    assert Decimal(case["least"]) <= Decimal(price.multiplier_milli) / 1000 <= Decimal(case["most"])


@printed("families")
def test_a_named_family_is_sold_in_one_tier(case):
    found = policy(case["profile"])
    models = [model for model in found.catalogue.values() if model.family == case["family"]]
    ordinary = [
        model for model in models if "thinking" not in model.categories or case["family"] == "DeepSeek"
    ]
    assert ordinary
    for model in ordinary:
        price = found.prices.at(NOW).models[model.id]
        assert found.model_tiers[price.tier].label == case["tier"], model.id
        assert Decimal(price.multiplier_milli) / 1000 == Decimal(case["multiplier"]), model.id


@printed("packs")
def test_the_packs_are_those_of_the_document(case):
    packs = [
        [credits_text(pack.amount_microcredits), price_text(pack.price_minor, pack.currency), pack.currency]
        for pack in policy(case["profile"]).packs
    ]
    assert packs == case["packs"]


@printed("welcome")
def test_the_welcome_is_that_of_the_document(case):
    welcome = policy(case["profile"]).welcome
    if case["credits"] is None:
        assert welcome is None
        return
    assert welcome is not None
    assert welcome.amount_microcredits == microcredits_of(case["credits"])
    assert welcome.expires_after_us == (None if case["days"] is None else case["days"] * DAY)


def test_150_credits_leave_4850_of_a_pack_of_5000():
    found = policy("resayil-simple")
    pack = found.packs[0]
    alice = AccountId("acct_alice")
    books = Books(alice)
    books.do(
        IssueGrant(
            account_id=alice,
            grant_key="pack",
            source=GrantSource.TOPUP,
            amount_microcredits=pack.amount_microcredits,
            priority=found.priorities[GrantSource.TOPUP],
            cost_basis_minor=pack.price_minor,
            currency=pack.currency,
        )
    )
    price = found.prices.at(NOW).snapshot("llama3:8b")
    assert isinstance(books.do(place("email", cost_of_tokens(price, 30, 512), 0, price=price)), Held)
    settled = books.do(
        SettleHold(
            account_id=alice,
            hold_id=HoldId("email"),
            owner_instance="worker-1",
            owner_epoch=1,
            measured=measured_of(Usage(prompt_tokens=30, completion_tokens=150)),
            run=RunRecord(outcome="completed", finish_reason="stop", usage_source=UsageSource.ENGINE),
        )
    )
    assert isinstance(settled, Settled)
    assert credits_text(settled.cost_microcredits) == "150"
    assert credits_text(settled.spendable_microcredits) == "4850"


def test_the_dollar_example_is_exact_line_by_line():
    price = policy("kissapi").prices.at(NOW).snapshot("gpt-4o")
    lines = price_lines(price, measured_of(Usage(prompt_tokens=30, completion_tokens=150)))
    assert [credits_text(line.cost_microcredits) for line in lines] == ["0.000075", "0.0015"]
    # In nano-dollars: 2,500 for a token of the prompt, 10,000 for one of the answer.
    assert [line.unit_price_microcredits * 1000 // line.per for line in lines] == [2_500, 10_000]
    assert [line.unit_price_microcredits * 1000 % line.per for line in lines] == [0, 0]
    assert sum(line.cost_microcredits for line in lines) * 1000 == 1_575_000


def test_price_notice_is_14_days():
    assert policy("resayil").notice_days == 14


def test_kissapi_is_a_dollar_balance_with_mail_accounts_paid_through_creem():
    found = policy("kissapi")
    assert (found.unit, found.time_zone, found.usage_retention_days) == ("USD", "UTC", 90)
    assert found.identity == (Identity.EMAIL_CODE,)
    assert (found.sign_up.terms_version, found.sign_up.minimum_age) == ("2026-02-18", 18)
    assert found.topup is not None
    assert found.topup.provider is PaymentProvider.CREEM
    assert found.topup.microcredits_for(2_000) == microcredits_of(20)
    for amount in (499, 550, 100_100):
        with pytest.raises(ValueError, match="not an amount on offer"):
            found.topup.microcredits_for(amount)


def test_resayil_offers_at_least_45_models_from_both_kinds_of_hosting():
    found = policy("resayil")
    assert len(found.prices.at(NOW).models) >= 45
    assert {model.hosting for model in found.catalogue.values()} == set(Hosting)
    assert sum(model.hosting is Hosting.LOCAL for model in found.catalogue.values()) >= 15
    assert {"Llama", "Qwen", "Gemma", "Mistral", "DeepSeek"} <= {
        model.family for model in found.catalogue.values()
    }
    assert found.model_tier("premium") == found.model_tiers["frontier"]
    assert found.model_tier("gold") is None


@pytest.mark.parametrize("name", PROFILES)
def test_the_demo_model_has_a_price_in_every_profile(name):
    price = policy(name).prices.at(NOW).models["raseed-tiny"]
    assert price.multiplier_milli == 1000
    assert not price.is_free


@pytest.mark.parametrize("name", PROFILES)
def test_no_shipped_model_is_free(name):
    prices = policy(name).prices.at(NOW)
    for model in prices.models:
        assert cost_of_tokens(prices.snapshot(model), 1, 1) > 0, model


@pytest.mark.parametrize("name", PROFILES)
def test_nothing_about_a_shipped_model_is_left_open(name):
    for model in policy(name).catalogue.values():
        assert model.display_name != model.id, model.id
        assert model.family, model.id
        assert model.categories, model.id

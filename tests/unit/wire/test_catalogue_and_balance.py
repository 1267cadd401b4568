from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from openai.types import Model

from raseed.adapters.policy.loader import load_policy
from raseed.adapters.wire.billing import CreditsShape, encode_subscription
from raseed.adapters.wire.json_values import credits_json, milli_json, rfc3339_text
from raseed.adapters.wire.openai.models import (
    ModelDetails,
    details_of,
    encode_model,
    encode_model_list,
    of_category,
)
from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import BalanceView, GrantSource, GrantView, Meter, Rate
from raseed.core.billing.pricing import ModelPrice
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.ids import AccountId, GrantId
from raseed.core.inference.model import Capability, ModelCard
from raseed.core.inference.service import OfferedModel

MOMENT = Microseconds(1_748_736_000_000_000)
TINY = OfferedModel(
    ModelCard(
        id="raseed-tiny",
        context_length=1024,
        max_output_tokens=512,
        capabilities=frozenset({Capability.TOOLS, Capability.LOGPROBS}),
        created_at_s=1_760_000_000,
    ),
    ModelPrice(model="raseed-tiny", tier="standard", multiplier_milli=1000, rates=()),
)
QWEN = OfferedModel(
    ModelCard(id="hf.co/Qwen/Qwen3:Q4", context_length=131_072, max_output_tokens=8192, owned_by="alibaba"),
    ModelPrice(model="hf.co/Qwen/Qwen3:Q4", tier="frontier", multiplier_milli=2500, rates=()),
)
QWEN_DETAILS = ModelDetails(
    display_name="Qwen 3",
    description="A model.",
    family="Qwen",
    categories=("chat", "tools"),
    size="medium",
    params="30B",
    quantization="Q4_K_M",
    license="apache-2.0",
    deprecated_at=MOMENT,
)


def test_models(golden):
    listed = encode_model_list([TINY, QWEN], {QWEN.card.id: QWEN_DETAILS})
    golden("models.json", listed)
    golden("models_empty.json", encode_model_list([]))
    golden("model.json", encode_model(TINY))
    singles = [encode_model(TINY), encode_model(QWEN, QWEN_DETAILS)]
    assert msgspec.json.decode(listed)["data"] == [msgspec.json.decode(single) for single in singles]
    assert Model.model_validate_json(singles[1]).id == "hf.co/Qwen/Qwen3:Q4"


def test_a_model_that_costs_dollars(golden):
    """Each kind of token with its price for one, as text; what has none of its own is left out."""
    rates = (
        Rate(Meter.INPUT_TOKENS, 3_000_000, 1_000_000),
        Rate(Meter.CACHED_INPUT_TOKENS, 300_000, 1_000_000),
        Rate(Meter.OUTPUT_TOKENS, 15_000_000, 1_000_000),
    )
    priced = replace(QWEN, price=replace(QWEN.price, rates=rates))
    golden("model_in_dollars.json", encode_model(priced, replace(QWEN_DETAILS, is_priced_in_usd=True)))


@pytest.mark.parametrize(("profile", "in_usd"), [("resayil", False), ("kissapi", True)])
def test_every_model_of_a_profile_is_described(profile, in_usd):
    policy = load_policy(profile, HoldPolicy())
    details = details_of(policy)
    assert details.keys() == policy.catalogue.keys()
    assert all(said.display_name and said.categories for said in details.values())
    assert {said.is_priced_in_usd for said in details.values()} == {in_usd}


@pytest.mark.parametrize(
    ("category", "listed"), [("", [TINY, QWEN]), ("chat", [QWEN]), ("tools", [QWEN]), ("vision", [])]
)
def test_models_of_a_category(category, listed):
    """Of any that a model has, not only its main one."""
    assert list(of_category([TINY, QWEN], {QWEN.card.id: QWEN_DETAILS}, category)) == listed


@pytest.mark.parametrize("word", ["Chat", "chats", " ", "chat,tools"])
def test_what_is_no_category_is_refused(word):
    with pytest.raises(RequestInvalid, match="chat, code, embedding, vision, thinking, tools") as refused:
        of_category([], {}, word)
    assert refused.value.param == "category"


ACCOUNT = Account(
    id=AccountId("acct_1"),
    email="owner@localhost",
    phone_e164=None,
    tier=Tier.PRO,
    status=AccountStatus.ACTIVE,
    tier_expires_at=MOMENT,
    created_at=Microseconds(0),
)


def grant(source: GrantSource, expires_at: Microseconds | None) -> GrantView:
    return GrantView(
        id=GrantId(f"grant_{source}"),
        source=source,
        amount_microcredits=1_000_000_000,
        remaining_microcredits=999_500_001,
        held_microcredits=500_000,
        effective_at=Microseconds(MOMENT + 999_999),
        expires_at=expires_at,
        priority=10,
        created_at=MOMENT,
    )


def balance(*grants: GrantView, spendable: int = 732_000_000) -> BalanceView:
    return BalanceView(
        account_id=ACCOUNT.id,
        spendable_microcredits=spendable,
        held_microcredits=500_000,
        debt_microcredits=0,
        grants=grants,
    )


@pytest.mark.parametrize("shape", ["object", "number"])
def test_subscription(golden, shape: CreditsShape):
    grants = (grant(GrantSource.WELCOME, MOMENT), grant(GrantSource.TOPUP, None))
    golden(f"subscription_{shape}.json", encode_subscription(ACCOUNT, balance(*grants), credits_shape=shape))


@pytest.mark.parametrize(("owed", "limit"), [(0, 5_000_000), (2_500_000, 5_000_000), (1, 0)])
def test_what_is_owed_stands_beside_the_balance_of_who_may_owe(owed: int, limit: int):
    view = replace(balance(), debt_microcredits=owed)
    body = msgspec.json.decode(encode_subscription(ACCOUNT, view, debt_limit_microcredits=limit))
    assert (body["debt"], body["debt_limit"]) == (owed / 1_000_000, limit / 1_000_000)
    assert "debt" not in msgspec.json.decode(encode_subscription(ACCOUNT, balance()))


@pytest.mark.parametrize(
    ("microcredits", "text"),
    [(0, "0"), (1, "0.000001"), (-1, "-0.000001"), (732_500_000, "732.5"), (10**15, "1000000000")],
)
def test_amounts_are_exact_json_numbers(microcredits: int, text: str):
    assert bytes(credits_json(microcredits)).decode() == text
    body = msgspec.json.decode(encode_subscription(ACCOUNT, balance(spendable=microcredits)))
    assert body["credits"]["balance"] == body["credits_balance"] == microcredits / 1_000_000


def test_multipliers():
    assert [bytes(milli_json(milli)) for milli in (500, 1000, 2500, 0)] == [b"0.5", b"1", b"2.5", b"0"]


def test_moments_are_whole_seconds_in_utc():
    assert rfc3339_text(Microseconds(0)) == "1970-01-01T00:00:00Z"
    assert rfc3339_text(Microseconds(MOMENT + 999_999)) == "2025-06-01T00:00:00Z"

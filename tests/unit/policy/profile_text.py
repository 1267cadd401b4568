"""A small profile to change in one place, and what becomes of it."""

from __future__ import annotations

from raseed.adapters.policy.loader import policy_of
from raseed.adapters.policy.source import parse_source
from raseed.core.accounts.model import Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import PriceSnapshot
from raseed.core.billing.policy import Policy
from raseed.core.clock import Microseconds

BEGINNING = Microseconds(0)
BASE = """\
profile = "small"
time_zone = "Asia/Kuwait"
default_tier = "free"

[billing]
basis = "total"

[grants.welcome]
credits = 1000

[grants.priority]
welcome = 10
subscription = 20
topup = 50
adjustment = 30
restore = 40

[prices]
version = "1"

[model_tiers.standard]
label = "Standard"

[model_tiers.frontier]
label = "Frontier"
aliases = ["premium"]

[price_classes.small]
tier = "standard"
label = "Small"
multiplier_min = 0.5
multiplier_max = 0.5

[price_classes.large]
tier = "premium"
label = "Large"
multiplier_min = 2
multiplier_max = 2.5

[models.tiny]
tier = "standard"
multiplier = 1
"""


def with_(old: str, new: str, text: str = BASE) -> str:
    """The text with one of its places changed."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def policy_from(text: str) -> Policy:
    return policy_of(parse_source("small.toml", text.encode()), HoldPolicy())


def snapshot_from(
    text: str, model: str = "tiny", tier: Tier | None = None, at: Microseconds = BEGINNING
) -> PriceSnapshot:
    return policy_from(text).prices.at(at).snapshot(model, tier)

"""The commercial rules of one deployment, as data. `adapters/policy` reads them from a profile file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from raseed.core.accounts.model import Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource
from raseed.core.billing.pricing import PriceList


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeGrant:
    amount_microcredits: int
    expires_after_us: int | None
    """None: it does not expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    profile: str
    time_zone: str
    """IANA name; what a customer's day, month and receipt dates are reckoned in."""
    default_tier: Tier
    welcome: WelcomeGrant | None
    priorities: Mapping[GrantSource, int]
    """Burn order: grants of a lower number are spent first."""
    credits_shape: Literal["object", "number"]
    """`credits` in GET /api/billing/subscription: an object with the balance, or the bare number."""
    prices: PriceList
    hold: HoldPolicy

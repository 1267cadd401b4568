"""Spend caps in JSON, as keys and members have them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from raseed.adapters.wire.json_values import credits_json
from raseed.core.billing.spend_caps import Bucket, CapWindow, SpendCap
from raseed.core.errors import RequestInvalid
from raseed.core.money import MICROCREDITS_PER_CREDIT


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To set."""

    limit: Decimal
    window: CapWindow = CapWindow.LIFETIME


class Spend(msgspec.Struct, frozen=True):
    """A cap, and what counts against it."""

    limit: msgspec.Raw
    window: str
    charged: msgspec.Raw
    held: msgspec.Raw


def to_core_cap(given: Cap) -> SpendCap:
    """Raises RequestInvalid."""
    micro = given.limit * MICROCREDITS_PER_CREDIT if given.limit.is_finite() else Decimal("0.5")
    if micro != micro.to_integral_value() or abs(micro) > 10**18:
        raise RequestInvalid("A cap has at most six decimals.", param="spend_cap.limit")
    return SpendCap(int(micro), given.window)


def spend_json(bucket: Bucket | None) -> Spend | None:
    if bucket is None:
        return None
    return Spend(
        limit=credits_json(bucket.cap.limit_microcredits),
        window=bucket.cap.window.value,
        charged=credits_json(bucket.charged_microcredits),
        held=credits_json(bucket.held_microcredits),
    )

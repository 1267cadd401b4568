"""What a request cost, as extension keys of a usage object: `credits` and `credits_remaining`."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.json_values import credits_json

OptionalNumber = msgspec.Raw | msgspec.UnsetType


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    cost_microcredits: int
    remaining_microcredits: int | None = None


def charge_keys(charged: Charged | None) -> tuple[OptionalNumber, OptionalNumber]:
    """The values of both keys; what is not known is left out of the JSON."""
    if charged is None:
        return msgspec.UNSET, msgspec.UNSET
    remaining: OptionalNumber = msgspec.UNSET
    if charged.remaining_microcredits is not None:
        remaining = credits_json(charged.remaining_microcredits)
    return credits_json(charged.cost_microcredits), remaining

"""GET /v1/models and /v1/models/{id}: one object that clients of OpenAI, vLLM, Anthropic and the modelled services read.

Each of them finds its own keys: `object`, `created`, `owned_by` (OpenAI); `max_model_len` (vLLM); `type`,
`display_name`, `created_at`, `has_more`, `first_id`, `last_id` (Anthropic); `name`, `credit_multiplier`,
`credit_cost_multiplier`, `context_window`, `tier`, `family`, `category`, … (the services' three shapes together);
`pricing` (OpenRouter) where accounts pay dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

import msgspec

from raseed.adapters.policy.models import Category
from raseed.adapters.wire.json_values import milli_json, rfc3339_text
from raseed.adapters.wire.usage_query import one_of
from raseed.core.billing.model import Meter, Rate
from raseed.core.billing.policy import Policy
from raseed.core.billing.pricing import ModelPrice
from raseed.core.clock import SECOND, Microseconds
from raseed.core.inference.service import OfferedModel

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetails:
    """What a catalogue may say of a model beside what it costs. None and empty are left out of the JSON."""

    display_name: str | None = None
    """Default: the id."""
    description: str | None = None
    family: str | None = None
    categories: tuple[str, ...] = ()
    """chat · code · embedding · vision · thinking · tools; the first is the main one."""
    size: str | None = None
    params: str | None = None
    quantization: str | None = None
    license: str | None = None
    deprecated_at: Microseconds | None = None
    is_priced_in_usd: bool = False
    """Whether accounts pay dollars and not credits: then the entry says what a token costs."""


NO_DETAILS = ModelDetails()
NOTHING_KNOWN: Mapping[str, ModelDetails] = {}


def details_of(policy: Policy) -> Mapping[str, ModelDetails]:
    """What the profile says of each model that it prices."""
    return {
        model.id: ModelDetails(
            display_name=model.display_name,
            family=model.family,
            categories=model.categories,
            is_priced_in_usd=policy.unit == "USD",
        )
        for model in policy.catalogue.values()
    }


_CATEGORIES: tuple[str, ...] = get_args(Category)


def of_category(
    offered: Sequence[OfferedModel], details: Mapping[str, ModelDetails], category: str
) -> Sequence[OfferedModel]:
    """Those that have a category, be it not their main one; all of them if it is empty. `details` by id.

    Raises RequestInvalid for what is no category: an empty list would say that no such model is offered.
    """
    if not category:
        return offered
    one_of(category, "category", _CATEGORIES)
    return [model for model in offered if category in details.get(model.card.id, NO_DETAILS).categories]


class _Pricing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Dollars for one token, as texts: exact, however small. The names are those that OpenRouter made usual."""

    prompt: str
    completion: str
    input_cache_read: str | None = None
    input_cache_write: str | None = None
    internal_reasoning: str | None = None


class _Model(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    object: str
    created: int
    owned_by: str
    type: str
    display_name: str
    created_at: str
    name: str
    tier: str
    credit_multiplier: msgspec.Raw
    credit_cost_multiplier: msgspec.Raw
    context_length: int
    context_window: int
    max_model_len: int
    max_output_tokens: int
    is_active: bool
    capabilities: list[str]
    description: str | None = None
    family: str | None = None
    category: str | None = None
    categories: tuple[str, ...] = ()
    size: str | None = None
    params: str | None = None
    quantization: str | None = None
    license: str | None = None
    deprecated_at: str | None = None
    pricing: _Pricing | None = None


class _ModelList(msgspec.Struct, frozen=True):
    object: str
    data: list[_Model]
    has_more: bool
    first_id: str | None
    last_id: str | None


def encode_model(offered: OfferedModel, details: ModelDetails = NO_DETAILS) -> bytes:
    return _encode(_model(offered, details))


def encode_model_list(
    offered: Sequence[OfferedModel], details: Mapping[str, ModelDetails] = NOTHING_KNOWN
) -> bytes:
    """All of them on one page, in the order given; `details` by id. What a key may not see must not be in `offered`."""
    listed = _ModelList(
        object="list",
        data=[_model(model, details.get(model.card.id, NO_DETAILS)) for model in offered],
        has_more=False,
        first_id=offered[0].card.id if offered else None,
        last_id=offered[-1].card.id if offered else None,
    )
    return _encode(listed)


def _model(offered: OfferedModel, details: ModelDetails) -> _Model:
    card, price = offered.card, offered.price
    multiplier = milli_json(price.multiplier_milli)
    display_name = details.display_name or card.id
    return _Model(
        id=card.id,
        object="model",
        created=card.created_at_s,
        owned_by=card.owned_by,
        type="model",
        display_name=display_name,
        created_at=rfc3339_text(Microseconds(card.created_at_s * SECOND)),
        name=display_name,
        tier=price.tier,
        credit_multiplier=multiplier,
        credit_cost_multiplier=multiplier,
        context_length=card.context_length,
        context_window=card.context_length,
        max_model_len=card.context_length,
        max_output_tokens=card.max_output_tokens,
        is_active=True,
        capabilities=sorted(card.capabilities),
        description=details.description,
        family=details.family,
        category=details.categories[0] if details.categories else None,
        categories=details.categories,
        size=details.size,
        params=details.params,
        quantization=details.quantization,
        license=details.license,
        deprecated_at=None if details.deprecated_at is None else rfc3339_text(details.deprecated_at),
        pricing=_pricing(price) if details.is_priced_in_usd else None,
    )


def _pricing(price: ModelPrice) -> _Pricing:
    shown = {rate.meter: _dollars_text(rate) for rate in price.rates}
    return _Pricing(
        prompt=shown.get(Meter.INPUT_TOKENS, "0"),
        completion=shown.get(Meter.OUTPUT_TOKENS, "0"),
        input_cache_read=shown.get(Meter.CACHED_INPUT_TOKENS),
        input_cache_write=shown.get(Meter.CACHE_WRITE_TOKENS),
        internal_reasoning=shown.get(Meter.REASONING_TOKENS),
    )


def _dollars_text(rate: Rate) -> str:
    """Of one unit.

    >>> _dollars_text(Rate(Meter.INPUT_TOKENS, 1_250_000, 1_000_000)), _dollars_text(Rate(Meter.INPUT_TOKENS, 0))
    ('0.00000125', '0')
    """
    return f"{(Decimal(rate.unit_price_microcredits) / (rate.per * 1_000_000)).normalize():f}"

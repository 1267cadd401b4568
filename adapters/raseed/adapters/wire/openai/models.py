"""GET /v1/models and /v1/models/{id}: one object that clients of OpenAI, vLLM, Anthropic and the modelled services read.

Each of them finds its own keys: `object`, `created`, `owned_by` (OpenAI); `max_model_len` (vLLM); `type`,
`display_name`, `created_at`, `has_more`, `first_id`, `last_id` (Anthropic); `name`, `credit_multiplier`,
`credit_cost_multiplier`, `context_window`, `tier`, `family`, `category`, … (the services' three shapes together).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.json_values import milli_json, rfc3339_text
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


NO_DETAILS = ModelDetails()
NOTHING_KNOWN: Mapping[str, ModelDetails] = {}


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
    )

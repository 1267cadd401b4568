"""What each tier of accounts may do: rates, answers at a time, models, keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.source import Source, collecting
from raseed.core.accounts.model import Tier
from raseed.core.limits.model import UNLIMITED, TierLimits, Tiers

Limit = Annotated[int, Meta(ge=1, le=10**12)]
Weight = Annotated[int, Meta(ge=1, le=1_000)]


class _Tier(msgspec.Struct, frozen=True):
    rpm: Limit | None = None
    rpd: Limit | None = None
    tpm: Limit | None = None
    concurrency: Limit | None = None
    max_output_tokens: Limit | None = None
    models: Literal["all"] | tuple[str, ...] = "all"
    keys: Limit | None = None
    priority: Weight = 1


def read_tiers(source: Source, catalogue: Collection[str]) -> Tiers:
    """The limits of every tier; one without a table has none. `catalogue`: every model that the profile sells, or
    will. Raises PolicyError.
    """
    tiers = dict.fromkeys(Tier, UNLIMITED)
    with collecting() as attempt:
        for name in source.names(("tiers",)):
            with attempt():
                if name not in set(Tier):
                    raise source.refusal(("tiers", name), f"unknown tier; known: {', '.join(Tier)}")
                tiers[Tier(name)] = _limits(source, ("tiers", name), catalogue)
    return tiers


def _limits(source: Source, path: Path, catalogue: Collection[str]) -> TierLimits:
    given = source.table(path, _Tier)
    models = None if given.models == "all" else frozenset(given.models)
    for position, model in enumerate(() if given.models == "all" else given.models):
        if model not in catalogue:
            raise source.refusal((*path, "models", position), f"there is no model {model!r} under [models]")
    return TierLimits(
        rpm=given.rpm,
        rpd=given.rpd,
        tpm=given.tpm,
        concurrency=given.concurrency,
        max_output_tokens=given.max_output_tokens,
        models=models,
        keys=given.keys,
        priority=given.priority,
    )

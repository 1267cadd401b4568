"""Models of a profile: the tiers and classes they are sold in, what they cost, what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.rates import read_rates, read_weights
from raseed.adapters.policy.source import Source, collecting
from raseed.core.billing.model import Meter
from raseed.core.billing.policy import CatalogueModel, Hosting, ModelClass, ModelTier, tier_named
from raseed.core.billing.pricing import Basis, ModelPrice, token_price, weights_of
from raseed.core.money import MILLI

MULTIPLIER_DECIMALS = 3
MULTIPLIER_MAX_MILLI = 1_000 * MILLI
EMBEDDING = "embedding"

Category = Literal["chat", "code", "embedding", "vision", "thinking", "tools"]


class _Tier(msgspec.Struct, frozen=True):
    label: str
    aliases: tuple[str, ...] = ()


class _Class(msgspec.Struct, frozen=True):
    tier: str
    label: str
    multiplier_min: Decimal
    multiplier_max: Decimal


class _Model(msgspec.Struct, frozen=True):
    price_class: str | None = None
    tier: str | None = None
    multiplier: Decimal | None = None
    rates: dict[str, Any] | None = None
    free: bool = False
    removed: bool = False
    hosting: Hosting | None = None
    display_name: str | None = None
    family: str | None = None
    categories: tuple[Category, ...] = ()
    context_length: Annotated[int, Meta(ge=1)] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What every model of a profile is priced by."""

    basis: Basis
    weights_milli: Mapping[Meter, int]
    per_tokens: int
    tiers: Mapping[str, ModelTier]
    classes: Mapping[str, ModelClass]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in one price list."""

    price: ModelPrice
    facts: CatalogueModel


def read_terms(source: Source, basis: Basis, per_tokens: int) -> Terms:
    """Raises PolicyError."""
    weights_at = ("billing", "weights")
    if basis is Basis.WEIGHTED:
        weights: Mapping[Meter, int] = read_weights(source, weights_at)
    elif source.at(weights_at) is not None:
        raise source.refusal(weights_at, f"basis {basis} has no weights; basis weighted has")
    else:
        weights = weights_of(basis)
    if basis is Basis.RATES and per_tokens != 1:
        raise source.refusal(
            ("billing", "per_tokens"), "basis rates has no multiplier to which it could apply"
        )
    tiers = _read_tiers(source)
    terms = Terms(basis, weights, per_tokens, tiers, {})
    return Terms(basis, weights, per_tokens, tiers, _read_classes(source, terms))


def read_entry(source: Source, path: Path, terms: Terms, before: Entry | None) -> Entry | None:
    """One model of a price list; `before` is its entry in the list before. None: it is sold no longer.

    Raises PolicyError, also for a price that would charge nothing without saying `free = true`.
    """
    given = source.table(path, _Model)
    model = str(path[-1])
    if given.removed:
        if before is None or len(source.at(path)) > 1:
            raise source.refusal(
                (*path, "removed"), "stands alone, in a later list, at a model of the list before"
            )
        return None
    tier, price_class = _shelf(source, path, given, terms, before)
    categories = given.categories or (before.facts.categories if before else ())
    embeds_only = categories == (EMBEDDING,)
    price = _price(source, path, given, terms, before, tier, price_class, embeds_only=embeds_only)
    if not price.is_free:
        _refuse_accidental_gift(source, path, price, embeds_only=embeds_only)
    known = before.facts if before else None
    facts = CatalogueModel(
        id=model,
        tier=tier,
        class_id=price_class.id if price_class else None,
        hosting=given.hosting or (known.hosting if known else Hosting.LOCAL),
        display_name=given.display_name or (known.display_name if known else model),
        family=given.family or (known.family if known else None),
        categories=categories,
        context_length=given.context_length or (known.context_length if known else None),
    )
    return Entry(price, facts)


def _read_tiers(source: Source) -> dict[str, ModelTier]:
    tiers: dict[str, ModelTier] = {}
    taken: set[str] = set()
    with collecting() as attempt:
        for name in source.names(("model_tiers",)):
            with attempt():
                path = ("model_tiers", name)
                given = source.table(path, _Tier)
                names = (name, *given.aliases)
                if len(set(names)) < len(names) or taken & set(names):
                    raise source.refusal((*path, "aliases"), "every id and alias names one tier")
                taken.update(names)
                tiers[name] = ModelTier(id=name, label=given.label, aliases=given.aliases)
    return tiers


def _read_classes(source: Source, terms: Terms) -> dict[str, ModelClass]:
    classes: dict[str, ModelClass] = {}
    with collecting() as attempt:
        for name in source.names(("price_classes",)):
            with attempt():
                path = ("price_classes", name)
                given = source.table(path, _Class)
                least = _multiplier(source, (*path, "multiplier_min"), given.multiplier_min)
                most = _multiplier(source, (*path, "multiplier_max"), given.multiplier_max)
                if most < least:
                    raise source.refusal((*path, "multiplier_max"), "is below multiplier_min")
                classes[name] = ModelClass(
                    id=name,
                    tier=_known_tier(source, (*path, "tier"), given.tier, terms),
                    label=given.label,
                    multiplier_min_milli=least,
                    multiplier_max_milli=most,
                )
    return classes


def _shelf(
    source: Source, path: Path, given: _Model, terms: Terms, before: Entry | None
) -> tuple[str, ModelClass | None]:
    if given.price_class is not None and given.tier is not None:
        raise source.refusal((*path, "tier"), "follows from price_class; give one of the two")
    if given.price_class is not None:
        found = terms.classes.get(given.price_class)
        if found is None:
            known = ", ".join(terms.classes) or "none"
            raise source.refusal(
                (*path, "price_class"), f"unknown class {given.price_class!r}; known: {known}"
            )
        return found.tier, found
    if given.tier is not None:
        return _known_tier(source, (*path, "tier"), given.tier, terms), None
    if before is not None:
        return before.facts.tier, terms.classes.get(before.facts.class_id or "")
    raise source.refusal((*path, "price_class"), "is missing, and so is tier")


def _price(
    source: Source,
    path: Path,
    given: _Model,
    terms: Terms,
    before: Entry | None,
    tier: str,
    price_class: ModelClass | None,
    *,
    embeds_only: bool,
) -> ModelPrice:
    model = str(path[-1])
    prices = {"multiplier": given.multiplier, "rates": given.rates, "free": given.free or None}
    stated = [key for key, value in prices.items() if value is not None]
    if len(stated) > 1:
        raise source.refusal((*path, stated[1]), f"{stated[0]} is the price already; give one of the two")
    if given.free:
        return ModelPrice(model=model, tier=tier, multiplier_milli=0, rates=(), is_free=True)
    if given.rates is not None:
        if given.price_class is not None:
            raise source.refusal((*path, "price_class"), "is for multipliers; with rates give tier")
        rates = read_rates(source, (*path, "rates"), embeds_only=embeds_only)
        return ModelPrice(model=model, tier=tier, multiplier_milli=MILLI, rates=rates)
    if given.multiplier is not None:
        multiplier = _multiplier(source, (*path, "multiplier"), given.multiplier)
    elif given.price_class is None and before is not None:
        old = before.price
        return ModelPrice(
            model=model,
            tier=tier,
            multiplier_milli=old.multiplier_milli,
            rates=old.rates,
            is_free=old.is_free,
        )
    elif price_class is not None and price_class.multiplier_min_milli == price_class.multiplier_max_milli:
        multiplier = price_class.multiplier_min_milli
    else:
        raise source.refusal((*path, "multiplier"), "is missing, and so are rates and free = true")
    if terms.basis is Basis.RATES:
        raise source.refusal((*path, "multiplier"), "basis rates prices every meter by itself; give rates")
    if price_class is not None:
        least, most = price_class.multiplier_min_milli, price_class.multiplier_max_milli
        if not least <= multiplier <= most:
            raise source.refusal(
                (*path, "multiplier"),
                f"class {price_class.id} goes from {Decimal(least) / MILLI} to {Decimal(most) / MILLI}",
            )
    return token_price(model, tier, multiplier, terms.weights_milli, terms.per_tokens)


def _refuse_accidental_gift(source: Source, path: Path, price: ModelPrice, *, embeds_only: bool) -> None:
    """What a model is used for must cost something: answers, prompts where there are no answers, or its own meters."""
    meters = {rate.meter for rate in price.rates}
    priced = {rate.meter for rate in price.rates if rate.unit_price_microcredits}
    if embeds_only:
        is_paid = Meter.INPUT_TOKENS in priced
    elif meters & {Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS}:
        is_paid = Meter.OUTPUT_TOKENS in priced
    else:
        is_paid = bool(priced)
    if not is_paid:
        what = "prompts" if embeds_only else "answers"
        raise source.refusal(path, f"its {what} would cost nothing; free = true says that it is meant")


def _multiplier(source: Source, path: Path, number: Decimal) -> int:
    return source.units(path, number, MULTIPLIER_DECIMALS, 1, MULTIPLIER_MAX_MILLI)


def _known_tier(source: Source, path: Path, name: str, terms: Terms) -> str:
    tier = tier_named(name, terms.tiers)
    if tier is None:
        raise source.refusal(path, f"unknown model tier {name!r}; known: {', '.join(terms.tiers) or 'none'}")
    return tier.id

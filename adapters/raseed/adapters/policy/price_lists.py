"""The price lists of a profile: the first, and what each later one changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from raseed.adapters.policy.lines import Path
from raseed.adapters.policy.models import Entry, Terms, read_entry
from raseed.adapters.policy.source import Source, collecting
from raseed.core.billing.measured import price_is_sound
from raseed.core.billing.policy import CatalogueModel
from raseed.core.billing.price_book import PriceBook, raises
from raseed.core.billing.pricing import BEGINNING, PriceList
from raseed.core.clock import DAY, Microseconds

NOTICE_DAYS = 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Version = Annotated[str, Meta(min_length=1)]


class _Prices(msgspec.Struct, frozen=True):
    version: Version
    notice_days: Annotated[int, Meta(ge=0)] = NOTICE_DAYS
    effective_at: Any = None
    changes: list[dict[str, Any]] = []


class _Change(msgspec.Struct, frozen=True):
    version: Version
    published_at: Any
    effective_at: Any
    models: dict[str, Any]


def read_prices(
    source: Source, terms: Terms, zone: ZoneInfo, template: PriceList
) -> tuple[PriceBook, Mapping[str, CatalogueModel], int]:
    """All lists, the models of all of them, and the days of notice. Raises PolicyError."""
    given = source.table(("prices",), _Prices)
    entries = _entries(source, ("models",), terms, {})
    if not entries:
        raise source.refusal(("models",), "a profile prices at least one model")
    begins = BEGINNING
    if given.effective_at is not None:
        begins = _moment(source, ("prices", "effective_at"), zone)
    lists = [_list(template, given.version, begins, entries)]
    _refuse_beyond_range(source, ("models",), lists[0])
    catalogue = {model: entry.facts for model, entry in entries.items()}
    for position in range(len(given.changes)):
        path: Path = ("prices", "changes", position)
        change = source.table(path, _Change)
        published = _moment(source, (*path, "published_at"), zone)
        effective = _moment(source, (*path, "effective_at"), zone)
        if change.version in {prices.version for prices in lists}:
            raise source.refusal((*path, "version"), f"there is a list {change.version!r} already")
        if effective <= lists[-1].effective_at:
            raise source.refusal((*path, "effective_at"), "lists stand in the order in which they begin")
        if effective < published:
            raise source.refusal((*path, "effective_at"), "prices are not changed for the past")
        entries = _entries(source, (*path, "models"), terms, entries)
        later = _list(template, change.version, effective, entries)
        _refuse_beyond_range(source, (*path, "models"), later)
        _refuse_sudden_raises(source, path, lists[-1], later, effective - published, given.notice_days)
        lists.append(later)
        catalogue |= {model: entry.facts for model, entry in entries.items()}
    return PriceBook(tuple(lists)), catalogue, given.notice_days


def _list(template: PriceList, version: str, begins: Microseconds, entries: Mapping[str, Entry]) -> PriceList:
    prices = {model: entry.price for model, entry in entries.items()}
    return replace(template, version=version, effective_at=begins, models=prices)


def _entries(source: Source, path: Path, terms: Terms, before: Mapping[str, Entry]) -> dict[str, Entry]:
    entries = dict(before)
    with collecting() as attempt:
        for model in source.names(path):
            with attempt():
                entry = read_entry(source, (*path, model), terms, before.get(model))
                if entry is None:
                    del entries[model]
                else:
                    entries[model] = entry
    return entries


def _refuse_beyond_range(source: Source, path: Path, prices: PriceList) -> None:
    """Multiplier, weight and ratio are each in range; the ledger asks it of their product."""
    with collecting() as attempt:
        for model in source.names(path):
            with attempt():
                tiers = (None, *prices.ratios_milli) if model in prices.models else ()
                if not all(price_is_sound(prices.snapshot(model, tier)) for tier in tiers):
                    raise source.refusal((*path, model), "costs more than the ledger can book")


def _refuse_sudden_raises(
    source: Source, path: Path, before: PriceList, after: PriceList, notice_us: int, notice_days: int
) -> None:
    if notice_us >= notice_days * DAY:
        return
    with collecting() as attempt:
        for model, meter in raises(before, after):
            with attempt():
                raise source.refusal(
                    (*path, "models", model),
                    f"{meter} becomes dearer {notice_us // DAY} days after publication; "
                    f"prices.notice_days asks for {notice_days}",
                )


def _moment(source: Source, path: Path, zone: ZoneInfo) -> Microseconds:
    """A date is its first moment in the profile's time zone."""
    value = source.at(path)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise source.refusal(path, "a time of day needs its offset, for example 2026-03-01T00:00:00Z")
    elif isinstance(value, date):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    else:
        raise source.refusal(path, f"must be a date without quotes, for example 2026-03-01, got {value!r}")
    return Microseconds((value - _EPOCH) // timedelta(microseconds=1))

"""Price lists by date: which one is in force, and how a later one may differ from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Tier
from raseed.core.billing.model import Meter, PriceSnapshot
from raseed.core.billing.pricing import NO_PRICES, ModelPrice, PriceList, raised_meters
from raseed.core.clock import Clock, Microseconds

_NEVER = Microseconds(2**63 - 1)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Every price list of a profile, in the order in which they come into force."""

    lists: tuple[PriceList, ...]

    def at(self, now: Microseconds) -> PriceList:
        """The list in force. Before the first one there are no prices, and nothing is served."""
        return self.span(now)[0]

    def with_fallback(self, price: ModelPrice) -> PriceBook:
        return PriceBook(tuple(replace(prices, fallback=price) for prices in self.lists))

    def span(self, now: Microseconds) -> tuple[PriceList, Microseconds, Microseconds]:
        """The list in force, and from when until when it is."""
        position = bisect_right(self.lists, now, key=lambda prices: prices.effective_at)
        until = self.lists[position].effective_at if position < len(self.lists) else _NEVER
        if position == 0:
            return NO_PRICES, Microseconds(-_NEVER), until
        return self.lists[position - 1], self.lists[position - 1].effective_at, until


class PricesInForce:
    """The prices of this moment: what a price book says by the clock.

    A request costs one look at the clock, one comparison and one look-up; the book is opened only when a list begins.
    Holds keep the snapshot that they were opened with, so a list that begins touches no open request.
    """

    def __init__(self, book: PriceBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._list, self._from, self._until = book.span(clock.now())

    def current(self) -> PriceList:
        now = self._clock.now()
        if not self._from <= now < self._until:
            self._list, self._from, self._until = self._book.span(now)
        return self._list

    def price(self, model: str) -> ModelPrice | None:
        return self.current().price(model)

    def snapshot(self, model: str, tier: Tier | None = None) -> PriceSnapshot:
        """The prices to freeze on a hold. Raises PriceUnknown."""
        return self.current().snapshot(model, tier)


def raises(before: PriceList, after: PriceList) -> Iterator[tuple[str, Meter]]:
    """Every (model, meter) that costs more in the later list. A model that is new or gone is no raise."""
    for model, price in after.models.items():
        known = before.models.get(model)
        if known is not None:
            for meter in raised_meters(known, price):
                yield model, meter

"""What usage events add to the sums by hour and by day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from raseed.core.billing.ledger_state import UsageEvent
from raseed.core.billing.model import Meter
from raseed.core.clock import DAY, HOUR

GRAINS = {"hour": HOUR, "day": DAY}
_POSITION = {meter: position for position, meter in enumerate(Meter, 2)}
_NOTHING = [0] * (2 + len(Meter))

_Of = tuple[str, int, str, str]


def usage_sum_rows(events: Iterable[UsageEvent]) -> Iterator[tuple[object, ...]]:
    """One row for each hour and one for each day, model and key that the events belong to: the table's columns."""
    hours: dict[_Of, list[int]] = {}
    for event in events:
        hold = event.hold
        of: _Of = (hold.account_id, event.at // HOUR, hold.model, hold.api_key_id or "")
        sums = hours.get(of)
        if sums is None:
            hours[of] = sums = _NOTHING.copy()
        sums[0] += 1
        sums[1] += event.cost_microcredits
        for line in event.lines:
            sums[_POSITION[line.meter]] += line.quantity
    days: dict[_Of, list[int]] = {}
    for (account_id, hour, model, key), sums in hours.items():
        yield account_id, "hour", hour * HOUR, model, key, *sums
        of = (account_id, hour * HOUR // DAY, model, key)
        days[of] = [a + b for a, b in zip(days[of], sums, strict=True)] if of in days else sums
    for (account_id, day, model, key), sums in days.items():
        yield account_id, "day", day * DAY, model, key, *sums

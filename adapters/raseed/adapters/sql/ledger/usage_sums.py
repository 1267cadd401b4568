"""What usage events add to the sums by hour, day and fortnight, of their models and of their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from raseed.core.billing.ledger_state import UsageEvent
from raseed.core.billing.model import Meter
from raseed.core.clock import DAY, HOUR

GRAINS = {"hour": HOUR, "day": DAY, "fortnight": 14 * DAY}
"""Of the sums, with their lengths: each is a whole part of the next. Fortnights are counted from 1970, as days are. A year
is some thirty rows of days and some twenty-five of fortnights for each name, where it would be 365 of days alone."""
SESSION_OF = "@"
"""Before the id of a person who used an organisation's credit without a key, where the id of a key stands otherwise."""
_POSITION = {meter: position for position, meter in enumerate(Meter, 2)}
_NOTHING = [0] * (2 + len(Meter))

_Of = tuple[str, str, str, int, str]
"""The table's key."""


def usage_sum_rows(events: Iterable[UsageEvent]) -> Iterator[tuple[object, ...]]:
    """A row for each model and each key, for each hour, day and fortnight that the events are in: the table's columns."""
    # In two steps: many requests of a batch are alike, and so each of them is added once.
    alike: dict[tuple[str, int, str, str], list[int]] = {}
    for event in events:
        hold = event.hold
        spender = hold.api_key_id or ("" if hold.person_id is None else SESSION_OF + hold.person_id)
        what = (hold.account_id, event.at // HOUR, hold.model, spender)
        sums = alike.get(what)
        if sums is None:
            alike[what] = sums = _NOTHING.copy()
        sums[0] += 1
        sums[1] += event.cost_microcredits
        for line in event.lines:
            sums[_POSITION[line.meter]] += line.quantity
    rows: dict[_Of, list[int]] = {}
    for (account_id, hour, model, key), sums in alike.items():
        for grain, length in GRAINS.items():
            begins_at = hour * HOUR // length * length
            for of in (
                (account_id, "model", grain, begins_at, model),
                (account_id, "key", grain, begins_at, key),
            ):
                before = rows.get(of)
                rows[of] = sums if before is None else [a + b for a, b in zip(before, sums, strict=True)]
    for of, sums in rows.items():
        yield *of, *sums

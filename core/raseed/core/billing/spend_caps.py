"""What an API key may spend in a window of time. Pure.

A key's charges count in the window in which they are booked; what its open holds keep counts in every window until they
end. So a new window frees what was charged in the one before, and charged + held is at no time raised above the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.billing.calendar import Calendar
from raseed.core.clock import Microseconds
from raseed.core.ids import ApiKeyId

_UTC = Calendar("UTC")


class CapWindow(StrEnum):
    """For how long a charge counts. Days, weeks (from Monday) and months begin at 00:00 UTC."""

    LIFETIME = "lifetime"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class SpendCap:
    limit_microcredits: int
    window: CapWindow = CapWindow.LIFETIME


@dataclass(slots=True, kw_only=True)
class KeySpend:
    """A key's cap and what counts against it. Keys without a cap have none."""

    api_key_id: ApiKeyId
    cap: SpendCap
    window_begins_at: Microseconds
    """Of the window that `charged` belongs to. Never moves back: a clock that is set back opens no second window."""
    charged_microcredits: int
    held_microcredits: int
    """By the key's open holds."""

    def enter_window(self, now: Microseconds) -> None:
        begin = window_begin(self.cap.window, now)
        if begin > self.window_begins_at:
            self.window_begins_at, self.charged_microcredits = begin, 0

    def charged_at(self, now: Microseconds) -> int:
        """In the window of this moment."""
        return 0 if window_begin(self.cap.window, now) > self.window_begins_at else self.charged_microcredits

    def room(self, now: Microseconds) -> tuple[int, int]:
        """(what may be set aside now, what could be if the key's open holds were all released)."""
        uncharged = self.cap.limit_microcredits - self.charged_at(now)
        return max(0, uncharged - self.held_microcredits), max(0, uncharged)


def window_begin(window: CapWindow, now: Microseconds) -> Microseconds:
    """The first moment of the window that `now` is in."""
    match window:
        case CapWindow.LIFETIME:
            return Microseconds(0)
        case CapWindow.DAY:
            return _UTC.begin(_UTC.day_of(now))
        case CapWindow.WEEK:
            return _UTC.begin_of_week(now)
        case CapWindow.MONTH:
            return _UTC.begin_of_month(now)


def nothing_spent(api_key_id: ApiKeyId, cap: SpendCap, now: Microseconds) -> KeySpend:
    """Of a new key."""
    return KeySpend(
        api_key_id=api_key_id,
        cap=cap,
        window_begins_at=window_begin(cap.window, now),
        charged_microcredits=0,
        held_microcredits=0,
    )

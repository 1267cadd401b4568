"""Days as customers reckon them: in the time zone of the profile."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from raseed.core.clock import Microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)


class Calendar:
    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        """IANA name."""
        self._zone = ZoneInfo(time_zone)

    def day_of(self, at: Microseconds) -> date:
        return (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone).date()

    def begin(self, day: date) -> Microseconds:
        """The first moment of a day.

        >>> Calendar("Asia/Kuwait").begin(date(1970, 1, 2)) // 3_600_000_000
        21
        """
        return _moment(datetime.combine(day, time(), self._zone))

    def end(self, day: date) -> Microseconds:
        """The first moment after a day."""
        return self.begin(day + _ONE_DAY)

    def begin_of_month(self, at: Microseconds) -> Microseconds:
        return self.begin(self.day_of(at).replace(day=1))

    def begin_of_week(self, at: Microseconds) -> Microseconds:
        """Weeks begin on Monday.

        >>> Calendar("UTC").begin_of_week(Microseconds(5 * 86_400_000_000)) // 86_400_000_000
        4
        """
        day = self.day_of(at)
        return self.begin(day - day.weekday() * _ONE_DAY)

    def months_between(self, at: Microseconds, later: Microseconds) -> int:
        """How many months the calendar was turned over between two moments, whatever their days."""
        begin, end = self.day_of(at), self.day_of(later)
        return (end.year - begin.year) * 12 + end.month - begin.month

    def months_after(self, at: Microseconds, months: int) -> Microseconds:
        """The same day and time of day some months later; the last day of a month that has no such day.

        >>> calendar = Calendar("UTC")
        >>> [calendar.day_of(calendar.months_after(calendar.begin(date(2027, 1, 31)), n)).day for n in (1, 2, 3)]
        [28, 31, 30]
        """
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone)
        year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
        day = min(local.day, monthrange(year, month + 1)[1])
        return _moment(local.replace(year=year, month=month + 1, day=day, fold=0))

    def from_text(self, text: str) -> Microseconds:
        """The beginning that a text names: of a day, `2026-03-01`, or a moment with its offset from UTC. Raises ValueError.

        >>> Calendar("UTC").from_text("1970-01-01T00:00:01Z")
        1000000
        """
        return self.begin(_day(text)) if _is_day(text) else _parsed_moment(text)

    def until_text(self, text: str) -> Microseconds:
        """The end that a text names: a day is included, a moment is the first one after. Raises ValueError.

        >>> calendar = Calendar("UTC")
        >>> calendar.until_text("1970-01-01") == calendar.from_text("1970-01-02")
        True
        """
        return self.end(_day(text)) if _is_day(text) else _parsed_moment(text)


def _is_day(text: str) -> bool:
    return "T" not in text and " " not in text


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not 1970 <= day.year <= 9998:
        raise ValueError(f"out of range: {text}")
    return day


def _parsed_moment(text: str) -> Microseconds:
    # A plus sign that was not escaped in a URL arrives as a space.
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if moment.tzinfo is None:
        raise ValueError(f"no offset from UTC: {text}")
    if not 1970 <= moment.year <= 9998:
        raise ValueError(f"out of range: {text}")
    return _moment(moment)


def _moment(moment: datetime) -> Microseconds:
    return Microseconds((moment - _EPOCH) // _MICROSECOND)

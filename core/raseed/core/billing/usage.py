"""What was used, for those who pay for it: sums by day, model, key or member, and single requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Protocol

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import Measured, Meter, UsageLine
from raseed.core.billing.pricing import INPUT_METERS, OUTPUT_METERS, TOKEN_METERS
from raseed.core.clock import DAY, HOUR, Clock, Microseconds
from raseed.core.errors import PermissionDenied, RequestInvalid
from raseed.core.ids import AccountId, ApiKeyId, HoldId, PersonId

RANGE_DAYS_MAX = 366
"""Longest span of a report. A year by day is what people compare."""
GROUPS_MAX = 100
"""Groups in one page."""
DAYS_MAX = 31
"""Days in one page: what is read for it does not grow with the span."""
CALLS_MAX = 100
EXPORT_PAGE = 1_000
"""Requests read at a time while an export is written: some hundred kilobytes, however long it is."""


class GroupBy(StrEnum):
    DAY = "day"
    MODEL = "model"
    KEY = "key"
    MEMBER = "member"


class Tokens(NamedTuple):
    """Counts as APIs show them: cached ones are part of the prompt, reasoning is part of the answer."""

    prompt: int
    cached: int
    completion: int
    reasoning: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion


def tokens_of(measured: Measured) -> Tokens:
    counts = dict(measured.quantities)
    return Tokens(
        prompt=sum(counts.get(meter, 0) for meter in INPUT_METERS),
        cached=counts.get(Meter.CACHED_INPUT_TOKENS, 0),
        completion=sum(counts.get(meter, 0) for meter in OUTPUT_METERS),
        reasoning=counts.get(Meter.REASONING_TOKENS, 0),
    )


def other_than_tokens(measured: Measured) -> tuple[tuple[Meter, int], ...]:
    return tuple(pair for pair in measured.quantities if pair[0] not in TOKEN_METERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """Several requests, added up."""

    request_count: int
    cost_microcredits: int
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageGroup:
    name: str
    """The day in ISO form, or the id of the model, key or member. Empty: without a key. Of what no member used, the
    member is the account itself."""
    label: str = ""
    """Name of the key."""
    sum: UsageSum


class Span(NamedTuple):
    """From a moment until before another."""

    begin: Microseconds
    end: Microseconds


class Periods(NamedTuple):
    """So many periods of the same length, one after another."""

    begin: Microseconds
    length: int
    number: int

    @property
    def end(self) -> Microseconds:
        return Microseconds(self.begin + self.length * self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    groups: tuple[UsageGroup, ...]
    next_after: str
    """What to give as `after` for the next page; empty on the last one."""
    span: Span
    """What was counted: whole hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageCall:
    """A usage event as its account may see it."""

    id: HoldId
    at: Microseconds
    api_key_id: ApiKeyId | None
    model: str
    outcome: str
    finish_reason: str | None
    cost_microcredits: int
    lines: tuple[UsageLine, ...]
    latency_ms: int
    first_token_ms: int | None

    @property
    def measured(self) -> Measured:
        return Measured(tuple((line.meter, line.quantity) for line in self.lines))

    @property
    def absorbed_microcredits(self) -> int:
        """What was used and not charged."""
        return sum(line.cost_microcredits for line in self.lines) - self.cost_microcredits


class CallPosition(NamedTuple):
    """A place in the list of calls, newest first."""

    at: Microseconds
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    calls: tuple[UsageCall, ...]
    next_after: CallPosition | None


class UsageStore(Protocol):
    """Reads of one account each, and of what one person used with his session or the keys that he made, unless that is
    None. Spans of sums are whole hours (UTC).
    """

    async def period_sums(
        self, account_id: AccountId, periods: Sequence[Periods], made_by: PersonId | None = None
    ) -> Sequence[tuple[Microseconds, UsageSum]]:
        """By the period's beginning, in order; periods without usage are left out."""
        ...

    async def grouped_sums(
        self,
        account_id: AccountId,
        span: Span,
        group_by: GroupBy,
        after: str | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageGroup]:
        """By model, key or member, in order of their names, beginning behind `after`. By model only without `made_by`."""
        ...

    async def calls(
        self,
        account_id: AccountId,
        span: Span,
        after: CallPosition | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageCall]:
        """Newest first, beginning behind `after`."""
        ...


class UsageService:
    """Reports of one account's usage. Every call names the account, and nothing of another is ever read."""

    def __init__(
        self,
        store: UsageStore,
        calendar: Calendar,
        clock: Clock,
        retention_days: int,
        export_page: int = EXPORT_PAGE,
    ) -> None:
        self.calendar = calendar
        self._export_page = export_page
        self._store = store
        self._clock = clock
        self._retention_us = retention_days * DAY

    async def report(
        self,
        account_id: AccountId,
        *,
        begin: Microseconds | None = None,
        end: Microseconds | None = None,
        group_by: GroupBy = GroupBy.DAY,
        after: str | None = None,
        limit: int = GROUPS_MAX,
        made_by: PersonId | None = None,
    ) -> UsageReport:
        """One page of sums over the hours that begin in the span. Raises RequestInvalid; PermissionDenied by model of
        `made_by`: sums are kept by model and by key, and not by both.
        """
        span = self._span_of_report(begin, end)
        limit = max(1, min(limit, GROUPS_MAX))
        if group_by is GroupBy.DAY:
            return await self._by_day(account_id, span, after, min(limit, DAYS_MAX), made_by)
        if group_by is GroupBy.MODEL and made_by is not None:
            raise PermissionDenied("Your role sees its usage by day and by key, not by model.")
        groups = await self._store.grouped_sums(account_id, span, group_by, after, limit + 1, made_by)
        page = tuple(groups[:limit])
        # What was used without a key has no name, and no `after` means the last page: a space is behind it alone.
        last = (page[-1].name or " ") if len(groups) > limit else ""
        return UsageReport(groups=page, next_after=last, span=span)

    async def all_groups(
        self,
        account_id: AccountId,
        *,
        begin: Microseconds | None = None,
        end: Microseconds | None = None,
        group_by: GroupBy = GroupBy.DAY,
        made_by: PersonId | None = None,
    ) -> AsyncIterator[tuple[UsageGroup, ...]]:
        """All pages of a report, one after another."""
        after: str | None = None
        while after != "":
            page = await self.report(
                account_id, begin=begin, end=end, group_by=group_by, after=after, made_by=made_by
            )
            yield page.groups
            after = page.next_after

    async def calls(
        self,
        account_id: AccountId,
        *,
        begin: Microseconds | None = None,
        end: Microseconds | None = None,
        after: CallPosition | None = None,
        limit: int = CALLS_MAX,
        made_by: PersonId | None = None,
    ) -> CallPage:
        """One page of requests, newest first. Raises RequestInvalid."""
        span = self._span_of_calls(begin, end)
        return await self._call_page(account_id, span, after, max(1, min(limit, CALLS_MAX)), made_by)

    async def all_calls(
        self,
        account_id: AccountId,
        *,
        begin: Microseconds | None = None,
        end: Microseconds | None = None,
        made_by: PersonId | None = None,
    ) -> AsyncIterator[tuple[UsageCall, ...]]:
        """All requests of a span, newest first, some at a time. What is charged meanwhile is not in it."""
        span = self._span_of_calls(begin, end)
        after: CallPosition | None = None
        while True:
            page = await self._call_page(account_id, span, after, self._export_page, made_by)
            yield page.calls
            after = page.next_after
            if after is None:
                return

    async def _by_day(
        self, account_id: AccountId, span: Span, after: str | None, days: int, made_by: PersonId | None
    ) -> UsageReport:
        """The next so many days of the calendar, those without usage left out."""
        begin = span.begin if after is None else max(span.begin, _whole_hour(self._day_after(after)))
        first = self.calendar.day_of(begin)
        last = min(
            date.fromordinal(first.toordinal() + days - 1),
            self.calendar.day_of(Microseconds(max(begin, span.end - 1))),
        )
        end = min(span.end, _whole_hour(self.calendar.end(last)))
        sums = await self._store.period_sums(account_id, self._days(begin, end), made_by)
        return UsageReport(
            groups=tuple(UsageGroup(name=self.calendar.day_of(at).isoformat(), sum=one) for at, one in sums),
            next_after=last.isoformat() if end < span.end else "",
            span=span,
        )

    def _days(self, begin: Microseconds, end: Microseconds) -> list[Periods]:
        """The days of a span, those of the same length together: clocks change twice a year at most."""
        periods: list[Periods] = []
        while begin < end:
            until = min(end, _whole_hour(self.calendar.end(self.calendar.day_of(begin))))
            length = until - begin
            if periods and periods[-1].length == length:
                periods[-1] = periods[-1]._replace(number=periods[-1].number + 1)
            else:
                periods.append(Periods(begin, length, 1))
            begin = until
        return periods

    def _day_after(self, day: str) -> Microseconds:
        try:
            return self.calendar.end(date.fromisoformat(day))
        except (ValueError, OverflowError) as error:
            raise RequestInvalid("The page token is not one that was given out.", param="cursor") from error

    async def _call_page(
        self,
        account_id: AccountId,
        span: Span,
        after: CallPosition | None,
        limit: int,
        made_by: PersonId | None,
    ) -> CallPage:
        calls = await self._store.calls(account_id, span, after, limit + 1, made_by)
        page = tuple(calls[:limit])
        return CallPage(
            calls=page, next_after=CallPosition(page[-1].at, page[-1].id) if len(calls) > limit else None
        )

    def _span_of_report(self, begin: Microseconds | None, end: Microseconds | None) -> Span:
        now = self._clock.now()
        if end is None:
            end = self.calendar.end(self.calendar.day_of(now if begin is None else max(now, begin)))
        if begin is None:
            begin = self.calendar.begin_of_month(Microseconds(min(now, end - 1)))
        _check_order(begin, end)
        if end - begin > RANGE_DAYS_MAX * DAY + HOUR:  # the hour that a change of the clocks adds
            raise RequestInvalid(f"A report spans at most {RANGE_DAYS_MAX} days.", param="from")
        return Span(_whole_hour(begin), _whole_hour(end))

    def _span_of_calls(self, begin: Microseconds | None, end: Microseconds | None) -> Span:
        now = self._clock.now()
        end = Microseconds(now + 1) if end is None else end
        if begin is not None:
            _check_order(begin, end)
        oldest = Microseconds(now - self._retention_us)
        return Span(oldest if begin is None else max(begin, oldest), end)


def _check_order(begin: Microseconds, end: Microseconds) -> None:
    if not 0 <= begin < end:
        raise RequestInvalid("The span must begin before it ends.", param="from")


def _whole_hour(at: Microseconds) -> Microseconds:
    """The beginning of the first hour that begins then or later."""
    return Microseconds(-(-at // HOUR) * HOUR)

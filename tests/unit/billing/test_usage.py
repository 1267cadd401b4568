"""Reports: which hours a span is, which days they make, and how pages follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from tests.unit.billing.builders import ALICE, ManualClock

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import Measured, Meter
from raseed.core.billing.usage import (
    DAYS_MAX,
    EXPORT_PAGE,
    CallPosition,
    GroupBy,
    Periods,
    Span,
    UsageCall,
    UsageGroup,
    UsageService,
    UsageSum,
    other_than_tokens,
    tokens_of,
)
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.ids import AccountId, HoldId, PersonId

KUWAIT = "Asia/Kuwait"
BERLIN = "Europe/Berlin"
RETENTION_DAYS = 90


def at(text: str) -> Microseconds:
    return Microseconds(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000)


ONE = UsageSum(request_count=1, cost_microcredits=1, measured=Measured())


def call(moment: int, number: int = 0) -> UsageCall:
    return UsageCall(
        id=HoldId(f"run_{number:04}"),
        at=Microseconds(moment),
        api_key_id=None,
        model="m",
        outcome="completed",
        finish_reason=None,
        cost_microcredits=0,
        lines=(),
        latency_ms=0,
        first_token_ms=None,
    )


@dataclass
class FakeStore:
    """Answers one request for every period that is asked for, or what it is given; remembers what was asked."""

    names: Sequence[str] = ()
    all_calls: Sequence[UsageCall] = ()
    periods: list[Periods] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    async def period_sums(
        self, account_id: AccountId, periods: Sequence[Periods], made_by: PersonId | None = None
    ) -> Sequence[tuple[Microseconds, UsageSum]]:
        self.periods += periods
        return [
            (Microseconds(each.begin + number * each.length), ONE)
            for each in periods
            for number in range(each.number)
        ]

    async def grouped_sums(
        self,
        account_id: AccountId,
        span: Span,
        group_by: GroupBy,
        after: str | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageGroup]:
        self.spans.append(span)
        names = [name for name in self.names if after is None or name > after]
        return [UsageGroup(name=name, sum=ONE) for name in names[:limit]]

    async def calls(
        self,
        account_id: AccountId,
        span: Span,
        after: CallPosition | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageCall]:
        self.spans.append(span)
        newest = sorted(self.all_calls, key=lambda one: (one.at, one.id), reverse=True)
        return [
            one
            for one in newest
            if span.begin <= one.at < span.end and (after is None or (one.at, one.id) < after)
        ][:limit]


def service(store: FakeStore, now: str = "2026-03-15T12:34:56", zone: str = KUWAIT) -> UsageService:
    return UsageService(store, Calendar(zone), ManualClock(at(now)), RETENTION_DAYS)


async def days(store: FakeStore, zone: str, begin: str, end: str) -> list[str]:
    """Beginnings of the days that were added up, in UTC."""
    calendar = Calendar(zone)
    found: list[str] = []
    after: str | None = None
    while after != "":
        report = await service(store, zone=zone).report(
            ALICE, begin=calendar.from_text(begin), end=calendar.until_text(end), after=after
        )
        found += [group.name for group in report.groups]
        after = report.next_after
    return found


async def test_a_day_is_a_day_of_the_customer():
    store = FakeStore()
    assert await days(store, KUWAIT, "2026-03-01", "2026-03-02") == ["2026-03-01", "2026-03-02"]
    assert store.periods == [Periods(at("2026-02-28T21:00:00"), DAY, 2)]


async def test_days_of_23_and_25_hours():
    store = FakeStore()
    names = await days(store, BERLIN, "2026-03-27", "2026-03-31")
    assert names == [f"2026-03-{day}" for day in range(27, 32)]
    assert [(each.length // HOUR, each.number) for each in store.periods] == [(24, 2), (23, 1), (24, 2)]
    store = FakeStore()
    assert len(await days(store, BERLIN, "2026-10-25", "2026-10-26")) == 2
    assert [each.length // HOUR for each in store.periods] == [25, 24]


async def test_where_days_begin_at_half_past_they_begin_with_the_next_hour():
    store = FakeStore()
    assert await days(store, "Asia/Kolkata", "2026-03-01", "2026-03-02") == ["2026-03-01", "2026-03-02"]
    assert store.periods == [Periods(at("2026-02-28T19:00:00"), DAY, 2)]


async def test_a_year_comes_in_pages_of_a_month():
    store = FakeStore()
    names = await days(store, KUWAIT, "2025-03-15", "2026-03-14")
    assert names == sorted(set(names))
    assert (len(names), names[0], names[-1]) == (365, "2025-03-15", "2026-03-14")
    assert max(each.number for each in store.periods) == DAYS_MAX


async def test_hours_that_begin_in_the_span():
    store = FakeStore(names=["m"])
    begin = Microseconds(at("2026-03-10T10:17:00"))
    report = await service(store).report(ALICE, begin=begin, end=Microseconds(begin + 2 * HOUR))
    assert report.span == Span(at("2026-03-10T11:00:00"), at("2026-03-10T13:00:00"))
    exact = Span(at("2026-03-10T10:00:00"), at("2026-03-10T12:00:00"))
    report = await service(store).report(ALICE, begin=exact.begin, end=exact.end, group_by=GroupBy.MODEL)
    assert report.span == store.spans[-1] == exact


async def test_a_part_of_a_day():
    store = FakeStore()
    report = await service(store).report(
        ALICE, begin=at("2026-03-10T10:00:00"), end=at("2026-03-11T22:00:00")
    )
    assert [group.name for group in report.groups] == ["2026-03-10", "2026-03-11", "2026-03-12"]
    assert [(each.length // HOUR, each.number) for each in store.periods] == [(11, 1), (24, 1), (1, 1)]


async def test_the_span_is_this_month_if_it_is_not_said():
    store = FakeStore(names=["m"])
    await service(store).report(ALICE, group_by=GroupBy.MODEL)
    this_month = Span(at("2026-02-28T21:00:00"), at("2026-03-15T21:00:00"))
    assert store.spans == [this_month]
    await service(store).report(ALICE, group_by=GroupBy.MODEL, begin=at("2026-01-01T00:00:00"))
    assert store.spans[-1] == Span(at("2026-01-01T00:00:00"), this_month.end)
    await service(store).report(ALICE, group_by=GroupBy.MODEL, end=at("2026-02-10T00:00:00"))
    assert store.spans[-1] == Span(at("2026-01-31T21:00:00"), at("2026-02-10T00:00:00"))
    await service(store).report(ALICE, group_by=GroupBy.MODEL, begin=at("2027-01-01T00:00:00"))
    assert store.spans[-1] == Span(at("2027-01-01T00:00:00"), at("2027-01-01T21:00:00"))


async def test_groups_page_by_page():
    store = FakeStore(names=["a", "b", "c"])
    first = await service(store).report(ALICE, group_by=GroupBy.KEY, limit=2)
    assert ([group.name for group in first.groups], first.next_after) == (["a", "b"], "b")
    last = await service(store).report(ALICE, group_by=GroupBy.KEY, limit=2, after="b")
    assert ([group.name for group in last.groups], last.next_after) == (["c"], "")


async def test_the_group_without_a_name_is_not_the_last_page():
    store = FakeStore(names=["", "key_1", "key_2"])
    found: list[str] = []
    after: str | None = None
    while after != "":
        report = await service(store).report(ALICE, group_by=GroupBy.KEY, limit=1, after=after)
        found += [group.name for group in report.groups]
        after = report.next_after
    assert found == store.names


async def test_all_groups_are_all_pages():
    store = FakeStore(names=[f"{number:03}" for number in range(250)])
    pages = [page async for page in service(store).all_groups(ALICE, group_by=GroupBy.MODEL)]
    assert [group.name for page in pages for group in page] == store.names
    assert [len(page) for page in pages] == [100, 100, 50]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-03-10T00:00:00", "2026-03-10T00:00:00"),
        ("2026-03-11T00:00:00", "2026-03-10T00:00:00"),
        ("2024-03-10T00:00:00", "2026-03-10T00:00:00"),
    ],
)
async def test_a_span_that_makes_no_sense(begin, end):
    with pytest.raises(RequestInvalid):
        await service(FakeStore()).report(ALICE, begin=at(begin), end=at(end))


async def test_calls_are_listed_as_long_as_they_are_kept():
    now = at("2026-03-15T12:34:56")
    oldest = now - RETENTION_DAYS * DAY
    store = FakeStore(all_calls=[call(oldest - 1, 1), call(oldest, 2), call(now, 3)])
    page = await service(store).calls(ALICE)
    assert [one.id for one in page.calls] == ["run_0003", "run_0002"]
    page = await service(store).calls(ALICE, begin=Microseconds(0))
    assert len(page.calls) == 2
    page = await service(store).calls(ALICE, begin=Microseconds(now - MINUTE))
    assert [one.id for one in page.calls] == ["run_0003"]
    page = await service(store).calls(ALICE, end=Microseconds(oldest - 5))
    assert page.calls == ()


async def test_calls_page_by_page():
    now = at("2026-03-15T12:00:00")
    store = FakeStore(all_calls=[call(now - number // 2, number) for number in range(5)])
    page = await service(store).calls(ALICE, limit=2)
    seen = [*page.calls]
    while page.next_after is not None:
        page = await service(store).calls(ALICE, limit=2, after=page.next_after)
        seen += page.calls
    assert [one.id for one in seen] == ["run_0001", "run_0000", "run_0003", "run_0002", "run_0004"]


async def test_an_export_reads_some_at_a_time():
    now = at("2026-03-15T12:00:00")
    store = FakeStore(all_calls=[call(now, number) for number in range(2 * EXPORT_PAGE + 1)])
    pages = [page async for page in service(store).all_calls(ALICE)]
    assert [len(page) for page in pages] == [EXPORT_PAGE, EXPORT_PAGE, 1]
    assert len({one.id for page in pages for one in page}) == 2 * EXPORT_PAGE + 1
    assert len(set(store.spans)) == 1


async def test_an_export_of_nothing_is_one_empty_page():
    assert [page async for page in service(FakeStore()).all_calls(ALICE)] == [()]


def test_tokens_as_apis_show_them():
    measured = Measured(tuple((meter, number) for number, meter in enumerate(Meter, 1)))
    tokens = tokens_of(measured)
    assert tokens == (1 + 2 + 3, 2, 4 + 5, 5)
    assert tokens.total == 15
    assert other_than_tokens(measured)[0] == (Meter.IMAGES, 6)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-03-01", "2026-02-28T21:00:00", "2026-03-01T21:00:00"),
        ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00", "2026-03-01T08:00:00"),
        ("2026-03-01T08:00:00+03:00", "2026-03-01T05:00:00", "2026-03-01T05:00:00"),
        ("2026-03-01T08:00:00 03:00", "2026-03-01T05:00:00", "2026-03-01T05:00:00"),
    ],
)
def test_days_and_moments_as_text(text, begin, end):
    calendar = Calendar(KUWAIT)
    assert calendar.from_text(text) == at(begin)
    assert calendar.until_text(text) == at(end)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-02-30", "2026-03-01T08:00:00", "2026-03-01 08:00", "0001-01-01", "9999-12-31", "T"],
)
def test_what_is_neither(text):
    for parse in (Calendar(KUWAIT).from_text, Calendar(KUWAIT).until_text):
        with pytest.raises(ValueError):
            parse(text)


def test_a_day_after_the_last_of_a_month():
    calendar = Calendar("UTC")
    assert calendar.day_of(calendar.begin(date(2026, 2, 28))) == date(2026, 2, 28)
    assert calendar.end(date(2026, 2, 28)) == calendar.begin(date(2026, 3, 1))
    assert calendar.begin_of_month(at("2026-02-28T23:59:59")) == at("2026-02-01T00:00:00")

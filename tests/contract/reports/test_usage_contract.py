"""What every usage store promises. Days, pages and limits are tested in unit/billing/test_usage.py."""

from __future__ import annotations

from itertools import count

from tests.contract.ledger.conftest import SqlStore
from tests.contract.reports.conftest import add_key, key_of
from tests.unit.billing.builders import (
    ALICE,
    BOB,
    LEASE,
    START,
    extend,
    place,
    release,
    settle,
    sweep,
)

from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.core.billing.commands import SettleHold
from raseed.core.billing.model import Measured, Meter, PriceSnapshot, Rate, RunRecord
from raseed.core.billing.usage import CallPosition, GroupBy, Periods, Span, UsageCall
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.ids import AccountId, ApiKeyId, HoldId, PersonId
from raseed.core.inference.model import UsageSource

NOON = Microseconds(START // DAY * DAY + 36 * HOUR)
"""Of the day after the clock's first."""
FORTNIGHT = 14 * DAY
EVER = Span(Microseconds(0), Microseconds(2**60 // HOUR * HOUR))
numbers = count(1)


async def use(
    store: SqlStore,
    tokens: int,
    *,
    at: int = NOON,
    model: str = "tiny",
    key: str | None = "first",
    account_id: AccountId = ALICE,
) -> str:
    """A whole request at a moment; its id."""
    store.clock.advance(at - store.clock.now())
    hold = f"run_{next(numbers):06}"
    price = PriceSnapshot(model=model, version="1", rates=(Rate(Meter.OUTPUT_TOKENS, 1),))
    key_id = None if key is None else key_of(account_id, key)
    await store.ledger.submit(
        [
            place(hold, tokens, account_id=account_id, price=price, api_key_id=key_id),
            settle(hold, tokens, account_id),
        ]
    )
    return hold


async def test_by_period(store):
    reports = SqlUsageStore(store.database)
    for hour, tokens in ((0, 1), (1, 2), (1, 4), (5, 8)):
        await use(store, tokens, at=NOON + hour * HOUR + 7)
    found = await reports.period_sums(
        ALICE, [Periods(NOON, HOUR, 3), Periods(Microseconds(NOON + 3 * HOUR), 3 * HOUR, 1)]
    )
    assert [(at - NOON) // HOUR for at, _ in found] == [0, 1, 3]
    assert [(one.request_count, one.cost_microcredits) for _, one in found] == [(1, 1), (2, 6), (1, 8)]
    assert found[1][1].measured == Measured(((Meter.OUTPUT_TOKENS, 6),))


async def test_whole_days_and_hours_say_the_same(store):
    """A period of whole days is read from other rows than one of hours."""
    reports = SqlUsageStore(store.database)
    midnight = NOON - 12 * HOUR
    for number in range(9):
        await use(store, number + 1, at=midnight + number * 7 * HOUR)
    days = await reports.period_sums(ALICE, [Periods(Microseconds(midnight), DAY, 4)])
    hours = await reports.period_sums(ALICE, [Periods(Microseconds(midnight), HOUR, 96)])
    assert [one.cost_microcredits for _, one in days] == [1 + 2 + 3 + 4, 5 + 6 + 7, 8 + 9]
    assert sum(one.cost_microcredits for _, one in hours) == 45


async def test_by_model_key_and_member(store):
    reports = SqlUsageStore(store.database)
    second = await add_key(store, ALICE, "second")
    await use(store, 1, model="b")
    await use(store, 2, model="a", key="second")
    await use(store, 4, model="a", key=None)
    await use(store, 8, model="a", account_id=BOB)

    async def found(
        group_by: GroupBy, after: str | None = None, limit: int = 9
    ) -> list[tuple[str, str, int]]:
        groups = await reports.grouped_sums(ALICE, EVER, group_by, after, limit)
        return [(group.name, group.label, group.sum.cost_microcredits) for group in groups]

    first = key_of(ALICE, "first")
    assert await found(GroupBy.MODEL) == [("a", "", 6), ("b", "", 1)]
    assert await found(GroupBy.KEY) == [("", "", 4), (first, "first", 1), (second, "second", 2)]
    assert await found(GroupBy.MEMBER) == [(ALICE, "", 7)]
    assert await found(GroupBy.MODEL, limit=1) == [("a", "", 6)]
    assert await found(GroupBy.MODEL, after="a") == [("b", "", 1)]
    assert await found(GroupBy.KEY, after="") == [(first, "first", 1), (second, "second", 2)]
    assert await found(GroupBy.MEMBER, after=ALICE) == []


async def test_a_session_is_its_member_s_and_without_a_key(store):
    usage = SqlUsageStore(store.database)
    ada, bob = PersonId("acct_ada"), PersonId("acct_bob")
    await store.add_key(ApiKeyId("key_of_ada"), created_by=ada)
    await store.ledger.submit(
        [
            *(place("by session", 3, person_id=ada), settle("by session", 3)),
            *(place("by bob", 5, person_id=bob), settle("by bob", 5)),
            *(
                place("by key", 2, api_key_id=ApiKeyId("key_of_ada"), person_id=ada),
                settle("by key", 2),
            ),
            *(place("nobody's", 1), settle("nobody's", 1)),
        ]
    )
    now = store.clock.now()
    span = Span(Microseconds(now - now % HOUR), Microseconds(now - now % HOUR + HOUR))

    async def found(
        group_by: GroupBy, made_by: PersonId | None = None, after: str | None = None
    ) -> dict[str, int]:
        groups = await usage.grouped_sums(ALICE, span, group_by, after, 9, made_by)
        return {group.name: group.sum.cost_microcredits for group in groups}

    assert await found(GroupBy.MEMBER) == {ALICE: 1, ada: 5, bob: 5}
    assert await found(GroupBy.MEMBER, after=ada) == {ALICE: 1, bob: 5}
    assert await found(GroupBy.KEY) == {"": 9, "key_of_ada": 2}
    assert await found(GroupBy.KEY, after="") == {"key_of_ada": 2}
    assert await found(GroupBy.KEY, ada) == {"": 3, "key_of_ada": 2}
    [(_, of_day)] = await usage.period_sums(ALICE, [Periods(span.begin, HOUR, 1)], ada)
    assert of_day.cost_microcredits == 5
    calls = await usage.calls(ALICE, span, None, 9, ada)
    assert sorted(call.id for call in calls) == ["by key", "by session"]


async def test_members_are_who_made_the_keys_and_each_of_them_can_be_shown_alone(store):
    """Of an organisation; what no person's key used is its own."""
    reports = SqlUsageStore(store.database)
    for name, maker in (("a1", "ada"), ("a2", "ada"), ("b1", "bob")):
        await add_key(store, ALICE, name, PersonId(maker))
    for key, cost in (("a1", 1), ("a2", 2), ("b1", 4), (None, 8), ("first", 16)):
        await use(store, cost, key=key)

    async def found(group_by: GroupBy, made_by: str | None, after: str | None = None) -> dict[str, int]:
        who = None if made_by is None else PersonId(made_by)
        groups = await reports.grouped_sums(ALICE, EVER, group_by, after, 9, who)
        return {group.name: group.sum.cost_microcredits for group in groups}

    assert await found(GroupBy.MEMBER, None) == {ALICE: 24, "ada": 3, "bob": 4}
    assert await found(GroupBy.MEMBER, None, after="ada") == {"bob": 4}
    assert await found(GroupBy.MEMBER, "ada") == {"ada": 3}
    assert await found(GroupBy.KEY, "ada") == {key_of(ALICE, "a1"): 1, key_of(ALICE, "a2"): 2}
    assert await found(GroupBy.KEY, "eve") == {}
    [(_, hour)] = await reports.period_sums(ALICE, [Periods(NOON, HOUR, 1)], PersonId("ada"))
    assert (hour.request_count, hour.cost_microcredits) == (2, 3)
    calls = await reports.calls(ALICE, EVER, None, 9, PersonId("ada"))
    assert sorted(call.cost_microcredits for call in calls) == [1, 2]
    assert await reports.calls(BOB, EVER, None, 9, PersonId("ada")) == []


async def test_a_span_is_fortnights_and_the_days_and_hours_around_them(store):
    reports = SqlUsageStore(store.database)
    used = [*range(40), *range(40, 1_000, 23)]
    for hour in used:
        await use(store, 1, at=NOON + hour * HOUR)
    whole = -(-NOON // FORTNIGHT) * FORTNIGHT  # the first that begins then
    edge, hours = (whole - NOON) // HOUR, FORTNIGHT // HOUR
    around = [(edge, edge + hours), (edge - 1, edge + hours + 1), (edge + 1, edge + hours - 1)]
    around += [(edge - 30, edge + 2 * hours + 30), (edge - 30, edge + hours - 1), (edge + 5, edge + hours)]
    days = [(0, 5), (5, 5), (3, 12), (12, 36), (11, 37), (13, 35), (30, 30), (0, 1_000), (900, 2_000)]
    for begin, end in around + days:
        span = Span(Microseconds(NOON + begin * HOUR), Microseconds(NOON + end * HOUR))
        for group_by in (GroupBy.MODEL, GroupBy.KEY, GroupBy.MEMBER):
            groups = await reports.grouped_sums(ALICE, span, group_by, None, 5)
            assert sum(group.sum.request_count for group in groups) == sum(
                begin <= hour < end for hour in used
            )


async def test_releases_sweeps_and_overruns_count(store):
    reports = SqlUsageStore(store.database)
    store.clock.advance(NOON - store.clock.now())
    await store.ledger.submit([place("freed", 5), release("freed"), place("over", 5), settle("over", 9)])
    await store.ledger.submit([place("lost", 10), extend("lost", 10, tokens=4)])
    store.clock.advance(LEASE)
    await store.ledger.submit([sweep("lost")])
    [(_, one)] = await reports.period_sums(ALICE, [Periods(NOON, HOUR, 1)])
    assert (one.request_count, one.cost_microcredits) == (3, 5 + 4)
    assert one.measured == Measured(((Meter.OUTPUT_TOKENS, 9 + 4),))


async def test_every_meter(store):
    reports = SqlUsageStore(store.database)
    store.clock.advance(NOON - store.clock.now())
    measured = Measured(tuple((meter, number) for number, meter in enumerate(Meter, 1)))
    price = PriceSnapshot(model="m", version="1", rates=tuple(Rate(meter, 1) for meter in Meter))
    run = RunRecord(outcome="completed", finish_reason=None, usage_source=UsageSource.UPSTREAM)
    settling = SettleHold(
        account_id=ALICE,
        hold_id=HoldId("h"),
        owner_instance="worker-1",
        owner_epoch=1,
        measured=measured,
        run=run,
    )
    await store.ledger.submit([place("h", 99, price=price), settling])
    [group] = await reports.grouped_sums(ALICE, EVER, GroupBy.MODEL, None, 5)
    [call] = await reports.calls(ALICE, EVER, None, 5)
    assert group.sum.measured == call.measured == measured


async def test_calls_newest_first_page_by_page(store):
    reports = SqlUsageStore(store.database)
    runs = [await use(store, number, at=NOON + number // 3) for number in range(1, 9)]
    await use(store, 1, account_id=BOB)
    found: list[UsageCall] = []
    position = None
    while page := await reports.calls(ALICE, EVER, position, 3):
        found += page
        position = CallPosition(page[-1].at, page[-1].id)
    assert [call.id for call in found] == runs[::-1]
    newest = found[0]
    assert (newest.api_key_id, newest.model, newest.outcome) == (key_of(ALICE, "first"), "tiny", "completed")
    assert (newest.cost_microcredits, newest.measured) == (8, Measured(((Meter.OUTPUT_TOKENS, 8),)))
    span = Span(Microseconds(NOON + 1), Microseconds(NOON + 2))
    assert [call.cost_microcredits for call in await reports.calls(ALICE, span, None, 9)] == [5, 4, 3]
    behind = CallPosition(Microseconds(2**60), "")
    assert len(await reports.calls(ALICE, span, behind, 9)) == 3


async def test_nothing_was_used(store):
    reports = SqlUsageStore(store.database)
    assert await reports.period_sums(ALICE, [Periods(NOON, HOUR, 5)]) == []
    assert await reports.grouped_sums(ALICE, EVER, GroupBy.KEY, None, 5) == []
    assert await reports.calls(ALICE, EVER, None, 5) == []

"""A year of many models and keys: the books are in order, and reports of it say what was used, on both databases."""

from __future__ import annotations

from datetime import timedelta

from tests.contract.ledger.conftest import SqliteStore
from tests.support.past import COST, DAYS, Past, add_past_to_postgres, add_past_to_sqlite
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.usage import GroupBy, UsageService
from raseed.core.clock import SystemClock

PAST = Past(pairs=600, spent_grants=10, models=3, keys=4)


async def test_every_report_of_a_year_adds_up_to_what_was_used(store):
    if isinstance(store, SqliteStore):
        add_past_to_sqlite(store.path, ALICE, PAST)
    else:
        await add_past_to_postgres(store.url, ALICE, PAST)
    calendar = Calendar("Asia/Kuwait")
    reports = UsageService(SqlUsageStore(store.database), calendar, SystemClock(), 2 * DAYS)
    begin = calendar.begin(calendar.day_of(SystemClock().now()) - timedelta(days=DAYS))
    groups = {GroupBy.MODEL: PAST.models, GroupBy.KEY: PAST.keys, GroupBy.MEMBER: 1, GroupBy.DAY: None}
    for group_by, count in groups.items():
        found = [
            group
            async for page in reports.all_groups(ALICE, begin=begin, group_by=group_by)
            for group in page
        ]
        assert sum(group.sum.request_count for group in found) == PAST.pairs
        assert sum(group.sum.cost_microcredits for group in found) == PAST.pairs * COST
        if count is not None:
            assert {group.sum.request_count for group in found} == {PAST.pairs // count}

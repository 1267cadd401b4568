"""Usage reports in SQL: sums from `usage_sums`, single requests from the events themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Subquery, func, literal, select, tuple_, union_all

from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.tables import api_keys, usage_events, usage_lines, usage_sums
from raseed.core.billing.model import Measured, Meter, UsageLine
from raseed.core.billing.usage import CallPosition, GroupBy, Periods, Span, UsageCall, UsageGroup, UsageSum
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId

_SUMS = ("request_count", "cost_microcredits", *(meter.value for meter in Meter))
_METER_ORDER = {meter.value: position for position, meter in enumerate(Meter)}


class SqlUsageStore:
    """Implements `core.billing.usage.UsageStore`. Every query begins with the account: its rows lie side by side."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def period_sums(
        self, account_id: AccountId, periods: Sequence[Periods]
    ) -> Sequence[tuple[Microseconds, UsageSum]]:
        def work(connection: Connection) -> list[tuple[Microseconds, UsageSum]]:
            return [found for each in periods for found in period_sums(connection, account_id, each)]

        return await self._database.read(work)

    async def grouped_sums(
        self, account_id: AccountId, span: Span, group_by: GroupBy, after: str | None, limit: int
    ) -> Sequence[UsageGroup]:
        def work(connection: Connection) -> list[UsageGroup]:
            return grouped_sums(connection, account_id, span, group_by, after, limit)

        return await self._database.read(work)

    async def calls(
        self, account_id: AccountId, span: Span, after: CallPosition | None, limit: int
    ) -> Sequence[UsageCall]:
        return await self._database.read(lambda connection: calls(connection, account_id, span, after, limit))


def period_sums(
    connection: Connection, account_id: AccountId, periods: Periods
) -> list[tuple[Microseconds, UsageSum]]:
    sums = usage_sums.c
    are_days = periods.begin % DAY == 0 and periods.length % DAY == 0
    number = ((sums.begins_at - periods.begin) // periods.length).label("number")
    query = (
        select(number, *(func.sum(sums[name]) for name in _SUMS))
        .where(sums.account_id == account_id, sums.grain == ("day" if are_days else "hour"))
        .where(sums.begins_at >= periods.begin, sums.begins_at < periods.end)
        .group_by(number)
        .order_by(number)
    )
    return [
        (Microseconds(periods.begin + row[0] * periods.length), _sum(row[1:]))
        for row in connection.execute(query)
    ]


def grouped_sums(
    connection: Connection,
    account_id: AccountId,
    span: Span,
    group_by: GroupBy,
    after: str | None,
    limit: int,
) -> list[UsageGroup]:
    if span.begin >= span.end:
        return []  # no hour begins in it
    rows = _rows_of_span(account_id, span)
    # An account without a team has one member: itself.
    names: dict[GroupBy, ColumnElement[str]] = {
        GroupBy.MODEL: rows.c.model,
        GroupBy.KEY: rows.c.api_key_id,
        GroupBy.MEMBER: rows.c.account_id,
    }
    name = names[group_by]
    query = (
        select(name, *(func.sum(rows.c[column]) for column in _SUMS))
        .group_by(name)
        .order_by(name)
        .limit(limit)
    )
    if after is not None:
        query = query.where(name > after)
    found = connection.execute(query).all()
    labels = _key_names(connection, account_id, [row[0] for row in found]) if group_by is GroupBy.KEY else {}
    return [UsageGroup(name=row[0], label=labels.get(row[0], ""), sum=_sum(row[1:])) for row in found]


def calls(
    connection: Connection, account_id: AccountId, span: Span, after: CallPosition | None, limit: int
) -> list[UsageCall]:
    events = usage_events.c
    query = (
        select(usage_events)
        .where(events.account_id == account_id, events.at >= span.begin)
        .order_by(events.at.desc(), events.request_id.desc())
        .limit(limit)
    )
    # One upper bound: of two, the index would be searched by whichever comes first.
    if after is None or after.at >= span.end:
        query = query.where(events.at < span.end)
    else:
        position = tuple_(literal(after.at), literal(after.id))
        query = query.where(events.at <= after.at, tuple_(events.at, events.request_id) < position)
    rows = connection.execute(query).all()
    lines: defaultdict[str, list[UsageLine]] = defaultdict(list)
    wanted = select(usage_lines).where(usage_lines.c.request_id.in_([row.request_id for row in rows]))
    for line in connection.execute(wanted):
        lines[line.request_id].append(
            UsageLine(
                Meter(line.meter),
                line.quantity,
                line.unit_price_microcredits,
                line.per,
                line.cost_microcredits,
            )
        )
    return [_call(row, lines[row.request_id]) for row in rows]


def _rows_of_span(account_id: AccountId, span: Span) -> Subquery:
    """The fewest rows that make up a span that is not empty: whole days, and the hours before and after them."""
    first_day = -(-span.begin // DAY) * DAY
    last_day = max(first_day, span.end // DAY * DAY)
    parts = [
        ("hour", span.begin, min(first_day, span.end)),
        ("day", first_day, last_day),
        ("hour", last_day, span.end),
    ]
    columns = [usage_sums.c[name] for name in ("account_id", "begins_at", "model", "api_key_id", *_SUMS)]
    return union_all(
        *(
            select(*columns)
            .where(usage_sums.c.account_id == account_id, usage_sums.c.grain == grain)
            .where(usage_sums.c.begins_at >= begin, usage_sums.c.begins_at < end)
            for grain, begin, end in parts
            if begin < end
        )
    ).subquery()


def _key_names(connection: Connection, account_id: AccountId, ids: Sequence[str]) -> dict[str, str]:
    query = select(api_keys.c.id, api_keys.c.name).where(
        api_keys.c.account_id == account_id, api_keys.c.id.in_(ids)
    )
    return {row.id: row.name for row in connection.execute(query)}


def _sum(values: Sequence[Any]) -> UsageSum:
    # PostgreSQL adds whole numbers up to a decimal.
    request_count, cost, *quantities = map(int, values)
    return UsageSum(
        request_count=request_count,
        cost_microcredits=cost,
        measured=Measured(
            tuple((meter, quantity) for meter, quantity in zip(Meter, quantities, strict=True) if quantity)
        ),
    )


def _call(row: Row[Any], lines: list[UsageLine]) -> UsageCall:
    return UsageCall(
        id=row.request_id,
        at=row.at,
        api_key_id=row.api_key_id,
        model=row.model,
        outcome=row.outcome,
        finish_reason=row.finish_reason,
        cost_microcredits=row.cost_microcredits,
        lines=tuple(sorted(lines, key=lambda line: _METER_ORDER[line.meter])),
        latency_ms=row.latency_ms,
        first_token_ms=row.first_token_ms,
    )

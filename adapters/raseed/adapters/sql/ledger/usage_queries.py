"""Usage reports in SQL: sums from `usage_sums`, single requests from the events themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.ledger.tables import usage_events, usage_lines, usage_sums
from raseed.adapters.sql.ledger.usage_sums import GRAINS, SESSION_OF
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.model import Measured, Meter, UsageLine
from raseed.core.billing.usage import CallPosition, GroupBy, Periods, Span, UsageCall, UsageGroup, UsageSum
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId, PersonId

_SUMS = ("request_count", "cost_microcredits", *(meter.value for meter in Meter))
_OF_ALL = GroupBy.MODEL.value
"""The dimension whose rows are added up where neither models nor keys are asked for: it has fewer names."""
_OF_SESSION: ColumnElement[str] = literal_column(f"'{SESSION_OF}'")
_METER_ORDER = {meter.value: position for position, meter in enumerate(Meter)}


class SqlUsageStore:
    """Implements `core.billing.usage.UsageStore`. Every query begins with the account: its rows lie side by side."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def period_sums(
        self, account_id: AccountId, periods: Sequence[Periods], made_by: PersonId | None = None
    ) -> Sequence[tuple[Microseconds, UsageSum]]:
        def work(connection: Connection) -> list[tuple[Microseconds, UsageSum]]:
            return [found for each in periods for found in period_sums(connection, account_id, each, made_by)]

        return await self._database.read(work)

    async def grouped_sums(
        self,
        account_id: AccountId,
        span: Span,
        group_by: GroupBy,
        after: str | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageGroup]:
        def work(connection: Connection) -> list[UsageGroup]:
            return grouped_sums(connection, account_id, span, group_by, after, limit, made_by)

        return await self._database.read(work)

    async def calls(
        self,
        account_id: AccountId,
        span: Span,
        after: CallPosition | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageCall]:
        return await self._database.read(
            lambda connection: calls(connection, account_id, span, after, limit, made_by)
        )


def period_sums(
    connection: Connection, account_id: AccountId, periods: Periods, made_by: PersonId | None = None
) -> list[tuple[Microseconds, UsageSum]]:
    sums = usage_sums.c
    are_days = periods.begin % DAY == 0 and periods.length % DAY == 0
    number = ((sums.begins_at - periods.begin) // periods.length).label("number")
    query = (
        select(number, *(func.sum(sums[name]) for name in _SUMS))
        .where(sums.account_id == account_id)
        .where(sums.dimension == (_OF_ALL if made_by is None else GroupBy.KEY.value))
        .where(sums.grain == ("day" if are_days else "hour"))
        .where(sums.begins_at >= periods.begin, sums.begins_at < periods.end)
        .group_by(number)
        .order_by(number)
    )
    if made_by is not None:
        query = query.where(_is_of(sums.name, account_id, made_by, SESSION_OF + made_by))
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
    made_by: PersonId | None = None,
) -> list[UsageGroup]:
    if span.begin >= span.end:
        return []  # no hour begins in it
    edges = _edges(span.begin, span.end, list(GRAINS.values())[1:])
    query = _grouped(group_by, is_first_page=after is None, is_of_one=made_by is not None)
    values = {f"edge_{number}": edge for number, edge in enumerate(edges)}
    found = connection.execute(
        query,
        {
            **values,
            "account_id": account_id,
            "after": after,
            "limit": limit,
            "made_by": made_by,
            "of_session": f"{SESSION_OF}{made_by}",
        },
    ).all()
    labels = _key_names(connection, account_id, [row[0] for row in found]) if group_by is GroupBy.KEY else {}
    return [UsageGroup(name=row[0], label=labels.get(row[0], ""), sum=_sum(row[1:])) for row in found]


def calls(
    connection: Connection,
    account_id: AccountId,
    span: Span,
    after: CallPosition | None,
    limit: int,
    made_by: PersonId | None = None,
) -> list[UsageCall]:
    events = usage_events.c
    query = (
        select(usage_events)
        .where(events.account_id == account_id, events.at >= span.begin)
        .order_by(events.at.desc(), events.request_id.desc())
        .limit(limit)
    )
    if made_by is not None:
        his_session = events.api_key_id.is_(None) & (events.person_id == made_by)
        query = query.where(or_(events.api_key_id.in_(_keys_of(account_id, made_by)), his_session))
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


@cache
def _grouped(group_by: GroupBy, *, is_first_page: bool, is_of_one: bool) -> Select[Any]:
    """One page of the groups. Built once: made anew for each report, it would be more work than the query, and garbage that
    stops the loop for milliseconds when it is collected.
    """
    is_by_member = group_by is GroupBy.MEMBER
    dimension = GroupBy.KEY if is_by_member else group_by
    sums = usage_sums.c
    columns = [sums[name] for name in ("account_id", "name", *_SUMS)]
    rows = union_all(
        *(
            select(*columns)
            .where(sums.account_id == bindparam("account_id"))
            .where(sums.dimension == literal_column(f"'{dimension.value}'"))
            .where(sums.grain == literal_column(f"'{grain}'"))
            .where(sums.begins_at >= bindparam(f"edge_{number}"))
            .where(sums.begins_at < bindparam(f"edge_{number + 1}"))
            for number, grain in enumerate([*GRAINS, *list(GRAINS)[-2::-1]])
        )
    ).subquery()
    by_session = func.substr(rows.c.name, literal_column("1"), literal_column("1")) == _OF_SESSION
    if is_by_member:
        # What was used with a key that no person made is the account's own, and what was used without one in a person's
        # account: that is its person.
        person = func.substr(rows.c.name, literal_column("2"))
        name: ColumnElement[Any] = case(
            (by_session, person), else_=func.coalesce(api_keys.c.created_by, rows.c.account_id)
        )
    elif group_by is GroupBy.KEY:
        name = case((by_session, literal_column("''")), else_=rows.c.name)
    else:
        name = rows.c.name
    query: Select[Any] = (
        select(name, *(func.sum(rows.c[column]) for column in _SUMS)).group_by(name).order_by(name)
    )
    if is_by_member:
        query = query.select_from(rows.outerjoin(api_keys, api_keys.c.id == rows.c.name))
    if is_of_one:
        of_one = _is_of(rows.c.name, bindparam("account_id"), bindparam("made_by"), bindparam("of_session"))
        query = query.where(of_one)
    if not is_first_page:
        query = query.where(name > bindparam("after"))
    return query.limit(bindparam("limit"))


def _keys_of(account_id: Any, made_by: Any) -> Select[Any]:
    """Ids of the keys that a person made for an account."""
    return select(api_keys.c.id).where(api_keys.c.created_by == made_by, api_keys.c.account_id == account_id)


def _is_of(name: Any, account_id: Any, made_by: Any, of_session: Any) -> ColumnElement[bool]:
    """Whether the name of a sum is that of a key which the person made, or his session's."""
    return or_(name.in_(_keys_of(account_id, made_by)), name == of_session)


def _edges(begin: int, end: int, lengths: Sequence[int]) -> list[int]:
    """Cuts a span so that the fewest rows make it up: from the finest grain to the coarsest and back, some parts empty.

    `lengths` are those of the grains after the finest.

    >>> _edges(7, 95, [10, 30]), _edges(7, 28, [10, 30]), _edges(11, 19, [10, 30])
    ([7, 10, 30, 90, 90, 95], [7, 10, 20, 20, 20, 28], [11, 19, 19, 19, 19, 19])
    """
    if not lengths:
        return [begin, end]
    length, *coarser = lengths
    first, last = -(-begin // length) * length, end // length * length
    if first >= last:
        first = last = end
    return [begin, *_edges(first, last, coarser), end]


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

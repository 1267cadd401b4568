"""Invariants of holds and of what was used. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, not_, or_, select, union_all

from raseed.adapters.sql.ledger.invariants_books import DEBT_ACCOUNTS, OPEN, finding
from raseed.adapters.sql.ledger.tables import (
    hold_allocations,
    holds,
    ledger_entries,
    ledger_tx,
    usage_events,
    usage_lines,
    usage_sums,
)
from raseed.adapters.sql.ledger.usage_sums import GRAINS, SESSION_OF
from raseed.core.billing.ledger_moves import BREAKAGE, HOUSELOSS
from raseed.core.billing.model import HoldState, Meter

_CONSUMED = "sys:consumed:"
_RESOLUTIONS = ("settle", "release", "sweep")


def hold_amount_equals_allocations() -> Select[str, str]:
    """But for what it may owe."""
    allocated = func.coalesce(func.sum(hold_allocations.c.amount_microcredits), 0)
    amount, debt = holds.c.amount_microcredits, holds.c.debt_microcredits
    return (
        finding(holds.c.id, "amount ", amount, ", on debt ", debt, ", allocations say ", allocated)
        .join_from(holds, hold_allocations, hold_allocations.c.hold_id == holds.c.id, isouter=True)
        .group_by(holds.c.id, amount, debt)
        .having(allocated + debt != amount)
    )


def hold_resolved_once() -> Select[str, str]:
    """An open hold has no usage event and no transaction; any other has one event and at most one transaction."""
    ends = (
        select(ledger_tx.c.ref, func.count().label("count"))
        .where(ledger_tx.c.kind.in_(_RESOLUTIONS))
        .group_by(ledger_tx.c.ref)
        .subquery()
    )
    count = func.coalesce(ends.c.count, 0)
    event = usage_events.c.request_id
    return (
        finding(holds.c.id, holds.c.state, ", transactions ", count, ", usage event ", event)
        .join_from(holds, ends, ends.c.ref == holds.c.id, isouter=True)
        .join(usage_events, usage_events.c.request_id == holds.c.id, isouter=True)
        .where(
            or_(
                and_(OPEN, or_(count > 0, event.is_not(None))),
                and_(not_(OPEN), or_(count > 1, event.is_(None))),
            )
        )
    )


def charge_within_hold() -> Select[str, str]:
    return finding(
        holds.c.id, "charged ", holds.c.cost_microcredits, " of ", holds.c.amount_microcredits
    ).where(holds.c.cost_microcredits > holds.c.amount_microcredits)


# ----------------------------------------------------------------------------------------------------- usage


def usage_equals_hold() -> Select[str, str]:
    return (
        finding(holds.c.id, "hold ", holds.c.cost_microcredits, ", usage ", usage_events.c.cost_microcredits)
        .join_from(usage_events, holds, holds.c.id == usage_events.c.request_id)
        .where(
            or_(
                func.coalesce(holds.c.cost_microcredits, -1) != usage_events.c.cost_microcredits,
                holds.c.account_id != usage_events.c.account_id,
            )
        )
    )


def usage_equals_lines() -> Select[str, str]:
    """The lines are what was used. The account is charged for as much of it as its hold covers, the house for the rest;
    after a sweep, the house also for all that the dead owner could have produced.
    """
    used = func.coalesce(func.sum(usage_lines.c.cost_microcredits), 0)
    amount = holds.c.amount_microcredits
    covered = case((used < amount, used), else_=amount)
    is_upper_bound = and_(holds.c.state == HoldState.SWEPT.value, used < amount)
    lost = case((is_upper_bound, amount - used), else_=used - covered)
    cost, shortfall = usage_events.c.cost_microcredits, usage_events.c.shortfall_microcredits
    return (
        finding(holds.c.id, "cost ", cost, " and shortfall ", shortfall, ", lines ", used, " of ", amount)
        .join_from(usage_events, holds, holds.c.id == usage_events.c.request_id)
        .join(usage_lines, usage_lines.c.request_id == usage_events.c.request_id, isouter=True)
        .group_by(holds.c.id, amount, holds.c.state, cost, shortfall)
        .having(or_(cost != covered, shortfall != lost))
    )


def usage_equals_entries() -> Select[str, str]:
    """What was consumed is the cost and what the house paid; a usage event that costs something has its transaction."""
    account = ledger_entries.c.ledger_account

    def booked(condition: object) -> object:
        return func.coalesce(func.sum(case((condition, ledger_entries.c.amount_microcredits), else_=0)), 0)  # type: ignore[arg-type]

    cost, shortfall = usage_events.c.cost_microcredits, usage_events.c.shortfall_microcredits
    consumed = booked(account.like(_CONSUMED + "%"))
    lost = booked(account == HOUSELOSS)
    debited = booked(
        or_(ledger_entries.c.grant_id.is_not(None), account == BREAKAGE, account.like(DEBT_ACCOUNTS))
    )
    return (
        finding(
            usage_events.c.request_id, "cost ", cost, " and shortfall ", shortfall, ", consumed ", consumed
        )
        .join_from(
            usage_events, ledger_entries, ledger_entries.c.tx_id == usage_events.c.ledger_tx_id, isouter=True
        )
        .group_by(usage_events.c.request_id, cost, shortfall)
        .having(or_(consumed != cost + shortfall, lost != -shortfall, debited != -cost))
    )


def debit_names_usage_event() -> Select[str, str]:
    return (
        finding(ledger_tx.c.id, ledger_tx.c.kind, " of ", ledger_tx.c.ref, " without usage event")
        .join_from(
            ledger_tx,
            usage_events,
            and_(usage_events.c.ledger_tx_id == ledger_tx.c.id, usage_events.c.request_id == ledger_tx.c.ref),
            isouter=True,
        )
        .where(ledger_tx.c.kind.in_(_RESOLUTIONS), usage_events.c.request_id.is_(None))
    )


# ------------------------------------------------------------------------------------------------------ sums

_SUMMED = ("request_count", "cost_microcredits", *(meter.value for meter in Meter))


def usage_hours_equal_events() -> Select[str, str]:
    """The sums by hour are what the events and their lines say, neither more nor less."""
    events, lines = usage_events.c, usage_lines.c
    counted = {"request_count": literal(-1), "cost_microcredits": -events.cost_microcredits}
    used = {m.value: case((lines.meter == m.value, -lines.quantity), else_=0) for m in Meter}
    parts = [_stored("hour")]
    of_session = literal(SESSION_OF).concat(events.person_id)
    spender = func.coalesce(events.api_key_id, of_session, "")
    for dimension, name in (("model", events.model), ("key", spender)):
        key = _key(events.account_id, literal(dimension), events.at, GRAINS["hour"], name)
        parts.append(select(*key, *_labelled(counted)))
        parts.append(
            select(*key, *_labelled(used)).join_from(
                usage_lines, usage_events, events.request_id == lines.request_id
            )
        )
    return _differences(*parts)


def usage_days_equal_hours() -> Select[str, str]:
    return _coarser_equals_finer("day", "hour")


def usage_fortnights_equal_days() -> Select[str, str]:
    return _coarser_equals_finer("fortnight", "day")


def _coarser_equals_finer(coarser: str, finer: str) -> Select[str, str]:
    sums = usage_sums.c
    key = _key(sums.account_id, sums.dimension, sums.begins_at, GRAINS[coarser], sums.name)
    of_finer = _labelled({name: -sums[name] for name in _SUMMED})
    return _differences(_stored(coarser), select(*key, *of_finer).where(sums.grain == finer))


def _stored(grain: str) -> Select[Any]:
    sums = usage_sums.c
    key = (sums.account_id, sums.dimension, sums.begins_at, sums.name)
    return select(*key, *(sums[name] for name in _SUMMED)).where(sums.grain == grain)


def _key(
    account_id: ColumnElement[str],
    dimension: ColumnElement[str],
    at: ColumnElement[int],
    length: int,
    name: ColumnElement[str],
) -> tuple[ColumnElement[Any], ...]:
    begins_at = (at // length * length).label("begins_at")
    return account_id, dimension.label("dimension"), begins_at, name.label("name")


def _labelled(values: Mapping[str, ColumnElement[int]]) -> list[ColumnElement[int]]:
    return [values.get(name, literal(0)).label(name) for name in _SUMMED]


def _differences(*parts: Select[Any]) -> Select[str, str]:
    """What does not add up to nothing."""
    rows = union_all(*parts).subquery().c
    sums = [func.sum(rows[name]) for name in _SUMMED]
    return (
        finding(
            rows.account_id,
            rows.dimension,
            " ",
            rows.name,
            " from ",
            rows.begins_at,
            ": ",
            sums[0],
            " requests too many, cost ",
            sums[1],
        )
        .group_by(rows.account_id, rows.dimension, rows.begins_at, rows.name)
        .having(or_(*(each != 0 for each in sums)))
    )

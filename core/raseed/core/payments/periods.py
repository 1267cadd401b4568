"""Which period a payment pays: by the calendar, from the day on which the plan began, and none twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import PeriodLength
from raseed.core.clock import Microseconds
from raseed.core.payments.subscription_model import Period, Role


@dataclass(frozen=True, slots=True)
class Allotment:
    role: Role
    begins_at: Microseconds
    ends_at: Microseconds
    anchor_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What is known of a payment when its period is allotted."""

    plan_id: str
    length: PeriodLength
    at: Microseconds
    """When the money came, by the provider's clock."""
    planned_start: Microseconds | None
    """Of a renewal: when the period begins that it was made for. None: it was made to begin or change a plan."""


def chain(periods: Iterable[Period]) -> list[Period]:
    """Those that follow each other up to the last one: what was left by an upgrade is not among them."""
    found: list[Period] = []
    for period in sorted(periods, key=lambda period: period.number):
        if period.role is Role.BEGIN:
            found = []
        if period.role is not Role.ASIDE:
            found.append(period)
    return found


def period_end(
    calendar: Calendar, anchor_at: Microseconds, begins_at: Microseconds, length: PeriodLength
) -> Microseconds:
    """The first end after a beginning, counted from the anchor: what begins on the 31st goes by the 28th and is back
    on the 31st.
    """
    months = calendar.months_between(anchor_at, begins_at) // length.months * length.months
    while (end := calendar.months_after(anchor_at, months)) <= begins_at:
        months += length.months
    return end


def allotted(paid: Paid, periods: Sequence[Period], grace_us: int, calendar: Calendar) -> Allotment:
    """The period of a payment, after those that were allotted before and not given back.

    The same plan again follows the last period, also early, twice or within its grace; later it begins anew. Another plan
    begins at once, unless the payment was made to renew: it follows the period that it was made to follow, and if there is
    another one by now, the plan was left and it stays aside.
    """
    so_far = chain(period for period in periods if not period.is_given_back)
    if not so_far or paid.at >= so_far[-1].ends_at + grace_us:
        return _begun(paid, Role.BEGIN, calendar)
    last = so_far[-1]
    if paid.plan_id != last.plan_id and paid.planned_start != last.ends_at:
        return _begun(paid, Role.BEGIN if paid.planned_start is None else Role.ASIDE, calendar)
    # Months are counted anew after a trial, and where the plan changes.
    is_anew = last.is_trial or paid.plan_id != last.plan_id
    anchor = last.ends_at if is_anew else last.anchor_at
    return Allotment(Role.NEXT, last.ends_at, period_end(calendar, anchor, last.ends_at, paid.length), anchor)


def _begun(paid: Paid, role: Role, calendar: Calendar) -> Allotment:
    return Allotment(role, paid.at, period_end(calendar, paid.at, paid.at, paid.length), paid.at)

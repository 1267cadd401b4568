"""Which period a payment pays: months of the calendar, none twice and none lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.payments.subscription_values import GRACE_US, KUWAIT, at, period, text_of

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import PeriodLength
from raseed.core.clock import DAY, Microseconds
from raseed.core.payments.periods import Paid, allotted, period_end
from raseed.core.payments.subscription_model import Period, Role

MONTH, YEAR = PeriodLength.MONTH, PeriodLength.YEAR


def ends(anchor: str, length: PeriodLength, count: int, zone: str = "Asia/Kuwait") -> list[str]:
    calendar, begins = Calendar(zone), at(anchor, zone)
    found = []
    for _ in range(count):
        begins = period_end(calendar, at(anchor, zone), begins, length)
        found.append(text_of(begins, zone))
    return found


@pytest.mark.parametrize(
    ("anchor", "length", "zone", "expected"),
    [
        ("2027-01-31", MONTH, "Asia/Kuwait", ["2027-02-28T00:00", "2027-03-31T00:00", "2027-04-30T00:00"]),
        ("2028-01-31", MONTH, "Asia/Kuwait", ["2028-02-29T00:00", "2028-03-31T00:00", "2028-04-30T00:00"]),
        ("2027-12-15T23:59", MONTH, "UTC", ["2028-01-15T23:59", "2028-02-15T23:59"]),
        (
            "2028-02-29",
            YEAR,
            "UTC",
            ["2029-02-28T00:00", "2030-02-28T00:00", "2031-02-28T00:00", "2032-02-29T00:00"],
        ),
        # Clocks are put forward at two o'clock of 28 March: the hour that is not there is the one after.
        ("2027-02-28T02:30", MONTH, "Europe/Berlin", ["2027-03-28T03:30", "2027-04-28T02:30"]),
    ],
)
def test_periods_are_months_from_the_first_day(anchor, length, zone, expected):
    assert ends(anchor, length, len(expected), zone) == expected


def test_a_month_is_that_of_the_profile_and_not_of_utc():
    # 31 January in Kuwait is still the 30th in UTC.
    begins = at("2027-01-31T01:00")
    assert text_of(period_end(KUWAIT, begins, begins, MONTH)) == "2027-02-28T01:00"
    assert text_of(period_end(Calendar("UTC"), begins, begins, MONTH), "UTC") == "2027-02-28T22:00"


@given(
    st.integers(at("2020-01-01"), at("2035-12-31")),
    st.sampled_from(list(PeriodLength)),
    st.sampled_from(["UTC", "Asia/Kuwait", "Europe/Berlin", "America/Sao_Paulo"]),
)
def test_periods_follow_each_other_on_the_days_of_the_anchor(anchor, length, zone):
    calendar = Calendar(zone)
    begins = Microseconds(anchor)
    for number in range(1, 30):
        after = period_end(calendar, Microseconds(anchor), begins, length)
        assert after == calendar.months_after(Microseconds(anchor), number * length.months)
        assert 27 * DAY < (after - begins) / length.months < 32 * DAY
        begins = after


FIRST = period(1, "2027-01-31", "2027-02-28")
SECOND = period(2, "2027-02-28", "2027-03-31")
UPGRADE = period(2, "2027-02-10", "2027-03-10", plan_id="pro", role=Role.BEGIN, anchor_at=at("2027-02-10"))
TRIAL = period(1, "2027-01-31", "2027-02-07", is_trial=True)


@pytest.mark.parametrize(
    ("before", "plan", "paid_at", "planned", "role", "begins", "until"),
    [
        ([], "basic", "2027-01-31", None, Role.BEGIN, "2027-01-31", "2027-02-28"),
        ([FIRST], "basic", "2027-02-26", "2027-02-28", Role.NEXT, "2027-02-28", "2027-03-31"),
        # late, within three days of grace, and just after
        ([FIRST], "basic", "2027-03-02T23:59", "2027-02-28", Role.NEXT, "2027-02-28", "2027-03-31"),
        ([FIRST], "basic", "2027-03-03", "2027-02-28", Role.BEGIN, "2027-03-03", "2027-04-03"),
        # the same renewal paid twice, and the same order
        ([FIRST, SECOND], "basic", "2027-02-27", "2027-02-28", Role.NEXT, "2027-03-31", "2027-04-30"),
        ([FIRST], "basic", "2027-01-31T00:05", None, Role.NEXT, "2027-02-28", "2027-03-31"),
        # another plan begins at once; a renewal made for its end follows
        ([FIRST], "pro", "2027-02-10", None, Role.BEGIN, "2027-02-10", "2027-03-10"),
        ([FIRST], "starter", "2027-02-26", "2027-02-28", Role.NEXT, "2027-02-28", "2027-03-28"),
        # a renewal of what was left
        ([FIRST, UPGRADE], "basic", "2027-02-26", "2027-02-28", Role.ASIDE, "2027-02-26", "2027-03-26"),
        ([FIRST, UPGRADE], "pro", "2027-03-09", "2027-03-10", Role.NEXT, "2027-03-10", "2027-04-10"),
        # an upgrade that was given back leaves the plan of before
        ([FIRST, replace(UPGRADE, is_given_back=True)], "basic", "2027-02-26", "2027-02-28", Role.NEXT, "2027-02-28", "2027-03-31"),
        # a trial lasts as long as it was given for, whenever it is paid
        ([TRIAL], "basic", "2027-02-03", "2027-02-07", Role.NEXT, "2027-02-07", "2027-03-07"),
        ([TRIAL], "pro", "2027-02-03", None, Role.BEGIN, "2027-02-03", "2027-03-03"),
    ],
)  # fmt: skip
def test_a_payment_pays_the_period(before, plan, paid_at, planned, role, begins, until):
    paid = Paid(plan_id=plan, length=MONTH, at=at(paid_at), planned_start=at(planned) if planned else None)
    found = allotted(paid, before, GRACE_US, KUWAIT)
    assert (found.role, text_of(found.begins_at)[:10], text_of(found.ends_at)[:10]) == (role, begins, until)


@given(st.lists(st.integers(-10 * DAY, 40 * DAY), max_size=12))
def test_whatever_is_paid_when_every_period_of_a_plan_is_whole_and_none_overlaps(pauses):
    periods: list[Period] = []
    now = at("2027-01-31")
    for number, pause in enumerate(pauses, 1):
        now = Microseconds(max(now + pause, 0))
        paid = Paid(plan_id="basic", length=MONTH, at=now, planned_start=None)
        found = allotted(paid, periods, GRACE_US, KUWAIT)
        assert found.ends_at - found.begins_at > 27 * DAY
        assert found.ends_at > now
        if periods:
            assert found.begins_at >= periods[-1].ends_at
        periods.append(
            replace(
                FIRST,
                number=number,
                role=found.role,
                begins_at=found.begins_at,
                ends_at=found.ends_at,
                anchor_at=found.anchor_at,
            )
        )

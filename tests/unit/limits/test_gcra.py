"""The arithmetic of one limit: what is admitted in any window, what comes back, what a refusal says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.core.clock import DAY, MINUTE, SECOND
from raseed.core.limits.gcra import SLACK_US, Quota, fill_of, per_day, per_minute, wait_for

quotas = st.builds(
    Quota, st.integers(1, 100_000), st.sampled_from([SECOND, MINUTE, DAY]), st.integers(1, 100_000)
)
asked = st.lists(st.tuples(st.floats(0, MINUTE), st.integers(1, 50)), min_size=1, max_size=60)


def admitted(quota: Quota, steps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """(moment, cost) of what is let through."""
    now, arrival, through = 0.0, 0.0, []
    for pause, cost in steps:
        now += pause
        fill = fill_of(arrival, now)
        if wait_for(fill, cost, quota) == 0:
            arrival = now + fill + cost * quota.interval_us
            through.append((now, cost))
    return through


@given(quotas, asked)
def test_no_window_admits_more_than_burst_and_rate(quota: Quota, steps: list[tuple[float, int]]):
    through = admitted(quota, steps)
    slack = len(through) * SLACK_US / quota.interval_us + 1e-6
    for first in range(len(through)):
        cost = 0
        for last in range(first, len(through)):
            cost += through[last][1]
            window_us = through[last][0] - through[first][0]
            assert cost <= quota.burst + window_us / quota.interval_us + slack


@given(quotas, st.integers(1, 50), st.floats(0, DAY))
def test_who_waits_as_told_is_let_through(quota: Quota, cost: int, fill: float):
    wait = wait_for(fill, cost, quota)
    if cost > quota.burst:
        assert wait == math.inf
    elif wait:
        assert wait_for(max(0.0, fill - wait), cost, quota) == 0
        if wait > 2 * SLACK_US:
            assert wait_for(fill - wait + 2 * SLACK_US, cost, quota) > 0


@pytest.mark.parametrize("rate", [1, 3, 7, 10, 60, 997, 12_000_000])
def test_a_burst_is_whole_and_no_more(rate: int):
    quota = per_minute(rate)
    taken, fill = 0, 0.0
    step = max(1, rate // 1_000)
    while wait_for(fill, step, quota) == 0:
        fill += step * quota.interval_us
        taken += step
        assert quota.remaining(fill) == rate - taken
    assert taken == rate - rate % step


def test_what_was_taken_flows_back_evenly():
    quota = per_minute(10)
    full = quota.tolerance_us
    assert quota.remaining(full) == 0
    assert wait_for(full, 1, quota) == 6 * SECOND
    assert quota.remaining(full - 6 * SECOND) == 1
    assert quota.remaining(0.0) == 10
    assert per_day(2).interval_us == DAY / 2


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_parts_of_several_workers_are_the_whole(rate: int, workers: int):
    quota, part = per_minute(rate), per_minute(rate).divided_by(workers)
    assert part.rate * workers == pytest.approx(quota.rate)
    assert quota.burst <= part.burst * workers < quota.burst + workers

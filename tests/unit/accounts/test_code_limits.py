"""The limits of codes as pure decisions: what any history of events may come to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.core.accounts.code_limits import (
    NOTHING,
    CodeLimits,
    Tally,
    Window,
    admit,
    admit_from_network,
    admit_guess,
    admit_to_budget,
    admit_to_neighbourhood,
    admitted_from,
    complete,
    forgive,
    is_budget_low,
)
from raseed.core.clock import DAY, HOUR, MINUTE, SECOND, Microseconds

LIMITS = CodeLimits()
NOON = Microseconds(1_800_000_000 * SECOND)
GAPS = st.lists(st.integers(0, 2 * HOUR), min_size=1, max_size=80)
WINDOWS = st.lists(
    st.builds(Window, st.integers(1, 6), st.integers(1, 3 * HOUR)), min_size=1, max_size=3
).map(tuple)


def at(micros: int) -> Microseconds:
    return Microseconds(NOON + micros)


@given(WINDOWS, GAPS)
def test_no_window_is_ever_passed_and_none_refuses_too_early(windows, gaps):
    """Against a plain list of everything that was admitted."""
    tally, now = NOTHING, int(NOON)
    admitted: list[int] = []
    for gap in gaps:
        now += gap
        expected = all(
            sum(moment > now - window.per_us for moment in admitted) < window.count for window in windows
        )
        after = admit(tally, windows, Microseconds(now))
        assert (after is not None) is expected
        assert (admitted_from(tally, windows, Microseconds(now)) == now) is expected
        if after is not None:
            tally = after
            admitted.append(now)
    # What is kept is bounded, too.
    assert len(tally.moments) <= max(windows, key=lambda window: window.per_us).count


@given(WINDOWS, GAPS)
def test_the_moment_that_is_foretold_is_the_first(windows, gaps):
    tally, now = NOTHING, int(NOON)
    for gap in gaps:
        now += gap
        first = admitted_from(tally, windows, Microseconds(now))
        assert admit(tally, windows, Microseconds(first)) is not None
        assert first == now or admit(tally, windows, Microseconds(first - 1)) is None
        tally = admit(tally, windows, Microseconds(now)) or tally


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.booleans()), max_size=200))
def test_wrong_guesses_of_any_day_are_few(guesses):
    """However they are spread, and however many right ones lie between them."""
    tally, now, wrong = NOTHING, int(NOON), []
    for gap, is_right in guesses:
        now += gap
        after = admit_guess(tally, LIMITS, Microseconds(now))
        if after is None:
            continue
        tally = forgive(after, LIMITS, Microseconds(now)) if is_right else after
        if not is_right:
            wrong.append(now)
    for moment in wrong:
        assert sum(moment - DAY < other <= moment for other in wrong) <= 10 + 24


def test_ten_failures_lock_for_an_hour_and_each_further_one_again():
    tally: Tally | None = NOTHING
    for minute in range(10):
        tally = admit_guess(tally or NOTHING, LIMITS, at(minute * MINUTE))
    assert tally is not None
    locked = at(9 * MINUTE)
    assert admit_guess(tally, LIMITS, Microseconds(locked + HOUR - 1)) is None
    again = admit_guess(tally, LIMITS, Microseconds(locked + HOUR))
    assert again is not None
    assert admit_guess(again, LIMITS, Microseconds(locked + HOUR + 1)) is None
    assert admit_guess(again, LIMITS, Microseconds(locked + 2 * HOUR)) is not None
    # A day later it is as if nothing had been.
    fresh = admit_guess(again, LIMITS, at(2 * DAY))
    assert fresh is not None
    assert fresh.locked_until == 0


def test_a_right_guess_takes_back_its_own_failure_and_no_other():
    tally: Tally | None = NOTHING
    for second in range(10):
        tally = admit_guess(tally or NOTHING, LIMITS, at(second))
    assert tally is not None
    assert tally.locked_until
    right = forgive(tally, LIMITS, at(9))
    assert (right.locked_until, len(right.moments)) == (0, 9)
    assert forgive(
        tally, LIMITS, at(3)
    ).locked_until  # an earlier guess does not undo the lock of a later one
    assert forgive(NOTHING, LIMITS, at(3)) == NOTHING


def test_a_neighbourhood_is_judged_by_fifty_at_a_time():
    limits = replace(LIMITS, sends_to_neighbours=(Window(1_000, MINUTE),))

    def after(sends: int, used: int, tally: Tally = NOTHING) -> Tally:
        for number in range(sends):
            sent = admit_to_neighbourhood(tally, limits, at(number))
            assert sent is not None
            tally = complete(sent) if number < used else sent
        return tally

    assert admit_to_neighbourhood(after(50, 14), limits, at(50)) is None
    for used in (15, 50):
        judged = admit_to_neighbourhood(after(50, used), limits, at(50))
        assert judged is not None
        assert (judged.sent, judged.completed) == (1, 0)
    assert admit_to_neighbourhood(after(50, 0), limits, at(49 + DAY)) is not None
    # Codes that were on their way when it was judged still count.
    late = after(50, 14)
    assert admit_to_neighbourhood(complete(late), limits, at(60)) is not None


def test_nobody_uses_more_codes_than_were_sent():
    tally = admit_to_neighbourhood(NOTHING, LIMITS, NOON)
    assert tally is not None
    for _ in range(5):
        tally = complete(tally)
    assert (tally.sent, tally.completed) == (1, 1)


@pytest.mark.parametrize(("budget", "alarms"), [(10, [8, 10]), (1, [1]), (2, [1, 2])])
def test_the_budget_of_a_day_tells_of_its_end_and_begins_anew(budget, alarms):
    limits = replace(LIMITS, sends_of_all_per_day=budget)
    midnight = Microseconds(NOON // DAY * DAY)
    tally: Tally | None = NOTHING
    told = []
    for number in range(1, budget + 1):
        tally = admit_to_budget(tally or NOTHING, budget, midnight)
        assert tally is not None
        if is_budget_low(tally, limits):
            told.append(number)
    assert told == alarms
    assert tally is not None
    assert admit_to_budget(tally, budget, Microseconds(midnight + DAY - 1)) is None
    assert admit_to_budget(tally, budget, Microseconds(midnight + DAY)) is not None


def test_no_network_has_more_than_a_tenth_of_the_day_and_strangers_not_all_of_it():
    (hour, day), a_day = LIMITS.sends_from_network, LIMITS.sends_of_all_per_day
    assert (hour.per_us, day.per_us) == (HOUR, DAY)
    assert hour.count < day.count == a_day // 10
    assert LIMITS.strangers_per_day == a_day * 4 // 5


def test_a_full_network_leaves_each_address_its_share():
    network, mine = NOTHING, NOTHING
    for second in range(30):
        counted = admit_from_network(network, NOTHING, LIMITS, at(second))
        assert counted is not None
        network = counted[0]
    for second in range(3):
        counted = admit_from_network(network, mine, LIMITS, at(30 + second))
        assert counted is not None
        assert counted[0] == network
        mine = counted[1]
    assert admit_from_network(network, mine, LIMITS, at(40)) is None
    assert admit_from_network(network, mine, LIMITS, at(HOUR)) is not None
    # While the network is not full, an address is not held to its share.
    assert admit_from_network(NOTHING, mine, LIMITS, at(40)) is not None

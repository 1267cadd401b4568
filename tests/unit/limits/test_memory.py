"""What the store in memory adds: it forgets, and it can be one of several."""

from __future__ import annotations

import pytest

from raseed.adapters.limits.memory import SWEEP_LEAST, MemoryLimitStore
from raseed.core.clock import MINUTE, SECOND
from raseed.core.limits.gcra import per_minute
from raseed.core.limits.ports import Seats, Take


class Time:
    def __init__(self) -> None:
        self.us = 1e12

    def __call__(self) -> float:
        return self.us


@pytest.fixture
def time():
    return Time()


def test_what_has_flowed_back_is_forgotten(time):
    store = MemoryLimitStore(now_us=time)
    for number in range(50 * SWEEP_LEAST):
        time.us += SECOND
        store.take_now([Take(f"account {number}", per_minute(10), 1)], (), "")
        assert len(store) <= SWEEP_LEAST + 1
    assert store.fill_us("account 49999") == 6 * SECOND


def test_never_more_than_so_many_are_remembered(time):
    store = MemoryLimitStore(now_us=time, entries_max=4_000)
    for number in range(20_000):
        store.take_now([Take(str(number), per_minute(10), 1)], (), "")
        assert len(store) <= 4_001
    assert store.fill_us("19999") == 6 * SECOND, "the oldest go first"


def test_seats_leave_nothing_behind():
    store = MemoryLimitStore()
    for number in range(100):
        seats = [Seats(f"seats {number}", 3)]
        store.take_now([], seats, "run")
        store.settle([], seats, "run")
    assert len(store) == 0


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_workers_that_do_not_know_of_each_other_admit_the_limit_together(time, workers):
    quota, admitted = per_minute(600), 0
    stores = [MemoryLimitStore(workers=workers, now_us=time) for _ in range(workers)]
    for number in range(12_000):  # for two minutes, twenty times as many as are allowed
        time.us += MINUTE / 6_000
        verdict = stores[number % workers].take_now([Take("a", quota, 1)], (), "")
        admitted += verdict.refused is None
    assert admitted == pytest.approx(600 + 1_200, rel=0.01)


def test_a_part_of_a_limit_still_admits_what_the_whole_does(time):
    """A prompt of most of a minute's tokens is served when nothing else is, and paid back in time."""
    store = MemoryLimitStore(workers=4, now_us=time)
    assert store.take_now([Take("tpm", per_minute(1_000), 900)], (), "").refused is None
    assert store.fill_us("tpm") == pytest.approx(4 * 54 * SECOND)
    assert store.take_now([Take("tpm", per_minute(1_000), 1)], (), "").refused == 0


def test_every_worker_has_a_seat():
    stores = [MemoryLimitStore(workers=4) for _ in range(4)]
    for store in stores:
        assert store.take_now([], [Seats("a", 2)], "run 1").refused is None
        assert store.take_now([], [Seats("a", 2)], "run 2").refused == 0

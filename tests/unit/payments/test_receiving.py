"""What is refused at the webhooks is told to the audit log at a bounded rate, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.billing.builders import ManualClock

from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.receiving import WINDOW_US, Outcome, Refusals

CREEM, MYFATOORAH = PaymentProvider.CREEM, PaymentProvider.MYFATOORAH


class Log:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.is_away = False

    async def record(self, actor: str, action: str, subject: str, detail: str, *, once: bool = False) -> None:
        if self.is_away:
            raise ConnectionError
        self.rows.append((subject, detail))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def refusals(log: Any, clock: ManualClock) -> Refusals:
    return Refusals(log, clock)


async def test_the_first_is_told_at_once_and_the_rest_of_its_window_together(refusals, log, clock):
    for _ in range(1_000):
        await refusals.add(CREEM, Outcome.UNSIGNED)
    await refusals.add(MYFATOORAH, Outcome.UNSIGNED)
    await refusals.add(CREEM, Outcome.WRONG_MODE)
    assert log.rows == [
        ("creem", "unsigned count=1"),
        ("myfatoorah", "unsigned count=1"),
        ("creem", "wrong_mode count=1"),
    ]
    clock.advance(WINDOW_US)
    await refusals.job().batch()
    assert log.rows[3:] == [("creem", "unsigned count=999")]
    await refusals.job().batch()
    assert len(log.rows) == 4
    await refusals.add(CREEM, Outcome.UNSIGNED)
    assert log.rows[4:] == [("creem", "unsigned count=1")]


async def test_the_next_window_tells_of_what_the_one_before_counted(refusals, log, clock):
    for _ in range(3):
        await refusals.add(CREEM, Outcome.UNSIGNED)
    clock.advance(WINDOW_US)
    await refusals.add(CREEM, Outcome.UNSIGNED)
    assert log.rows == [("creem", "unsigned count=1"), ("creem", "unsigned count=3")]


async def test_what_the_log_could_not_take_is_told_later(refusals, log, clock):
    log.is_away = True
    with pytest.raises(ConnectionError):
        await refusals.add(CREEM, Outcome.UNSIGNED)
    log.is_away = False
    await refusals.add(CREEM, Outcome.UNSIGNED)
    clock.advance(WINDOW_US)
    await refusals.job().batch()
    assert log.rows == [("creem", "unsigned count=2")]

"""Runs over a ledger in memory, on a clock that jumps. What every test leaves behind is checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.desk import Desk, gone
from tests.support.faulty_ledger import FaultyLedger
from tests.support.hand_backend import HandBackend
from tests.support.memory_ledger import MemoryLedger
from tests.support.virtual_time import LoopClock, VirtualTimeLoop
from tests.unit.billing.builders import ALICE, issue

from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.ledger_state import AccountState, UsageEvent
from raseed.core.billing.model import HoldState
from raseed.core.inference.admission import SlotLimits
from raseed.core.inference.run import Run

CHUNK = 8


def pytest_asyncio_loop_factories(config, item) -> Mapping[str, Any]:
    """Nothing here waits for real time."""
    return {"virtual": VirtualTimeLoop}


@dataclass
class Books:
    """The ledger's own view of what a test did."""

    memory: MemoryLedger

    @property
    def alice(self) -> AccountState:
        return self.memory.state.accounts[ALICE]

    @property
    def spendable(self) -> int:
        return self.alice.available_microcredits

    def event(self, run: Run) -> UsageEvent:
        """The one usage event of a run."""
        [event] = [event for event in self.memory.state.usage_events if event.hold.id == run.hold_id]
        return event

    def has_event(self, run: Run) -> bool:
        return any(event.hold.id == run.hold_id for event in self.memory.state.usage_events)

    def check(self) -> None:
        """Every hold has ended, with exactly one usage event, and nothing is held or lost."""
        state = self.memory.state
        assert [hold.id for hold in state.holds.values() if hold.state is HoldState.OPEN] == []
        assert sorted(event.hold.id for event in state.usage_events) == sorted(state.holds)
        granted = sum(grant.amount_microcredits for grant in state.granted.values())
        charged = sum(event.cost_microcredits for event in state.usage_events)
        for account in state.accounts.values():
            assert account.held_microcredits == 0
            assert account.debt_reserved_microcredits == 0
            assert account.available_microcredits >= 0
        worth = sum(a.available_microcredits - a.debt_microcredits for a in state.accounts.values())
        assert worth == granted - charged


@pytest.fixture
async def memory() -> MemoryLedger:
    ledger = MemoryLedger(LoopClock())
    ledger.open_account(ALICE)
    await ledger.submit([issue("g", 10_000)])
    return ledger


@pytest.fixture
def ledger(memory) -> FaultyLedger:
    return FaultyLedger(memory)


@pytest.fixture
async def books(memory) -> AsyncIterator[Books]:
    books = Books(memory)
    yield books
    books.check()


@pytest.fixture
def policy() -> HoldPolicy:
    return HoldPolicy(chunk_tokens=CHUNK, hold_wait_s=2.0)


@pytest.fixture
def limits() -> SlotLimits:
    return SlotLimits(slots=4, queue_max=8, wait_s=10.0)


@pytest.fixture
async def desk(ledger, books, policy, limits) -> AsyncIterator[Desk]:
    """With the scripted model."""
    desk = Desk(ledger, policy=policy, limits=limits)
    yield desk
    await nothing_left(desk)


@pytest.fixture
def hand() -> HandBackend:
    return HandBackend()


@pytest.fixture
async def hand_desk(ledger, books, policy, limits, hand) -> AsyncIterator[Desk]:
    """With a model that says what the test gives it."""
    desk = Desk(ledger, backend=hand, policy=policy, limits=limits)
    yield desk
    await nothing_left(desk)


async def nothing_left(desk: Desk) -> None:
    for run in list(desk.inference._runs.values()):
        await gone(run)
    assert desk.inference.open_runs == 0
    assert desk.slots.in_flight == 0
    assert desk.slots.queue_length == 0
    assert desk.rates.holders() == {}

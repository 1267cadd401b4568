"""Random histories of one account: the SQLite store against a model that counts coins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.contract.ledger.conftest import SqliteStore
from tests.property.coin_ledger import CoinLedger
from tests.unit.billing.builders import LEASE, extend, issue, place, release, settle, sweep

from raseed.adapters.sql.verify import verify
from raseed.core.billing.commands import Command, Held, Refused, Result, Settled
from raseed.core.ids import AccountId

T = TypeVar("T")
KEYS = st.sampled_from([f"k{number}" for number in range(8)])
NAMES = [f"h{number}" for number in range(12)]
AMOUNTS = st.sampled_from([0, 1, 7, 12, 25])
PICKS = st.integers(0, 99)
"""Chooses a hold: mostly one that is open, because little can happen to the others."""
EPOCHS = st.sampled_from([1, 2])
STRANGER = st.sampled_from([False] * 9 + [True])
"""Whether the command comes from another life of the worker than the hold's."""


class Shared:
    """One loop and one database for all histories; each history has an account of its own."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.run(SqliteStore.open(Path(self.folder.name) / "raseed.db"))
        self.accounts = count(1)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


shared: Shared


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def open_account(self) -> None:
        self.account = AccountId(f"acct_{next(shared.accounts)}")
        shared.run(shared.store.open_account(self.account))
        self.model = CoinLedger(lease=LEASE)
        self.sent: list[Command] = []
        # Histories without credit are short of everything else that could go wrong.
        self.issue("start", 60, 0, 1, 0, 0)
        self.issue("more", 60, 1, None, 0, 1)

    def name(self, hold: str) -> str:
        return f"{self.account}:{hold}"

    def pick(self, number: int, stranger: bool = False) -> tuple[str, int]:
        """A hold's name and the epoch to speak for."""
        still_open = [name for name, promise in self.model.promises.items() if not promise.ended]
        name = (
            still_open[number % len(still_open)] if still_open and number < 85 else NAMES[number % len(NAMES)]
        )
        owner = self.model.promises[name].epoch if name in self.model.promises else 1
        return name, 3 - owner if stranger else owner

    @property
    def now(self) -> int:
        return shared.store.clock.now()

    def send(self, command: Command, expected: str) -> Result:
        [result] = shared.run(shared.store.ledger.submit([command]))
        if isinstance(result, Refused):
            assert result.refusal == expected
        else:
            assert ("replay" if getattr(result, "replayed", False) else "done") == expected
            self.sent.append(command)
        return result

    @rule(
        key=KEYS,
        amount=st.sampled_from([1, 10, 30, 60]),
        priority=st.integers(0, 1),
        leases=st.sampled_from([None, 1, 1, 2]),
        later=st.sampled_from([0, 0, 0, LEASE]),
        paid=st.integers(0, 1),
    )
    def issue(self, key: str, amount: int, priority: int, leases: int | None, later: int, paid: int) -> None:
        start, end = self.now + later, None if leases is None else self.now + leases * LEASE
        order = (priority, end is None, end or 0, paid)
        command = issue(
            key,
            amount,
            self.account,
            priority=priority,
            effective_at=start,
            expires_at=end,
            cost_basis_minor=paid,
        )
        self.send(command, self.model.issue(key, amount, order, start, end))

    @rule(hold=st.sampled_from(NAMES), want=AMOUNTS, least=AMOUNTS, epoch=EPOCHS)
    def place(self, hold: str, want: int, least: int, epoch: int) -> None:
        want, least = max(want, least), min(want, least)
        command = place(self.name(hold), want, least, self.account, owner_epoch=epoch)
        result = self.send(command, self.model.place(hold, want, least, epoch, self.now))
        if isinstance(result, Held):
            promise = self.model.promises[hold]
            assert result.amount_microcredits == len(promise.coins)
            assert result.is_open == (not promise.ended)

    @rule(number=PICKS, to=st.sampled_from([0, 8, 20, 30, 60]), tokens=AMOUNTS, stranger=STRANGER)
    def extend(self, number: int, to: int, tokens: int, stranger: bool) -> None:
        hold, epoch = self.pick(number, stranger)
        command = extend(self.name(hold), to, tokens, self.account, epoch)
        self.send(command, self.model.extend(hold, to, tokens, epoch, self.now))

    @rule(number=PICKS, tokens=AMOUNTS, stranger=STRANGER)
    def settle(self, number: int, tokens: int, stranger: bool) -> None:
        hold, epoch = self.pick(number, stranger)
        command = settle(self.name(hold), tokens, self.account, epoch)
        self.check_end(hold, self.send(command, self.model.settle(hold, tokens, epoch, self.now)))

    @rule(number=PICKS, stranger=STRANGER)
    def release(self, number: int, stranger: bool) -> None:
        hold, epoch = self.pick(number, stranger)
        command = release(self.name(hold), self.account, epoch)
        self.check_end(hold, self.send(command, self.model.release(hold, epoch, self.now)))

    @rule(number=PICKS, epoch=st.sampled_from([1, 2, 3]))
    def sweep(self, number: int, epoch: int) -> None:
        hold, _ = self.pick(number)
        command = sweep(self.name(hold), self.account, "worker-1", epoch)
        self.check_end(hold, self.send(command, self.model.sweep(hold, epoch, self.now)))

    def check_end(self, hold: str, result: Result) -> None:
        if isinstance(result, Settled):
            promise = self.model.promises[hold]
            assert (result.cost_microcredits, result.shortfall_microcredits) == (promise.paid, promise.lost)

    @rule(step=st.sampled_from([1, LEASE // 2, LEASE]))
    def wait(self, step: int) -> None:
        shared.store.clock.advance(step)

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Whatever was done before: sent again it is refused, replayed or a heartbeat, and moves no credit."""
        if not self.sent:
            return
        command = data.draw(st.sampled_from(self.sent))
        if type(command).__name__ == "ExtendHold":
            return  # a level, not a step: its own rule repeats it
        before = shared.run(shared.store.ledger.balance(self.account))
        [result] = shared.run(shared.store.ledger.submit([command]))
        assert isinstance(result, Refused) or getattr(result, "replayed", False)
        assert shared.run(shared.store.ledger.balance(self.account)) == before

    @invariant()
    def the_balance_is_what_the_coins_say(self) -> None:
        if not hasattr(self, "account"):
            return
        balance = shared.run(shared.store.ledger.balance(self.account))
        assert balance is not None
        assert balance.spendable_microcredits == self.model.spendable(self.now)
        assert balance.held_microcredits == self.model.promised()

    def teardown(self) -> None:
        assert shared.run(shared.store.database.read(verify)) == []


@pytest.fixture
def shared_store():
    global shared  # noqa: PLW0603 - a state machine is made by Hypothesis and takes no argument
    shared = Shared()
    yield
    shared.close()


def test_random_histories_agree_with_the_coins(shared_store):
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            database=None,
            # Not shrunk: that takes minutes, and a history of one account is short enough to read.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

"""A ledger between the core and a store, that fails, delays and remembers as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from raseed.core.billing.commands import Command, Result
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.ids import AccountId, HoldId


class When(Enum):
    """When a call fails, seen from the commit. The caller cannot tell the two apart."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True)
class _Plan:
    when: When
    times: int


@dataclass(slots=True)
class Seen:
    """A command and its answer, in the order in which the store decided them."""

    command: Command
    result: Result


@dataclass
class FaultyLedger:
    """Implements `core.billing.ports.Ledger`."""

    inner: Ledger
    seen: list[Seen] = field(default_factory=list)
    attempts: list[Command] = field(default_factory=list)
    """Every command that was sent, those that failed too."""
    _plans: dict[type, _Plan] = field(default_factory=dict)
    _gates: dict[type, asyncio.Event] = field(default_factory=dict)

    def fail(self, kind: type, when: When, times: int = 1) -> None:
        """The next calls with a command of this kind raise LedgerUnavailable."""
        self._plans[kind] = _Plan(when, times)

    def mend(self) -> None:
        """No more failures."""
        self._plans.clear()

    def block(self, kind: type) -> asyncio.Event:
        """Calls with a command of this kind wait until the event is set; nothing is decided before."""
        return self._gates.setdefault(kind, asyncio.Event())

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        self.attempts += commands
        await asyncio.sleep(0)  # a real store never answers in the same breath
        for command in commands:
            if gate := self._gates.get(type(command)):
                await gate.wait()
        when = self._failure(commands)
        if when is When.BEFORE:
            raise LedgerUnavailable("a test said so, before the commit")
        results = await self.inner.submit(commands)
        self.seen += map(Seen, commands, results)
        if when is When.AFTER:
            raise LedgerUnavailable("a test said so, after the commit")
        return results

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self.inner.balance(account_id)

    async def hold(self, hold_id: HoldId) -> Hold | None:
        return await self.inner.hold(hold_id)

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        return await self.inner.holds_to_sweep(instance, epoch, after, limit)

    def _failure(self, commands: Sequence[Command]) -> When | None:
        for command in commands:
            plan = self._plans.get(type(command))
            if plan is not None and plan.times > 0:
                plan.times -= 1
                return plan.when
        return None

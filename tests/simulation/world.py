"""One simulated world: a store, workers, clients and weather, all of it a function of the seed.

A world has a stormy part, in which everything of `Weather` happens, and a calm one, in which nothing goes wrong any
more and everything that was begun must come to an end. After every commit the ledger's tables are compared with the
coins; all of `verify` and what the world was told are checked every few commits, after every rebirth, and at the end.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tests.property.quick_store import FamilyKey, empty_database
from tests.simulation import actors
from tests.simulation.books import digest, violations
from tests.simulation.journal import Journal
from tests.simulation.network import LATE_S
from tests.simulation.oracle import Oracle
from tests.simulation.stage import History, Stage, Wrong, play
from tests.simulation.storehouse import Decided, Effect, Storehouse
from tests.simulation.virtual import SimLoop
from tests.simulation.weather import CALM, draw_weather
from tests.simulation.workers import CALM_SWEEP_S, POLICY, Worker, draw_policy
from tests.unit.billing.builders import START

from raseed.core.billing.commands import Command, PlaceHold
from raseed.core.clock import SECOND, Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId

ACCOUNTS_MAX = 3
ACCOUNT_IDS = [AccountId(f"acct_{number}") for number in range(ACCOUNTS_MAX)]
KEYS = {account_id: ApiKeyId(f"key_of_{account_id}") for account_id in ACCOUNT_IDS}
CHILDREN = {account_id: ApiKeyId(f"key_child_of_{account_id}") for account_id in ACCOUNT_IDS}
MEMBERS = {account_id: PersonId(f"member_of_{account_id}") for account_id in ACCOUNT_IDS}
"""Each made the key, which made the other one."""
STORM_S = 30.0
NEW_MONTH = int(datetime(2027, 2, 1, tzinfo=UTC).timestamp()) * SECOND
"""A Monday: every window of spend caps begins anew. Half of the worlds live through it."""
CHECK_EVERY = 6
"""Commits between two checks of all invariants."""


def make_empty(path: Path) -> None:
    """The database that every world begins with."""
    parents = [FamilyKey(each, KEYS[each], None, MEMBERS[each]) for each in ACCOUNT_IDS]
    children = [FamilyKey(each, CHILDREN[each], KEYS[each], MEMBERS[each]) for each in ACCOUNT_IDS]
    empty_database(path, *ACCOUNT_IDS, keys=[*parents, *children])


def simulate(seed: int, folder: Path, *, empty: Path, tell: bool = False) -> History:
    """Raises SimulationFailed. The same seed goes the same way, wherever and whenever."""
    world = World(seed, Random(seed), SimLoop(), tell=tell)
    return play(world, world.live(folder, empty), folder)


class World(Stage):
    program = "tests.simulation"

    def __init__(self, seed: int, chance: Random, loop: SimLoop, *, tell: bool = False) -> None:
        begin = chance.choice([START, Microseconds(NEW_MONTH - chance.randint(2, 25) * SECOND)])
        super().__init__(seed, chance, loop, begin, tell=tell)
        self.weather = draw_weather(chance)
        self.policy = draw_policy(chance)
        self.account_ids = ACCOUNT_IDS[: chance.randint(1, ACCOUNTS_MAX)]
        self.key_of, self.child_of, self.member_of = KEYS, CHILDREN, MEMBERS
        self.oracle = Oracle(self.account_ids)
        self.journal = Journal()
        self.sent: list[Command] = []
        self.workers: list[Worker] = []
        self._zombies: list[Worker] = []
        self._turned_back_s = 0.0
        self._messages_are_orderly = not (self.weather.doubled or self.weather.late or self.weather.chaos)

    # ------------------------------------------------------------------------------------- for its inhabitants

    @property
    def fault(self) -> float:
        return self.weather.fault

    def turn_clock(self, microseconds: int) -> None:
        self.trace("the clock is turned by %s s", microseconds / SECOND)
        self.seen["the clock is turned back" if microseconds < 0 else "the clock is turned forward"] += 1
        self.clock.turn(microseconds)
        if microseconds < 0:
            self._turned_back_s -= microseconds / SECOND

    def revive(self) -> None:
        for number, worker in enumerate(self.workers):
            if not worker.alive:
                self.workers[number] = Worker(self, worker.instance)

    def double(self, number: int) -> None:
        old = self.workers[number]
        self.trace("%s begins again and has not ended", old.instance)
        self.seen["a worker is there twice"] += 1
        self._zombies.append(old)
        self.workers[number] = Worker(self, old.instance)

    def is_unwritable(self, commands: object) -> bool:
        assert isinstance(commands, list | tuple)
        return any(isinstance(c, PlaceHold) and c.api_key_id == actors.POISON_KEY for c in commands)

    def committed(self, transaction: list[Decided | Effect]) -> None:
        self.count(transaction)
        try:
            touched = self.oracle.follow(transaction)
            self._compare(touched)
            if self._commits % CHECK_EVERY == 0:
                self.check()
        except Wrong as wrong:
            self.fail(str(wrong))

    def reborn(self) -> None:
        try:
            self._compare(set(self.account_ids))
            self.check()
        except Wrong as wrong:
            self.fail(str(wrong))

    # ------------------------------------------------------------------------------------------------ checks

    def _compare(self, account_ids: set[AccountId]) -> None:
        reader, ledger = self.store.reader, self.store.ledger
        assert reader is not None
        self.oracle.compare(ledger, reader, sorted(account_ids), self.clock.now())

    def check(self) -> None:
        reader = self.store.reader
        assert reader is not None
        found = violations(reader)
        if found:
            raise Wrong("; ".join(found))
        self.journal.check(reader)
        if self._messages_are_orderly:
            self.journal.check_refused(reader)
        if not self._turned_back_s:
            self.journal.check_expired(reader)

    # ------------------------------------------------------------------------------------------------- its life

    async def live(self, folder: Path, empty: Path) -> None:
        chance = self.chance
        self.store = Storehouse(self, folder, empty)
        self.workers = [Worker(self, f"core-{number}") for number in range(chance.randint(2, 3))]
        self.spawn(actors.operator(self))
        clients = [
            self.spawn(actors.client(self, f"r{number}", chance.randint(1, 4)))
            for number in range(chance.randint(2, 4))
        ]
        others = [self.spawn(actors.mishaps(self)), self.spawn(actors.chaos(self))]

        await asyncio.sleep(STORM_S)
        self.trace("the storm is over")
        self.weather = CALM
        for task in others:
            task.cancel()
        self.revive()
        _, unanswered = await asyncio.wait(clients, timeout=600)
        if unanswered:
            self.fail("clients wait for ever")
        for zombie in self._zombies:
            zombie.die()
        # Whatever is late has arrived, every lease has lapsed, and everybody has swept.
        await asyncio.sleep(LATE_S[1] + POLICY.lease_s + 2 * CALM_SWEEP_S + self._turned_back_s)
        self._last_checks()

    def _last_checks(self) -> None:
        reader = self.store.reader
        if reader is None:
            return self.fail("the store does not come back")
        runs = [run for worker in self.workers for run in worker.runs]
        if runs:
            return self.fail(f"runs that do not end: {runs}")
        try:
            self._compare(set(self.account_ids))
            self.check()
            self.journal.check_all_ended(reader)
        except Wrong as wrong:
            return self.fail(str(wrong))
        self.end_well(digest(reader), self.oracle.seen)
        return None

"""The core worker is killed again and again under load. No money appears, none is lost, nothing that was
acknowledged is forgotten.

RASEED_KILLS sets how often it is killed in the long version (default 50), RASEED_SEED repeats the choices of a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from itertools import cycle
from statistics import median

import pytest
from tests.campaigns.clients import customer_loop, operator_loop
from tests.campaigns.conftest import StartStack
from tests.campaigns.journal import Journal, ends_in, faults_in, open_holds
from tests.campaigns.moments import ALIVE_S, MOMENTS, Scene
from tests.support.http import Http
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.admin.v1 import admin_pb2

KILLS = int(os.environ.get("RASEED_KILLS", "50"))
ACCOUNTS = 3
CLIENTS = 8
CREDIT = 1_000_000
BY_COMMAND = 11
QUIET_S = 5.0
"""After the last client has gone, how long a hold may still be open."""


def test_two_kills(start_stack: StartStack) -> None:
    """At moments that chance chooses; the long version goes through all of them."""
    Campaign(start_stack(pace_ms=2)).run(kills=2)


@pytest.mark.long
def test_many_kills(start_stack: StartStack) -> None:
    Campaign(start_stack(pace_ms=2)).run(kills=KILLS)


class Campaign:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.seed = int(os.environ.get("RASEED_SEED", time.time_ns() % 1_000_000))
        self.rng = random.Random(self.seed)
        self.journal = Journal()
        self.customers = [stack.customer(CREDIT) for _ in range(ACCOUNTS)]
        self.aside = stack.customer(CREDIT)
        """The customer of the moments that are brought about."""
        self.killed: Counter[str] = Counter()
        self.away_s: list[float] = []

    def run(self, kills: int) -> None:
        print(f"seed {self.seed} (RASEED_SEED repeats it)")
        asyncio.run(self._kill_under_load(kills))
        self._grant_by_command()
        until(lambda: open_holds(self.stack.files.database) == 0, QUIET_S, "every hold has ended")
        assert self.journal.missing_from(self.stack.files.database, again=True) == []
        assert faults_in(self.stack.files.database) == []
        assert verified(self.stack) == []
        self._keys_work()
        journal = self.journal
        print(
            f"{sum(self.killed.values())} kills ({', '.join(f'{n} {name}' for name, n in self.killed.items())}); "
            f"away for {median(self.away_s):.1f} s each, {max(self.away_s):.1f} s at most; "
            f"{len(journal.charges)} charges, {len(journal.grants)} grants, {len(journal.keys)} keys "
            f"acknowledged; requests: {dict(journal.outcomes)}; ends: {ends_in(self.stack.files.database)}"
        )
        assert journal.outcomes["whole"] > kills
        assert journal.outcomes["left"] > 0
        assert journal.outcomes["broken"] > 0, "no kill met a request"

    async def _kill_under_load(self, kills: int) -> None:
        journal, rng = self.journal, self.rng
        load = [
            asyncio.create_task(customer_loop(self.stack, rng.choice(self.customers), journal, rng))
            for _ in range(CLIENTS)
        ]
        load.append(asyncio.create_task(operator_loop(self.stack, self.customers, journal, rng)))
        try:
            for _, moment in zip(range(kills), cycle(rng.sample(MOMENTS, len(MOMENTS))), strict=False):
                await asyncio.sleep(rng.uniform(*ALIVE_S))
                scene = Scene(self.stack, self.aside, journal, rng)
                restarts = self.stack.part("core-0")["restarts"]
                ending = asyncio.create_task(moment(scene))
                await asyncio.wait([ending, asyncio.create_task(scene.killed.wait())])
                await ending
                began = time.monotonic()
                await asyncio.to_thread(self.stack.wait_for_core, restarts)
                self.away_s.append(time.monotonic() - began)
                self.killed[moment.__name__] += 1
                await asyncio.to_thread(self._examine, f"after kill {sum(self.killed.values())}")
                broken = [task for task in load if task.done()]
                assert not broken, [task.exception() for task in broken]
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)

    def _examine(self, when: str) -> None:
        database = self.stack.files.database
        assert verified(self.stack) == [], when
        assert faults_in(database) == [], when
        assert self.journal.missing_from(database) == [], when
        for customer in [*self.customers, self.aside]:
            funds = customer.funds()
            assert min(funds.spendable, funds.held) >= 0, when

    def _grant_by_command(self) -> None:
        """As an operator does it by hand, on the stack that has been through all this."""
        before = self.aside.left()
        done = self.stack.cli(
            "credits", "grant", self.aside.id, str(BY_COMMAND), "--reason", "campaign", "--json"
        )
        assert done.returncode == 0, done.stderr
        assert self.aside.left() == before + BY_COMMAND

    def _keys_work(self) -> None:
        """Some of the keys that were shown, made before and between the kills."""
        keys = list(self.journal.keys.values())
        for key in self.rng.sample(keys, min(10, len(keys))):
            assert Http(self.stack.port, key).send("GET", "/v1/models").status == 200


def verified(stack: Stack) -> list[str]:
    answer = stack.admin("VerifyLedger", admin_pb2.VerifyLedgerRequest())
    return [f"{violation.invariant}: {violation.detail}" for violation in answer.violations]

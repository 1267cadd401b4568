"""Core workers are killed again and again under load, and PostgreSQL is restarted as after a crash. No money appears,
none is lost, nothing that was acknowledged is forgotten.

RASEED_KILLS sets how often the long version kills (default 300), RASEED_RESTARTS how often it restarts PostgreSQL
(default 20), RASEED_SEED repeats the choices of a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from statistics import median

import pytest
from tests.campaigns.books import ends_in, faults_in, open_holds
from tests.campaigns.clients import customer_loop, operator_loop
from tests.campaigns.conftest import Say, StartSite
from tests.campaigns.journal import Journal
from tests.campaigns.moments import ALIVE_S, MOMENTS, Moment, Scene
from tests.campaigns.sites import Site
from tests.support.http import Http
from tests.support.waiting import until

KILLS = int(os.environ.get("RASEED_KILLS", "300"))
RESTARTS = int(os.environ.get("RASEED_RESTARTS", "20"))
ACCOUNTS = 3
CLIENTS = 8
CREDIT = 100_000_000
"""Of each account: however long a busy machine takes over the kills, nobody runs out of it."""
BY_COMMAND = 11
QUIET_S = 5.0
"""After the last client has gone, how long a hold may still be open."""
AWAY_S_MAX = 30.0
"""Until what was killed serves again."""
TOLD_EVERY = 20


def test_some_kills(shared_site: Site, say: Say) -> None:
    """At moments that chance chooses, and a restart of PostgreSQL; the long version goes through all moments."""
    Campaign(shared_site, say).run(kills=2 if shared_site.server is None else 1, restarts=1)


@pytest.mark.long
def test_many_kills(start_site: StartSite, say: Say) -> None:
    with start_site(pace_ms=2) as site:
        Campaign(site, say).run(kills=KILLS, restarts=RESTARTS)


class Campaign:
    def __init__(self, site: Site, say: Say) -> None:
        self.site = site
        self.say = say
        self.seed = int(os.environ.get("RASEED_SEED", time.time_ns() % 1_000_000))
        self.rng = random.Random(self.seed)
        self.journal = Journal()
        self.customers = [site.stack.customer(CREDIT) for _ in range(ACCOUNTS)]
        self.aside = site.stack.customer(CREDIT)
        """The customer of the moments that are brought about."""
        self.killed: Counter[str] = Counter()
        self.workers_killed = 0
        self.restarted = 0
        self.away_s: list[float] = []

    def run(self, *, kills: int, restarts: int) -> None:
        if self.site.server is None:
            restarts = 0
        print(f"seed {self.seed} (RASEED_SEED repeats it)")
        asyncio.run(self._under_load(kills, restarts))
        self._grant_by_command()
        books, journal = self.site.books, self.journal
        until(lambda: open_holds(books) == 0, QUIET_S, "every hold has ended")
        assert journal.missing_from(books, again=True) == []
        assert faults_in(books) == []
        assert self.site.verified() == []
        self._keys_work()
        summary = (
            f"{self._told()}; moments: {dict(self.killed)}; away for {median(self.away_s):.1f} s each, "
            f"{max(self.away_s):.1f} s at most; ends by the ledger: {ends_in(books)}"
        )
        print(summary)
        if kills > TOLD_EVERY:
            self.say(summary)
        assert journal.outcomes["whole"] > kills
        assert journal.outcomes["left"] > 0
        if kills >= len(MOMENTS):
            assert journal.outcomes["broken"] > 0, "no kill met a request"

    async def _under_load(self, kills: int, restarts: int) -> None:
        stack, journal, rng = self.site.stack, self.journal, self.rng
        load = [
            asyncio.create_task(customer_loop(stack, rng.choice(self.customers), journal, rng))
            for _ in range(CLIENTS)
        ]
        load.append(asyncio.create_task(operator_loop(stack, self.customers, journal, rng)))
        try:
            for number, moment in enumerate(self._moments(kills, restarts), 1):
                await asyncio.sleep(rng.uniform(*ALIVE_S))
                began = await (self._restart() if moment is None else self._kill(moment))
                self.away_s.append(time.monotonic() - began)
                when = (
                    f"after {number} blows, the last one {'a restart' if moment is None else moment.__name__}"
                )
                await asyncio.to_thread(self._examine, when)
                broken = [task for task in load if task.done()]
                assert not broken, [task.exception() for task in broken]
                if number % TOLD_EVERY == 0:
                    self.say(self._told())
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)

    def _moments(self, kills: int, restarts: int) -> Iterator[Moment | None]:
        """Each kind of moment equally often; the restarts of PostgreSQL, None, are spread evenly between them."""
        kinds = cycle(self.rng.sample(MOMENTS, len(MOMENTS)))
        for number in range(kills):
            yield next(kinds)
            yield from [None] * ((number + 1) * restarts // kills - number * restarts // kills)

    async def _kill(self, moment: Moment) -> float:
        """Returns when all workers serve again; the answer is when they died."""
        scene = Scene(self.site, self.aside, self.journal, self.rng)
        ending = asyncio.create_task(moment(scene))
        killed = asyncio.create_task(scene.killed.wait())
        await asyncio.wait([ending, killed], return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        await ending
        await asyncio.to_thread(self.site.stack.wait_for_workers, scene.restarts)
        await asyncio.to_thread(until, self.site.answers, AWAY_S_MAX, "requests are served again")
        self.killed[moment.__name__] += 1
        self.workers_killed += len(scene.restarts)
        return began

    async def _restart(self) -> float:
        """PostgreSQL dies and replays its log; the workers go on."""
        assert self.site.server is not None
        began = time.monotonic()
        await asyncio.to_thread(self.site.server.restart_at_once)
        await asyncio.to_thread(until, self.site.answers, AWAY_S_MAX, "the database is used again")
        self.restarted += 1
        return began

    def _examine(self, when: str) -> None:
        assert self.site.verified() == [], when
        assert faults_in(self.site.books) == [], when
        assert self.journal.missing_from(self.site.books) == [], when
        for customer in [*self.customers, self.aside]:
            funds = customer.funds()
            assert min(funds.spendable, funds.held) >= 0, when

    def _told(self) -> str:
        journal = self.journal
        return (
            f"{sum(self.killed.values())} kills ({self.workers_killed} workers), {self.restarted} restarts; "
            f"{len(journal.charges)} charges, {len(journal.grants)} grants, {len(journal.keys)} keys "
            f"acknowledged and there; requests: {dict(journal.outcomes)}"
        )

    def _grant_by_command(self) -> None:
        """As an operator does it by hand, on the stack that has been through all this."""
        before = self.aside.left()
        done = self.site.stack.cli(
            "credits", "grant", self.aside.id, str(BY_COMMAND), "--reason", "campaign", "--json"
        )
        assert done.returncode == 0, done.stderr
        assert self.aside.left() == before + BY_COMMAND

    def _keys_work(self) -> None:
        """Some of the keys that were shown, made before and between the kills."""
        keys = list(self.journal.keys.values())
        for key in self.rng.sample(keys, min(10, len(keys))):
            until(partial(self._is_let_in, key), QUIET_S, "a key that was shown works")

    def _is_let_in(self, key: str) -> bool:
        """A worker whose connections went with the database may say once that it cannot tell."""
        status = Http(self.site.stack.port, key).send("GET", "/v1/models").status
        assert status in {200, 503}
        return status == 200

"""One simulated world of payments: a store, workers, providers, buyers and weather, all of it a function of the seed.

A world has a stormy part, in which everything of `Weather` happens, and a calm one, in which no event comes any more, and
the schedule alone has to bring every payment to where it belongs.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from tests.payment_simulation import people
from tests.payment_simulation.codes import add_codes, check_codes, redeemer, unsettled
from tests.payment_simulation.database import PaymentStorehouse
from tests.payment_simulation.line import ANSWER_WAIT_S, LATE_S
from tests.payment_simulation.oracle import Oracle, digest
from tests.payment_simulation.postman import Postman
from tests.payment_simulation.shop import HABITS, Shop
from tests.payment_simulation.weather import CALM, draw_weather
from tests.payment_simulation.workers import Worker
from tests.property.quick_store import empty_database
from tests.simulation.stage import History, Stage, Wrong, play
from tests.simulation.storehouse import Decided, Effect
from tests.simulation.virtual import SimLoop
from tests.support.receipts import terms
from tests.unit.billing.builders import START

from raseed.core import ids
from raseed.core.billing.commands import TakeShortfall
from raseed.core.clock import DAY, SECOND, Microseconds
from raseed.core.ids import AccountId, PaymentId, RedemptionCodeId
from raseed.core.payments.model import Mode
from raseed.core.payments.receipts import ReceiptTerms

ACCOUNT_IDS = [AccountId("acct_1"), AccountId("acct_2")]
SPANS_S = (600.0, 7_200.0, 172_800.0, 30 * 86_400.0)
"""How long a storm is about. Most are short: in a long one there is little but looks."""
SPAN_WEIGHTS = (8, 8, 3, 1)
REST_S_MAX = 200 * 86_400.0
"""In which everything has to come to rest: the last look at a payment is after four months."""
CHECK_EVERY = 16
"""Commits between two checks of the books."""
NEW_YEAR = 1_798_750_800 * SECOND
"""2027-01-01 in Kuwait: numbers of receipts begin anew. Half of the worlds live through it."""


@cache
def _receipt_terms() -> ReceiptTerms:
    return terms()


def make_empty(path: Path) -> None:
    """The database that every world begins with."""
    empty_database(path, *ACCOUNT_IDS)
    add_codes(path)


def simulate(seed: int, folder: Path, *, empty: Path, tell: bool = False) -> History:
    """Raises SimulationFailed. The same seed goes the same way, wherever and whenever."""
    world = World(seed, Random(seed), SimLoop(), tell=tell)
    chances = Random(seed + 1)
    with mock.patch.object(ids, "os", _Dice(chances)), mock.patch.object(ids, "time", _Time(world)):
        return play(world, world.live(folder, empty), folder)


class _Dice:
    """Ids are made of chance: here of the seed's."""

    def __init__(self, chance: Random) -> None:
        self.urandom = chance.randbytes


class _Time:
    """And of the time: here of the world's."""

    def __init__(self, world: World) -> None:
        self.time = lambda: world.clock.now() / SECOND


class World(Stage):
    program = "tests.payment_simulation"

    def __init__(self, seed: int, chance: Random, loop: SimLoop, *, tell: bool = False) -> None:
        begin = chance.choice([START, Microseconds(NEW_YEAR - chance.randint(1, 3_600) * SECOND)])
        super().__init__(seed, chance, loop, begin, tell=tell)
        self.weather = draw_weather(chance)
        self.span_s = chance.choices(SPANS_S, SPAN_WEIGHTS)[0]
        self.shortfall = chance.choice([TakeShortfall.DEBT, TakeShortfall.WRITE_OFF])
        self.account_ids = ACCOUNT_IDS[: chance.randint(1, 2)]
        self.receipt_terms = _receipt_terms()
        self.shops = self._draw_shops()
        self.postman = Postman(self)
        self.oracle = Oracle(self)
        self.pages: set[PaymentId] = set()
        """Orders of which the buyer knows where to pay."""
        self.redeemed: set[tuple[RedemptionCodeId, AccountId]] = set()
        """What somebody was told that he redeemed."""
        self.workers: list[Worker] = []
        self.is_away = False
        self._hears_events = chance.random() < 0.8
        self._scripts: list[asyncio.Task[None]] = []
        self._changed: asyncio.Future[None] | None = None
        self._lives = 0

    def _draw_shops(self) -> list[Shop]:
        chance = self.chance
        habits = [chance.choice(HABITS)]
        others = [each for each in HABITS if each.provider is not habits[0].provider]
        if chance.random() < 0.3:
            habits.append(chance.choice(others))
        return [Shop(self, each, chance.choice(list(Mode))) for each in habits]

    # ------------------------------------------------------------------------------------- for its inhabitants

    @property
    def fault(self) -> float:
        return self.weather.fault

    def a_while(self) -> float:
        """Seconds between two things of a buyer's or provider's life."""
        chance = self.chance
        longest = chance.choice([0.0, 5.0, 120.0, self.span_s / 4, self.span_s / 4])
        return chance.uniform(0, longest)

    def count_seen(self, what: str) -> None:
        self.seen[what] += 1

    def shop_begins(self, script: Coroutine[Any, Any, None]) -> None:
        """The storm is not over before it has ended."""
        self._scripts.append(self.spawn(script))

    async def come_back(self, shop: Shop, payment_id: PaymentId) -> None:
        await people.browser(self, shop, payment_id)

    def any_worker(self) -> Worker | None:
        alive = [worker for worker in self.workers if worker.is_alive and not worker.is_misconfigured]
        return self.chance.choice(alive) if alive else None

    def worker_died(self, worker: Worker) -> None:
        if not self.is_away and worker in self.workers:
            delay = self.chance.choice([0.1, 5.0, 400.0])
            asyncio.get_running_loop().call_later(delay, self._replace, worker)

    def _replace(self, worker: Worker) -> None:
        if not self.is_away and worker in self.workers:
            self.workers[self.workers.index(worker)] = self._new_worker()

    def _new_worker(self) -> Worker:
        self._lives += 1
        is_misconfigured = not self.weather.is_calm and self.chance.random() < 0.05
        self.seen["a worker is of the other mode"] += is_misconfigured
        return Worker(
            self,
            f"core-{self._lives}",
            hears_events=self._hears_events,
            is_misconfigured=is_misconfigured,
        )

    def revive(self) -> None:
        self.workers = [worker if worker.is_alive else self._new_worker() for worker in self.workers]

    # --------------------------------------------------------------------------------------- what jobs wait for

    def _due_at(self, query: str) -> int | None:
        if self.store.reader is None:
            return None
        [(due,)] = self.store.reader.execute(query)
        return None if due is None else int(due)

    def is_due(self, query: str) -> bool:
        due = self._due_at(query)
        return due is not None and due <= self.clock.now()

    async def sleep_until_due(self, query: str) -> None:
        while not self.is_due(query):
            due = self._due_at(query)
            wait_s = None if due is None else (due - self.clock.now()) / SECOND
            await self.sleep_until_commit(wait_s)

    async def sleep_until_commit(self, wait_s: float | None) -> None:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._changed], timeout=wait_s)

    def committed(self, transaction: list[Decided | Effect]) -> None:
        self.count(transaction)
        self._wake()
        try:
            self.oracle.follow(transaction)
            if self._commits % CHECK_EVERY == 0:
                self._check_books()
        except Wrong as wrong:
            self.fail(str(wrong))

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None

    def reborn(self) -> None:
        self._wake()
        try:
            self._check_books()
        except Wrong as wrong:
            self.fail(str(wrong))

    def is_unwritable(self, commands: object) -> bool:
        return False

    def _check_books(self) -> None:
        if self.store.reader is not None:
            self.oracle.check_books(self.store.reader)

    # ------------------------------------------------------------------------------------------------- its life

    async def live(self, folder: Path, empty: Path) -> None:
        chance = self.chance
        self.store = PaymentStorehouse(self, folder, empty)
        self.workers = [self._new_worker() for _ in range(chance.randint(1, 3))]
        buyers = [self.spawn(people.buyer(self, f"order-{n}")) for n in range(chance.randint(1, 3))]
        others = [self.spawn(people.operator(self)), self.spawn(people.mishaps(self))]
        buyers += [self.spawn(redeemer(self, account_id)) for account_id in self.account_ids]
        spenders = [self.spawn(people.spender(self, account_id)) for account_id in self.account_ids]
        await asyncio.wait(buyers)
        await asyncio.sleep(chance.choice([0.0, 300.0, self.span_s / 2]))
        await self._scripts_end()
        self.trace("the storm is over")
        self.weather = CALM
        self.postman.is_closed = True
        await self._become_calm(others, spenders)
        await self._come_to_rest(self._loop.time())
        await self._compare_days()
        self._last_checks()

    async def _scripts_end(self) -> None:
        while unended := [script for script in self._scripts if not script.done()]:
            await asyncio.wait(unended)
        await asyncio.sleep(LATE_S[1] + ANSWER_WAIT_S)  # what is under way has arrived

    async def _become_calm(
        self, others: list[asyncio.Task[None]], spenders: list[asyncio.Task[None]]
    ) -> None:
        for task in others:
            task.cancel()
        self.is_away = False
        for shop in self.shops:
            shop.is_down = False
        await asyncio.wait(spenders)
        self._hears_events = self._hears_events and self.chance.random() < 0.3
        for worker in self.workers:
            worker.die()
        self.revive()

    async def _come_to_rest(self, calm_at: float) -> None:
        while not self._is_at_rest(calm_at):
            if self._loop.time() > calm_at + REST_S_MAX:
                raise Wrong(f"no rest: {self._restless(calm_at)}")
            await people.give_up(self)
            await self.sleep_until_commit(DAY / SECOND)
            await asyncio.sleep(5)
        await self._scripts_end()

    def _is_at_rest(self, calm_at: float) -> bool:
        ended = all(script.done() for script in self._scripts)
        return ended and self.store.reader is not None and not self._restless(calm_at)

    def _restless(self, calm_at: float) -> list[str]:
        """Payments that the schedule has still to look at, and codes whose credit is still to come."""
        reader = self.store.reader
        assert reader is not None
        waiting = [row[0] for row in reader.execute(_PAYMENTS) if self._is_restless(row, calm_at)]
        return waiting + unsettled(reader, self.oracle.closed)

    def _is_restless(self, row: sqlite3.Row, calm_at: float) -> bool:
        payment_id, state, next_check_at, withdrawing, open_refunds = row
        if state == "paid" or withdrawing or open_refunds:
            return True
        shop = self.oracle.orders.get(payment_id) or self.shops[0]
        looked_at = max(each.looked_at.get(payment_id, -1.0) for each in self.shops)
        return next_check_at is not None and looked_at < max(calm_at, shop.changed_at.get(payment_id, 0.0))

    async def _compare_days(self) -> None:
        """What a provider lists as paid, day by day, differs from what is here where an order is not as it should be, and
        nowhere else.
        """
        worker = self.any_worker()
        assert worker is not None
        for gateway, shop in zip(worker.gateways, self.shops, strict=True):
            orders = [order for orders in shop.book.orders.values() for order in orders]
            for day in sorted({order.paid_at // DAY for order in orders if order.paid_at is not None}):
                begin, end = Microseconds(day * DAY), Microseconds((day + 1) * DAY)
                compared = await worker.comparing.compare(gateway, begin, end)
                assert compared is not None
                self.oracle.check_day(shop, begin, end, {each.subject for each in compared.differences})

    def _last_checks(self) -> None:
        reader = self.store.reader
        assert reader is not None
        self.oracle.check_all(reader)
        check_codes(reader, self.redeemed, self.oracle.closed)
        self.end_well(digest(reader))


_PAYMENTS = """
    SELECT id, state, next_check_at, withdrawing_microcredits, (
        SELECT count(*) FROM refunds WHERE payment_id = payments.id AND state IN ('requested', 'pending')
    ) FROM payments
"""

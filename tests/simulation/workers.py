"""Workers: the real `HoldService` on a bad line, with runs that grow, fail, overrun and are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulation.network import Link
from tests.unit.billing.builders import COMPLETED, FAILED

from raseed.adapters.sql.instances import begin_life
from raseed.core.billing.commands import ExtendHold, Settled
from raseed.core.billing.holds import Coverage, HoldPolicy, OnShortfall
from raseed.core.billing.model import Measured, Meter, PriceSnapshot
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.billing.service import HoldService, Owner, Payer
from raseed.core.errors import RaseedError
from raseed.core.ids import HoldId

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
POLICY = HoldPolicy(chunk_tokens=5, hold_wait_s=1.0, lease_s=8.0)
DEBT_LIMITS = [10, 25, 60]
ABSORB_LIMITS = [0, 3, 20]
HEARTBEAT_S = 3.0
SWEEP_S = 4.0
CALM_SWEEP_S = 10.0
"""Where nothing goes wrong there is little to sweep, and much to skip."""


def draw_policy(chance: Random) -> HoldPolicy:
    """What the world's deployment does when credit ends."""
    return replace(
        POLICY,
        on_shortfall=chance.choice(
            [OnShortfall.STOP, OnShortfall.ABSORB, OnShortfall.DEBT, OnShortfall.DEBT]
        ),
        debt_limit_microcredits=chance.choice(DEBT_LIMITS),
        absorb_limit_microcredits=chance.choice(ABSORB_LIMITS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks, and how the answer is going to turn out."""

    id: HoldId
    payer: Payer
    price: PriceSnapshot
    input_hash: str
    prompt_tokens: int
    max_tokens: int
    answer_tokens: int
    """None at all: the engine fails, and nothing may be charged."""
    overrun_tokens: int
    """More than was covered, found out at the end."""
    token_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """To the client."""

    ending: str
    """charged · refused · unknown"""
    cost: int = 0


class Worker:
    """One life of one instance."""

    def __init__(self, world: World, instance: str) -> None:
        self._world = world
        self.instance = instance
        self.link = Link(world, instance)
        self.alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.runs: dict[HoldId, ExtendHold | None] = {}
        """With what keeps each alive; None before it holds anything."""
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start(self._live())

    def die(self) -> None:
        """Nothing of it happens any more; what it has sent is under way."""
        self._world.trace("%s dies", self.instance)
        self._world.seen["a worker dies"] += 1
        self.alive = False
        for task in list(self.tasks):
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._world.spawn(work)
        self.tasks[task] = None
        task.add_done_callback(self.tasks.pop)
        return task

    async def _live(self) -> None:
        self.epoch = await self._begin_life()
        self._world.trace("%s begins life %s", self.instance, self.epoch)
        self._holds = HoldService(self.link, Owner(self.instance, self.epoch), self._world.policy)
        self._ready.set_result(None)
        self._start(self._beat())
        while True:
            try:
                await self._holds.sweep(self.runs)
            except LedgerUnavailable:
                await asyncio.sleep(0.2)
            else:
                await asyncio.sleep(CALM_SWEEP_S if self._world.weather.is_calm else SWEEP_S)

    async def _begin_life(self) -> int:
        world = self._world
        while True:
            try:
                return await self.link.write(
                    lambda: world.store.write(
                        lambda connection: begin_life(connection, self.instance, world.clock.now()),
                        lambda epoch: world.oracle.life_begins(self.instance, epoch),
                    )
                )
            except LedgerUnavailable:
                await asyncio.sleep(0.3)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            beats = [beat for beat in self.runs.values() if beat is not None]
            if beats:
                await self._holds.heartbeat(beats)

    def ask(self, request: Request) -> asyncio.Task[Reply]:
        return self._start(self._answer(request))

    async def _answer(self, request: Request) -> Reply:
        if request.id in self.runs or not self._ready.done():
            return Reply("refused")
        self.runs[request.id] = None
        try:
            return await self._run(request)
        finally:
            del self.runs[request.id]

    async def _run(self, request: Request) -> Reply:
        payer = request.payer
        coverage = Coverage(self._world.policy, request.price, request.prompt_tokens, request.max_tokens)
        self._world.journal.begins(request.id, self.instance, self.epoch)
        try:
            await self._holds.open(payer, request.id, request.price, coverage, request.input_hash)
        except LedgerUnavailable:
            await self._holds.undo(payer, request.id, FAILED)
            return Reply("refused")
        except RaseedError:
            self._world.journal.refused(request.id, self.instance, self.epoch)
            return Reply("refused")
        self._world.journal.opened(request.id, f"{self.instance}:{self.epoch}")
        return await self._generate(request, payer, coverage)

    async def _generate(self, request: Request, payer: Payer, coverage: Coverage) -> Reply:
        holds, produced = self._holds, 0
        while produced < min(request.answer_tokens, coverage.covered_tokens):
            self.runs[request.id] = holds.extension(
                payer, request.id, coverage.held_microcredits, _measured(request, produced)
            )
            level = coverage.next_level(produced)
            if level is not None:
                await holds.extend(payer, request.id, coverage, level, _measured(request, produced))
            ahead = min(request.answer_tokens, coverage.covered_tokens) - produced
            if coverage.absorbed_microcredits:
                self._world.seen["the house goes on with a run"] += 1
            step = self._world.chance.randint(1, POLICY.chunk_tokens)
            step = max(1, min(step, ahead))
            await asyncio.sleep(step * request.token_s)
            produced += step
        try:
            if produced == 0:
                settled = await holds.release(payer, request.id, FAILED)
            else:
                measured = _measured(request, produced + request.overrun_tokens)
                settled = await holds.settle(payer, request.id, measured, COMPLETED)
        except RaseedError:
            return Reply("unknown")  # somebody thought this life was over, and swept the hold
        assert isinstance(settled, Settled)
        return Reply("charged", settled.cost_microcredits)


def _measured(request: Request, produced: int) -> Measured:
    return Measured(((Meter.INPUT_TOKENS, request.prompt_tokens), (Meter.OUTPUT_TOKENS, produced)))

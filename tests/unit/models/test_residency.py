"""The memory of a node, over simulated time: the rules with their owner, on a node that takes time and may fail."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from tests.support.model_versions import FACTS, artifacts, named

from raseed.core.clock import Microseconds
from raseed.core.errors import BackendUnavailable, Conflict, NotFound, Overloaded
from raseed.core.models.keeper import Keeper
from raseed.core.models.model import ModelVersion, VersionName, VersionState
from raseed.core.models.ports import Trial
from raseed.core.models.residency import Place, ResidencyLimits

SIZE = 100
WAIT_S = 30.0
LOAD_S = 0.3
UNLOAD_S = 0.05


@dataclass
class Node:
    """A server that checks its owner: what is loaded fits, and nothing in use is unloaded."""

    budget_bytes: int
    loads: Counter[str] = field(default_factory=Counter)
    unloads: list[str] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    in_use: Counter[str] = field(default_factory=Counter)
    broken: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    """What its owner did that must not be. Noted, because the owner goes on past whatever a node raises."""
    loading: int = 0
    loading_max: int = 0

    async def clear(self) -> None:
        self.memory.clear()

    async def load(self, version: ModelVersion) -> int:
        name = version.name.triton_name
        self._note(name in self.memory, f"{name} was loaded twice")
        self.memory[name] = version.expected_bytes
        self._note(sum(self.memory.values()) > self.budget_bytes, f"{name} does not fit")
        self.loading += 1
        self.loading_max = max(self.loading, self.loading_max)
        self.loads[name] += 1
        await asyncio.sleep(LOAD_S)
        self.loading -= 1
        if name in self.broken:
            del self.memory[name]
            raise BackendUnavailable("it raises in initialize")
        self.dead.discard(name)
        return version.expected_bytes

    async def unload(self, name: VersionName) -> None:
        is_used = self.in_use[name.triton_name] and name.triton_name not in self.dead
        self._note(bool(is_used), f"{name} is in use")
        await asyncio.sleep(UNLOAD_S)
        self.memory.pop(name.triton_name)
        self.unloads.append(name.triton_name)

    def _note(self, is_wrong: bool, what: str) -> None:
        if is_wrong:
            self.wrong.append(what)

    async def loaded(self) -> frozenset[str]:
        return frozenset(self.memory)

    async def answers(self, name: VersionName) -> bool:
        return name.triton_name not in self.dead

    async def try_out(self, version: ModelVersion) -> Trial:
        return Trial(problem="", text="", first_answer_ms=0)


class Measures:
    """The one thing that the owner tells the catalogue."""

    async def measured(self, name: VersionName, measured_bytes: int) -> None:
        pass


class Site:
    """A node with its owner, and requests to it."""

    def __init__(self, versions: int, rooms: int, **limits: float) -> None:
        self.node = Node(rooms * SIZE)
        catalogue: object = Measures()
        self.keeper = Keeper(
            self.node,
            catalogue,  # type: ignore[arg-type]
            ResidencyLimits(budget_bytes=rooms * SIZE, **limits),  # type: ignore[arg-type]
            wait_s=WAIT_S,
            report=lambda _what, _error: None,
        )
        self.versions = {number: version(number) for number in range(versions)}
        self.know()
        self._running = asyncio.create_task(self.keeper.run())

    def know(self) -> None:
        self.keeper.know(self.versions.values())

    def change(self, number: int, **values: object) -> None:
        self.versions[number] = replace(self.versions[number], **values)  # type: ignore[arg-type]
        self.know()

    async def ask(self, number: int, lasts_s: float = 0.2) -> None:
        name = self.versions[number].name.triton_name
        release = await self.keeper.lease(name)
        assert name in self.node.memory
        self.node.in_use[name] += 1
        try:
            await asyncio.sleep(lasts_s)
        finally:
            self.node.in_use[name] -= 1
            release()

    def place(self, number: int) -> Place:
        found = [each.place for each in self.keeper.residents() if each.name == self.versions[number].name]
        return found[0] if found else Place.ABSENT

    async def end(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        assert self.node.wrong == []


def version(number: int) -> ModelVersion:
    return ModelVersion(
        name=named("1", f"m{number}"),
        artifacts=artifacts(str(number)),
        state=VersionState.APPROVED,
        problem="",
        facts=replace(FACTS, estimated_bytes=SIZE),
        measured_bytes=None,
        is_pinned=False,
        keep_alive_s=None,
        created_by="local-socket",
        created_at=Microseconds(0),
    )


@pytest.mark.parametrize("seed", range(5))
async def test_fifty_models_with_room_for_five_under_a_zipf_load(seed):
    """Nobody is refused, and few loads do: at most two for each model that was used."""
    site = Site(versions=50, rooms=5)
    chance = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(50)]
    asked: list[asyncio.Task[None]] = []
    numbers: set[int] = set()
    for _ in range(1_000):
        [number] = chance.choices(range(50), weights)
        numbers.add(number)
        asked.append(asyncio.create_task(site.ask(number, chance.uniform(0.05, 1.0))))
        await asyncio.sleep(chance.expovariate(40))
    await asyncio.gather(*asked)  # raises what any of them was told
    assert len(numbers) > 45
    assert site.node.loads.total() <= 2 * len(numbers)
    assert site.node.loading_max <= 2
    await site.end()


@pytest.mark.parametrize("seed", range(20))
async def test_random_histories_keep_to_the_budget_and_lose_nobody(seed):
    """Requests that come and go away, dead processes, failing loads, operators: the node checks its owner meanwhile."""
    chance = random.Random(seed)
    site = Site(versions=8, rooms=3, keep_alive_s=3.0, waiters_max=16)

    async def customer() -> None:
        async with asyncio.timeout(chance.uniform(0.1, 60)):
            await site.ask(chance.randrange(8), chance.uniform(0, 2))

    asked: list[asyncio.Task[None]] = []
    for _ in range(300):
        match chance.randrange(20):
            case 0:
                loaded = [name for name in site.node.memory if not site.node.in_use[name]]
                if loaded:
                    site.node.dead.add(died := chance.choice(loaded))
                    site.keeper.suspect(died)
            case 1:
                site.node.broken ^= {site.versions[chance.randrange(8)].name.triton_name}
            case 2:
                with suppress(Conflict):
                    site.keeper.unload(site.versions[chance.randrange(8)].name)
            case 3:
                site.change(chance.randrange(3), is_pinned=chance.random() < 0.3)
            case _:
                asked.append(asyncio.create_task(customer()))
        await asyncio.sleep(chance.expovariate(5))
    for failure in await asyncio.gather(*asked, return_exceptions=True):
        assert failure is None or isinstance(failure, Overloaded | BackendUnavailable | TimeoutError), failure
    assert asked
    site.node.broken.clear()
    for number in range(8):
        site.change(number, is_pinned=False, keep_alive_s=None)
    await asyncio.sleep(400)
    assert site.node.memory == {}  # nobody uses anything, so nothing is kept
    for number in range(8):
        await site.ask(number)  # and everything can be had again
    await site.end()


async def test_many_requests_for_a_cold_version_load_it_once():
    site = Site(versions=1, rooms=1)
    await asyncio.gather(*(site.ask(0) for _ in range(64)))
    assert site.node.loads.total() == 1
    await site.end()


async def test_waiters_are_bounded_and_told_when_to_come_back():
    site = Site(versions=1, rooms=1, waiters_max=2)
    waiting = [asyncio.create_task(site.ask(0)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await site.ask(0)
    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s >= 1
    await asyncio.gather(*waiting)
    await site.end()


async def test_the_one_that_was_used_least_lately_goes():
    site = Site(versions=3, rooms=2)
    await site.ask(0)
    await site.ask(1)
    await site.ask(0)
    await asyncio.sleep(3)  # both had their turn
    assert site.keeper.plan(site.versions[2].name).evicted == (site.versions[1].name,)
    await site.ask(2)
    assert site.node.unloads == ["m1--1"]
    await site.end()


async def test_a_turn_is_over_before_a_version_goes():
    site = Site(versions=2, rooms=1, turn_s=2.0)
    began = asyncio.get_running_loop().time()
    await site.ask(0)
    await site.ask(1)
    assert asyncio.get_running_loop().time() - began >= 2 + 2 * LOAD_S
    await site.end()


async def test_a_version_that_everybody_uses_gives_way_to_one_that_waits():
    site = Site(versions=2, rooms=1)
    stop = asyncio.Event()

    async def use_always() -> None:
        while not stop.is_set():
            await site.ask(0, 1.0)

    crowd = [asyncio.create_task(use_always()) for _ in range(3)]
    await asyncio.sleep(5.1)
    began = asyncio.get_running_loop().time()
    await site.ask(1)
    assert asyncio.get_running_loop().time() - began < 5
    stop.set()
    await asyncio.gather(*crowd)
    await site.end()


async def test_a_pinned_version_is_loaded_by_itself_and_never_goes():
    site = Site(versions=3, rooms=2, keep_alive_s=1.0)
    site.change(0, is_pinned=True)
    for _ in range(3):
        await site.ask(1)
        await site.ask(2)
    assert site.node.unloads
    assert "m0--1" not in site.node.unloads
    await asyncio.sleep(100)
    assert site.node.memory == {"m0--1": SIZE}
    with pytest.raises(Conflict):
        site.keeper.unload(site.versions[0].name)
    site.node.dead.add("m0--1")
    await asyncio.sleep(10)
    assert (site.node.loads["m0--1"], site.node.dead) == (
        2,
        set(),
    )  # the watchdog found it, and brought it back
    await site.end()


@pytest.mark.parametrize(("keep_alive_s", "stays"), [(0, False), (5, False), (-1, True), (None, False)])
async def test_keep_alive(keep_alive_s, stays):
    site = Site(versions=1, rooms=1, keep_alive_s=50.0)
    site.change(0, keep_alive_s=keep_alive_s)
    await site.ask(0)
    kept_s = 50.0 if keep_alive_s is None else max(0, keep_alive_s)
    if kept_s:
        await asyncio.sleep(kept_s * 0.9)
        assert site.place(0) is Place.READY
    await asyncio.sleep(kept_s * 0.2 + 1)
    assert (site.place(0) is Place.READY) is stays
    await site.end()


async def test_a_load_that_fails_is_not_tried_at_every_request():
    site = Site(versions=1, rooms=1, failure_pause_s=5.0)
    site.node.broken.add("m0--1")
    for _ in range(10):
        with pytest.raises((BackendUnavailable, Overloaded)):
            await site.ask(0)
    assert site.node.loads.total() == 1
    await asyncio.sleep(5.1)
    site.node.broken.clear()
    await site.ask(0)
    assert site.node.loads.total() == 2
    await site.end()


async def test_what_can_never_fit_is_refused_at_once():
    site = Site(versions=2, rooms=1)
    site.change(0, facts=replace(FACTS, estimated_bytes=SIZE + 1))
    with pytest.raises(BackendUnavailable):
        await site.ask(0)
    with pytest.raises(Conflict):
        await site.keeper.load(site.versions[0].name, WAIT_S)
    assert not site.keeper.plan(site.versions[0].name).fits
    assert site.node.loads.total() == 0
    await site.end()


async def test_a_dead_process_is_loaded_again_and_old_requests_do_not_count_for_the_new_one():
    site = Site(versions=1, rooms=1, keep_alive_s=20.0)
    old = asyncio.create_task(site.ask(0, 12.0))
    await asyncio.sleep(8)
    site.node.dead.add("m0--1")
    site.keeper.suspect("m0--1")
    await asyncio.sleep(1)
    new = asyncio.create_task(site.ask(0, 60.0))
    await old  # ends while the new one is being answered
    await asyncio.sleep(40)
    assert site.node.loads["m0--1"] == 2
    assert site.place(0) is Place.READY  # it is in use, whatever the old one said when it ended
    await new
    await site.end()


async def test_whoever_goes_away_while_it_loads_leaves_nothing_behind():
    site = Site(versions=1, rooms=1, keep_alive_s=1.0)
    gone = [asyncio.create_task(site.ask(0)) for _ in range(5)]
    await asyncio.sleep(LOAD_S / 2)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    await asyncio.sleep(5)
    assert site.place(0) is Place.ABSENT
    assert site.node.memory == {}
    await site.end()


async def test_a_version_that_is_no_longer_known_goes():
    site = Site(versions=2, rooms=2)
    await site.ask(0)
    gone = site.versions.pop(0)
    site.know()
    await asyncio.sleep(1)
    assert site.node.memory == {}
    with pytest.raises(NotFound):
        site.keeper.plan(gone.name)
    with pytest.raises(BackendUnavailable):
        await site.keeper.lease(gone.name.triton_name)
    await site.end()

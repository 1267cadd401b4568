"""Versions on the real Triton: loaded, tried out, unloaded, and brought back when their process dies."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from tests.integration.models.conftest import Rig

from raseed.adapters.triton.backend import read_model
from raseed.adapters.triton.bundle import SHM_DIR
from raseed.adapters.triton.on_demand import OnDemandBackend
from raseed.adapters.triton.process_memory import model_processes, resident_bytes
from raseed.core.errors import BackendLost, BackendUnavailable
from raseed.core.inference.model import ChatRequest, Delta, Finish, Message, Role, Sampling
from raseed.core.models.keeper import Keeper
from raseed.core.models.model import MIB, ModelVersion, VersionName
from raseed.core.models.ports import ModelNode
from raseed.core.models.residency import Place, ResidencyLimits

PATIENCE_S = 120.0


def shared_memory(rig: Rig) -> int:
    return len(list(SHM_DIR.glob(f"{rig.triton.shm_prefix}*")))


async def test_a_version_is_loaded_tried_out_and_leaves_nothing_behind(rig: Rig):
    before = shared_memory(rig)
    version = await rig.version("poet")
    used = await rig.node.load(version)
    folder = rig.folders.repository / "poet--1"
    [pid] = model_processes(folder)
    assert used == resident_bytes([pid]) or 20 * MIB < used < 500 * MIB
    assert "poet--1" in await rig.node.loaded()
    assert await rig.node.answers(version.name)

    trial = await rig.node.try_out(version)
    assert trial.problem == ""
    assert trial.text

    await rig.node.unload(version.name)
    assert resident_bytes([pid]) == 0
    assert not folder.exists()
    assert "poet--1" not in await rig.node.loaded()
    assert shared_memory(rig) == before
    await rig.node.unload(version.name)  # safe to repeat


async def test_a_version_that_raises_when_it_is_initialized_is_not_loaded(rig: Rig):
    kv = {"layers": 4, "heads": 2, "head_size": 16, "dtype": "float32"}  # the graph does not say it
    version = await rig.version("broken", kv=kv)
    with pytest.raises(BackendUnavailable):
        await rig.node.load(version)
    assert model_processes(rig.folders.repository / "broken--1") == []

    other = await rig.version("broken")  # of the same name: nothing is left of the first
    await rig.node.load(other)
    assert (await rig.node.try_out(other)).problem == ""


async def test_a_dead_process_does_not_answer(rig: Rig):
    version = await rig.version("mortal")
    await rig.node.load(version)
    [pid] = model_processes(rig.folders.repository / "mortal--1")
    os.kill(pid, signal.SIGKILL)
    assert not await rig.node.answers(version.name)
    assert (await rig.node.try_out(version)).problem
    await rig.node.unload(version.name)
    await rig.node.load(version)
    assert await rig.node.answers(version.name)


async def test_what_an_earlier_owner_left_is_cleared(rig: Rig):
    version = await rig.version("left")
    await rig.node.load(version)
    await rig.node.clear()
    loaded = await rig.node.loaded()
    assert not [name for name in loaded if "--" in name]
    assert "raseed-tiny" in loaded  # what is not of the catalogue stays
    assert not list(rig.folders.repository.glob("*--*"))


class Catalogue:
    async def measured(self, name: VersionName, measured_bytes: int) -> None:
        pass


class House:
    """Versions behind their owner, and customers of theirs."""

    def __init__(self, rig: Rig, node: ModelNode, versions: list[ModelVersion], rooms: int) -> None:
        self.failures: list[str] = []
        catalogue: object = Catalogue()
        self.keeper = Keeper(
            node,
            catalogue,  # type: ignore[arg-type]
            ResidencyLimits(budget_bytes=rooms, turn_s=0.2),
            wait_s=PATIENCE_S,
            report=lambda what, error: self.failures.append(f"{what}: {error}"),
        )
        self.keeper.know(versions)
        self.backend = OnDemandBackend(rig.client, self.keeper)
        self._running = asyncio.create_task(self.keeper.run())

    async def ask(self, model: str, max_tokens: int = 4) -> str:
        """As a run does it."""
        request = ChatRequest(
            model=model,
            messages=(Message(role=Role.USER, text="Hello"),),
            sampling=Sampling(max_tokens=max_tokens, temperature=0),
        )
        prepared = await self.backend.prepare(request)
        release = await self.backend.lease(prepared.needs)
        try:
            generation = await self.backend.start(
                prepared, run_id="run_1", max_tokens=prepared.max_tokens, timeout_s=PATIENCE_S
            )
            try:
                text = ""
                while not isinstance(event := await generation.next(), Finish):
                    assert isinstance(event, Delta)
                    text += event.text
                return text
            finally:
                await generation.close()
        finally:
            release()

    async def end(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


class Counting:
    """The node, with every version of the same size, so that a room is a room."""

    def __init__(self, rig: Rig) -> None:
        self._node = rig.node
        self._repository = rig.folders.repository
        self.loads: Counter[str] = Counter()
        self.most = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)

    async def load(self, version: ModelVersion) -> int:
        await self._node.load(version)
        self.loads[version.name.triton_name] += 1
        at_once = sum(bool(model_processes(folder)) for folder in self._repository.glob("*--*"))
        self.most = max(self.most, at_once)
        return 1


@pytest.fixture
async def house(rig: Rig) -> AsyncIterator[Callable[..., object]]:
    made: list[House] = []

    async def build(count: int, rooms: int) -> tuple[House, Counting]:
        versions = [await rig.version(f"m{number}") for number in range(count)]
        counting = Counting(rig)
        node: object = counting
        built = House(rig, node, versions, rooms)  # type: ignore[arg-type]
        made.append(built)
        models = {}
        for version in versions:
            folder = rig.folders.repository.parent / "read" / version.name.triton_name
            rig.artifacts.stage(version, folder)
            model = read_model(folder, rig.pool)
            card = replace(model.card, id=version.name.triton_name)
            models[version.name.model] = replace(model, card=card)
        built.backend.offer(models)
        return built, counting

    yield build
    for each in made:
        await each.end()


async def test_more_models_than_room_under_a_zipf_load(house):
    """Nobody is refused, no more are in memory than fit, and few loads do."""
    built, counting = await house(count=6, rooms=2)
    chance = random.Random(1)
    weights = [1 / (rank + 1) for rank in range(6)]
    asked = []
    for _ in range(40):
        [number] = chance.choices(range(6), weights)
        asked.append(asyncio.create_task(built.ask(f"m{number}")))
        await asyncio.sleep(0.01)
    answers = await asyncio.gather(*asked)
    assert all(answers)
    assert counting.most <= 2
    assert counting.loads.total() <= 2 * len(counting.loads)
    assert built.failures == []


async def test_a_process_that_is_killed_in_the_middle_of_an_answer_is_back(rig: Rig, house):
    built, counting = await house(count=1, rooms=1)
    assert await built.ask("m0")
    [pid] = model_processes(rig.folders.repository / "m0--1")
    long = asyncio.create_task(built.ask("m0", 900))
    await asyncio.sleep(0.03)
    os.kill(pid, signal.SIGKILL)
    [ended] = list[object](await asyncio.gather(long, return_exceptions=True))
    assert isinstance(ended, BackendLost | BackendUnavailable | str), (
        ended
    )  # a text, if it was quicker than we
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if await built.ask("m0"):
                    break
            except (BackendLost, BackendUnavailable):
                await asyncio.sleep(0.1)
    assert counting.loads["m0--1"] == 2
    [resident] = built.keeper.residents()
    assert resident.place is Place.READY

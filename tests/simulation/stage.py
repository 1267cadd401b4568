"""What every simulated world stands on: one seed, one loop, one clock, tasks, a trace, and a verdict."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from unittest import mock

from tests.simulation.drivers import LateView
from tests.simulation.virtual import Death, NothingWillHappen, SimLoop, WallClock

from raseed.adapters.sql.sqlite import batch as sqlite_batch
from raseed.core.clock import Microseconds

if TYPE_CHECKING:
    from tests.simulation.storehouse import Decided, Effect, Storehouse

T = TypeVar("T")
COMMITS_MAX = 3_000
"""A world that commits so much goes round in circles."""
TRACE_LINES = 60
ENDING_S = 60.0
"""In which what is cancelled at the end of a world has ended."""
NOTHING_SEEN: Counter[str] = Counter()


class Wrong(Exception):
    """Something is not what it should be."""


class SimulationFailed(AssertionError):
    """Says what was wrong, what happened before, and how to see it again."""


@dataclass(frozen=True, slots=True)
class History:
    """How a world went."""

    seed: int
    digest: str
    """Of what is in its database at the end."""
    commits: int
    commands: int
    seen: Counter[str]
    """What happened, and how often: faults, and the answers to commands."""


class Stage(ABC):
    program: ClassVar[str]
    """The module that plays a seed again."""
    store: Storehouse

    def __init__(
        self, seed: int, chance: Random, loop: SimLoop, begin: Microseconds, *, tell: bool = False
    ) -> None:
        self.seed = seed
        self.chance = chance
        self.clock = WallClock(loop, begin)
        self.seen: Counter[str] = Counter()
        self.history: History | None = None
        self.wrong: str | None = None
        self._loop = loop
        self._tell = tell
        self._ids = count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lines: list[tuple[float, str, tuple[object, ...]]] = []
        self._commits = self._commands = 0

    @property
    @abstractmethod
    def fault(self) -> float:
        """Chance of a transaction to meet one."""

    @abstractmethod
    def committed(self, transaction: list[Decided | Effect]) -> None:
        """Called by the store at the moment from which a transaction is durable."""

    @abstractmethod
    def reborn(self) -> None:
        """Called by the store when it serves again."""

    @abstractmethod
    def is_unwritable(self, commands: object) -> bool:
        """Whether the tables refuse one of these, as they should."""

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):06}"

    def latency(self) -> float:
        return self.chance.choice([0.0, 0.001, 0.01, 0.01, 0.3])

    def disk_delay(self) -> float:
        return self.chance.choice([0.0, 0.001, 0.02])

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def trace(self, text: str, *parts: object) -> None:
        self._lines.append((self._loop.time(), text, parts))
        if self._tell:
            print(f"{self._loop.time():9.3f}  {text % parts if parts else text}")

    def fail(self, what: str) -> None:
        if self.wrong is None:
            self.wrong = what
        self._loop.stop()

    def count(self, transaction: list[Decided | Effect]) -> None:
        """A transaction that is durable."""
        self._commits += 1
        self._commands += len(transaction)
        if self._commits > COMMITS_MAX:
            self.fail("no end of commits")

    def end_well(self, digest: str, seen: Counter[str] = NOTHING_SEEN) -> None:
        """Nothing was wrong."""
        self.history = History(self.seed, digest, self._commits, self._commands, self.seen + seen)

    def main_ended(self, main: asyncio.Task[None]) -> None:
        if not main.cancelled() and (error := main.exception()) is not None:
            self.fail(str(error) if isinstance(error, Wrong) else f"{error!r} at {_where(error)}")
        self._loop.stop()

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Wrong):
            self.fail(str(error))
        elif error is not None and not isinstance(error, Death):
            self.fail(f"{error!r} at {_where(error)}")

    def end(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        with suppress(NothingWillHappen):
            ended = self._loop.create_task(_wait(tasks))
            ended.add_done_callback(lambda _: self._loop.stop())
            while not ended.done():
                self._loop.run_forever()
        if hasattr(self, "store"):
            self.store.close()
        self._loop.close()

    def report(self) -> str:
        lines = [f"{at:9.3f}  {text % parts if parts else text}" for at, text, parts in self._lines]
        return "\n".join(
            [
                *lines[-TRACE_LINES:],
                f"{self._loop.time():9.3f}  WRONG: {self.wrong}",
                f"FAILED seed {self.seed} after {self._commits} commits: {self.wrong}",
                f"See it again: python -m {self.program} --seed {self.seed} --tell",
            ]
        )


def play(stage: Stage, life: Coroutine[Any, Any, None], folder: Path) -> History:
    """Raises SimulationFailed. `folder` holds the databases of this world, and nothing else called `life…`."""
    for left in folder.glob("life*"):
        left.unlink()
    was = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # faults are logged with their traces, and there are thousands
    try:
        with mock.patch.object(sqlite_batch, "borrowed", LateView), suppress(NothingWillHappen):
            main = stage._loop.create_task(life)
            main.add_done_callback(stage.main_ended)
            stage._loop.run_forever()
        if stage.history is None and stage.wrong is None:
            stage.wrong = "nobody does anything any more"
        if stage.wrong is not None:
            raise SimulationFailed(stage.report())
        assert stage.history is not None
        return stage.history
    finally:
        stage.end()
        logging.disable(was)


async def _wait(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=ENDING_S)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"

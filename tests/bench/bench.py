"""What every measurement is given: how long it may take, where it may write, and how sides are compared."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.bare import Answer
from tests.bench.figures import Row
from tests.bench.load import Outcome, Plan, run_load
from tests.bench.stacks import Target, bare, governed

from raseed.app.main import GARBAGE_OBJECTS

T = TypeVar("T")


def collect_garbage_as_a_worker() -> None:
    """What was made so far is not searched for garbage again and again: as `raseed serve core` does once it serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 10, 10)


@dataclass(slots=True)
class Bench:
    quick: bool
    work_dir: Path
    """Removed afterwards. On the disk of the checkout, where the platform's own data would lie."""
    stack: AsyncExitStack
    """Ends what several measurements share."""
    _made: int = 0
    _governed: Target | None = None

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 5

    @property
    def seconds(self) -> float:
        """Measured time of one side of one round."""
        return 2.0 if self.quick else 4.0

    def folder(self) -> Path:
        """A new one; short, because sockets lie in it."""
        self._made += 1
        path = self.work_dir / str(self._made)
        path.mkdir()
        return path

    @staticmethod
    def say(line: str) -> None:
        """Progress, apart from the table."""
        print(line, file=sys.stderr, flush=True)

    @asynccontextmanager
    async def sides(self, answer: Callable[[Target], Answer]) -> AsyncIterator[tuple[Target, Target]]:
        """The platform, and the bare handler that answers as `answer` says the platform does."""
        if self._governed is None:
            self._governed = await self.stack.enter_async_context(governed(self.folder()))
        ours = self._governed
        async with bare(self.folder(), answer(ours)) as theirs:
            yield ours, theirs

    async def alternate(
        self, one: Callable[[], Awaitable[T]], other: Callable[[], Awaitable[T]]
    ) -> list[tuple[T, T]]:
        """One, other, one, other …: what else the machine does meanwhile falls on both."""
        return [(await one(), await other()) for _ in range(self.rounds)]


Measurement = Callable[[Bench], Awaitable[Sequence[Row]]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An outcome, and what it cost the process that served it."""

    outcome: Outcome
    cpu_us: float
    """Processor time of the serving process for each request."""


async def load(target: Target, plan: Plan) -> Loaded:
    """Warms up, then measures. The cost counts both, and divides by the requests of both."""
    before = target.cpu_s()
    outcome = await run_load(plan)
    spent_s = target.cpu_s() - before
    whole_s = plan.warmup_s + outcome.seconds
    return Loaded(outcome, spent_s * 1e6 / (outcome.per_s * whole_s))

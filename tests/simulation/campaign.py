"""Many worlds, one after another or in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.simulation.books import quick_folder
from tests.simulation.stage import History
from tests.simulation.world import make_empty, simulate

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is simulated."""

    module: str
    """`python -m` plays its worlds."""
    make_empty: Callable[[Path], None]
    simulate: Callable[..., History]
    """As `tests.simulation.world.simulate`."""


LEDGER = Kind("tests.simulation", make_empty, simulate)


@dataclass
class Campaign:
    """What happened in the worlds of some seeds."""

    histories: list[History] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0

    def __str__(self) -> str:
        commits = sum(history.commits for history in self.histories)
        commands = sum(history.commands for history in self.histories)
        number = len(self.histories)
        pace = f"{number} worlds in {self.took_s:.1f} s ({number / self.took_s:.1f} a second)"
        return f"{pace}: {commits} commits, {commands} commands"


def run(seeds: Iterable[int], *, tell: bool = False, kind: Kind = LEDGER) -> Campaign:
    """Raises SimulationFailed at the first seed that fails."""
    campaign, began = Campaign(), time.monotonic()
    with quick_folder() as folder:
        empty = folder / "empty.db"
        kind.make_empty(empty)
        for seed in seeds:
            history = kind.simulate(seed, folder, empty=empty, tell=tell)
            campaign.histories.append(history)
            campaign.seen += history.seen
    campaign.took_s = time.monotonic() - began
    return campaign


def start(first: int, end: int, kind: Kind = LEDGER, **environment: str) -> subprocess.Popen[str]:
    """The worlds of `first` up to `end` in a process of their own; it prints what `python -m` prints."""
    return subprocess.Popen(
        [sys.executable, "-m", kind.module, "--seeds", str(first), str(end), "--digests"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_in_shares(seeds: int, kind: Kind = LEDGER) -> None:
    """The worlds of 0 up to `seeds`, in a process for each processor. Raises AssertionError with what failed."""
    shares = os.cpu_count() or 1
    ends = [seeds * share // shares for share in range(shares + 1)]
    processes = [start(first, end, kind) for first, end in pairwise(ends)]
    failed = []
    for process in processes:
        said, _ = process.communicate()
        print(said.splitlines()[-1])
        if process.returncode != 0:
            failed.append(said)
    assert not failed, "\n".join(failed)

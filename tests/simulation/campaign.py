"""Many worlds, one after another or in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.books import quick_folder
from tests.simulation.world import History, make_empty, simulate

ROOT = Path(__file__).parents[2]


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


def run(seeds: Iterable[int], *, tell: bool = False) -> Campaign:
    """Raises SimulationFailed at the first seed that fails."""
    campaign, began = Campaign(), time.monotonic()
    with quick_folder() as folder:
        empty = folder / "empty.db"
        make_empty(empty)
        for seed in seeds:
            history = simulate(seed, folder, empty=empty, tell=tell)
            campaign.histories.append(history)
            campaign.seen += history.seen
    campaign.took_s = time.monotonic() - began
    return campaign


def start(first: int, end: int, **environment: str) -> subprocess.Popen[str]:
    """The worlds of `first` up to `end` in a process of their own; it prints what `python -m tests.simulation` prints."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulation", "--seeds", str(first), str(end), "--digests"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

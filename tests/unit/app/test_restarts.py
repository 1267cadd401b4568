"""How long a process is away after it ended, the shorter the better it did; and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from raseed.app.process import Backoff, ProcessSpec, Supervised

TIMEOUT_S = 30.0
BACKOFF = Backoff(first_s=0.02, max_s=0.2)


async def pauses(directory: Path, program: str, count: int, *, speaks: bool) -> list[float]:
    """The first pauses before restarts of a program that ends by itself."""
    reports: list[str] = []
    enough = asyncio.Event()

    def report(line: str) -> None:
        reports.append(line)
        if len(reports) == count:
            enough.set()

    spec = ProcessSpec(
        name="it",
        argv=[sys.executable, "-c", program],
        environment=os.environ,
        log=directory / "it.log",
        speaks=speaks,
        backoff=BACKOFF,
    )
    process = Supervised(spec, report)
    await process.start()
    watching = asyncio.create_task(process.watch(lambda: None))
    async with asyncio.timeout(TIMEOUT_S):
        await enough.wait()
    watching.cancel()
    await asyncio.wait([watching])
    await process.stop(1.0)
    found = [re.search(r"restarting in ([\d.]+) s", line) for line in reports[:count]]
    return [float(each.group(1)) for each in found if each is not None]


async def test_one_that_fails_at_its_start_is_started_ever_less_often(tmp_path):
    assert await pauses(tmp_path, "raise SystemExit(1)", 4, speaks=True) == [0.02, 0.04, 0.08, 0.16]


async def test_one_that_says_nothing_is_the_same(tmp_path):
    assert await pauses(tmp_path, "print('x')", 3, speaks=False) == [0.02, 0.04, 0.08]


async def test_one_that_served_is_away_for_no_longer_than_it_served(tmp_path):
    """A worker that is killed under load comes back; its clients do not pay for the kills before."""
    program = "import time; print('serving', flush=True); time.sleep(0.05); raise SystemExit(1)"
    found = await pauses(tmp_path, program, 5, speaks=True)
    assert found[0] == BACKOFF.first_s
    assert max(found) > BACKOFF.first_s
    assert found[-1] < BACKOFF.max_s, found  # where one that never served would be


async def test_what_it_left_behind_goes_before_it_comes_back(tmp_path):
    """Triton's stubs do not always notice that their server was killed."""
    left = tmp_path / "pids"
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"print(child.pid, file=open({str(left)!r}, 'a'), flush=True)\n"
        "raise SystemExit(1)"
    )
    await pauses(tmp_path, program, 2, speaks=False)
    async with asyncio.timeout(TIMEOUT_S):
        while any(map(lives, left.read_text().split()[:2])):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False

"""Every seeded defect is found. One that is not says that the simulation has gone blind to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutants.patches import ROOT, SOURCES, copy_of_the_source, names, patched, what_it_breaks
from tests.simulation.books import quick_folder

SEEDS_MAX = 2_000
"""Worlds in which a defect has to be found. Most are found in the first dozen."""
CONTROL_SEEDS = 60


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """In a process that imports the ledger from the copy."""
    roots = [*(folder / source for source in SOURCES), ROOT / "generated", ROOT, ROOT / "scripts"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def simulation(folder: Path, seeds: int) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "tests.simulation", "--seeds", "0", str(seeds))


def properties(folder: Path) -> subprocess.CompletedProcess[str]:
    roots = " ".join(str(root) for root in (ROOT, folder / "core", folder / "adapters", ROOT / "generated"))
    return run(
        folder, "-m", "pytest", "-q", "-m", "not long", "-o", f"pythonpath={roots}", "-p", "no:cacheprovider",
        "tests/property",
    )  # fmt: skip


def test_there_are_enough_of_them():
    assert len(names()) >= 12


@pytest.mark.parametrize("name", names())
def test_it_still_applies(name):
    changed = patched(name)
    assert changed
    for path, text in changed.items():
        assert path.startswith(("core/raseed/core/billing/", "adapters/raseed/adapters/sql/"))
        assert text != (ROOT / path).read_text("utf-8")
        compile(text, path, "exec")
    assert len(what_it_breaks(name)) > 20


@pytest.mark.long
def test_without_a_defect_nothing_is_found():
    with quick_folder() as folder:
        copy_of_the_source(folder, {})
        where = run(folder, "-c", "import raseed.core.billing.ledger as m; print(m.__file__)")
        assert where.stdout.startswith(str(folder)), where.stdout
        green = simulation(folder, CONTROL_SEEDS)
        assert green.returncode == 0, green.stdout


@pytest.mark.long
@pytest.mark.parametrize("name", names())
def test_it_is_found(name):
    with quick_folder() as folder:
        copy_of_the_source(folder, patched(name))
        simulated = simulation(folder, SEEDS_MAX)
        last = simulated.stdout.splitlines()[-2:]
        if simulated.returncode == 1 and last[0].startswith("FAILED seed "):
            print(f"{name}: {last[0]}")
            return
        assert simulated.returncode == 0, simulated.stdout
        tested = properties(folder)
        print(f"{name}: by the property test")
        assert tested.returncode == 1, f"survives: {what_it_breaks(name)}"
        assert "test_random_histories" in tested.stdout, tested.stdout

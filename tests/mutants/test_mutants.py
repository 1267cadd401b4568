"""Every seeded defect is found. One that is not says that the simulation has gone blind to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutants.patches import ROOT, SOURCES, copy_of_the_source, names, patched, what_it_breaks
from tests.simulation.books import quick_folder

SEEDS_FIRST = 300
"""Worlds that are tried before the random histories. Most defects are found in the first dozen."""
SEEDS_MAX = 2_000
"""Worlds in which a defect has to be found that the random histories do not find."""
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


def simulation(
    folder: Path, first: int, end: int, module: str = "tests.simulation"
) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", module, "--seeds", str(first), str(end))


def is_of_payments(name: str) -> bool:
    return all("/payments/" in path for path in patched(name))


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
        assert path.startswith(
            ("core/raseed/core/billing/", "core/raseed/core/payments/", "adapters/raseed/adapters/sql/")
        )
        assert text != (ROOT / path).read_text("utf-8")
        compile(text, path, "exec")
    assert len(what_it_breaks(name)) > 20


@pytest.mark.long
def test_without_a_defect_nothing_is_found():
    with quick_folder() as folder:
        copy_of_the_source(folder, {})
        where = run(folder, "-c", "import raseed.core.billing.ledger as m; print(m.__file__)")
        assert where.stdout.startswith(str(folder)), where.stdout
        for module in ("tests.simulation", "tests.payment_simulation"):
            green = simulation(folder, 0, CONTROL_SEEDS, module)
            assert green.returncode == 0, green.stdout


@pytest.mark.long
@pytest.mark.timeout(600)  # two minutes on an idle machine, for one that only the last world finds
@pytest.mark.parametrize("name", names())
def test_it_is_found(name):
    with quick_folder() as folder:
        copy_of_the_source(folder, patched(name))
        if is_of_payments(name):
            found = found_in_a_world(name, folder, 0, SEEDS_MAX, "tests.payment_simulation")
            assert found, f"survives: {what_it_breaks(name)}"
            return
        if found_in_a_world(name, folder, 0, SEEDS_FIRST):
            return
        tested = properties(folder)
        if tested.returncode == 1 and "test_random_histories" in tested.stdout:
            print(f"{name}: by the property test")
            return
        assert tested.returncode == 0, tested.stdout
        assert found_in_a_world(name, folder, SEEDS_FIRST, SEEDS_MAX), f"survives: {what_it_breaks(name)}"


def found_in_a_world(name: str, folder: Path, first: int, end: int, module: str = "tests.simulation") -> bool:
    simulated = simulation(folder, first, end, module)
    last = simulated.stdout.splitlines()[-2:]
    if simulated.returncode == 1 and last[0].startswith("FAILED seed "):
        print(f"{name}: {last[0]}")
        return True
    assert simulated.returncode == 0, simulated.stdout
    return False

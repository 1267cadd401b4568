"""Patches that put one defect each into the ledger, or into payments. Applied to copies of the source, never to the source.

Each is a unified diff under a line that says what it breaks. When the code it changes has changed, it is made anew: put
the defect in, `git diff core adapters > tests/mutants/NAME.patch`, write the first line, take the defect out.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ("core", "adapters")


class DoesNotApply(Exception):
    """The code that the patch changes is not there any more."""


@dataclass
class Hunk:
    line: int
    """Where its first line was when the patch was made, from 0."""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def place(self, lines: list[str]) -> int:
        """The line at which the old text stands now: as near as possible to where it was."""
        size = len(self.old)
        found = [n for n in range(len(lines) - size + 1) if lines[n : n + size] == self.old]
        if not found:
            raise DoesNotApply("\n".join(self.old))
        return min(found, key=lambda n: abs(n - self.line))


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.patch"))


def what_it_breaks(name: str) -> str:
    first, *_ = (HERE / f"{name}.patch").read_text("utf-8").splitlines()
    return first.removeprefix("# ")


def patched(name: str) -> dict[str, str]:
    """The changed files, by their paths in the repository. Raises DoesNotApply."""
    changed: dict[str, str] = {}
    for path, hunks in _files((HERE / f"{name}.patch").read_text("utf-8")):
        lines = (ROOT / path).read_text("utf-8").splitlines()
        for hunk in reversed(hunks):
            at = hunk.place(lines)
            lines[at : at + len(hunk.old)] = hunk.new
        changed[path] = "\n".join(lines) + "\n"
    return changed


def copy_of_the_source(folder: Path, changed: dict[str, str]) -> None:
    """Every module under its usual path, the changed ones changed."""
    for source in SOURCES:
        modules = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, folder / source, ignore=modules)
    for path, text in changed.items():
        (folder / path).write_text(text, "utf-8")


def _files(patch: str) -> Iterator[tuple[str, list[Hunk]]]:
    path, hunks = "", list[Hunk]()
    for line in patch.splitlines():
        if line.startswith("+++ b/"):
            if path:
                yield path, hunks
            path, hunks = line.removeprefix("+++ b/"), []
        elif start := re.match(r"@@ -(\d+)", line):
            hunks.append(Hunk(int(start[1]) - 1))
        elif line.startswith(("diff ", "index ", "--- ")):
            continue
        elif hunks:
            kind, text = line[:1] or " ", line[1:]
            if kind in " -":
                hunks[-1].old.append(text)
            if kind in " +":
                hunks[-1].new.append(text)
    yield path, hunks

"""Refuses what must not be in a tracked file: the address of a package index, or a path of one machine.

python scripts/check_tracked.py      prints every finding as FILE:LINE and exits 1 if there is one

Locks pin by hash, so they are good with any index; an address in the repository would bind everyone to one of them.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Written as patterns with escapes, so that this file does not contain what it looks for.
FORBIDDEN = {
    "package index": re.compile(
        r"pyp[i]\.org|python[h]osted\.org|registry\.(?:n[p]mjs|yarn[p]kg)|crates\.io/api|(?:--(?:extra-)?index-url|--find-links)[ =]\S"
    ),
    "path of one machine": re.compile(r"(?<![\w./~$}-])/(?:home|root|Users|work|mnt)/\w"),
}
LOCK_ADDRESS = re.compile(r"://|^-|\"resolved\"")
LOCKS = re.compile(r"(?:requirements.*\.lock|package-lock\.json)$")


def tracked() -> list[Path]:
    """Files that git tracks."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def findings(path: Path, text: str) -> Iterator[str]:
    rules = dict(FORBIDDEN)
    if LOCKS.search(path.name):
        rules["address in a lock file"] = LOCK_ADDRESS
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in rules.items():
            if pattern.search(line):
                yield f"{path}:{number}: {what}: {line.strip()[:120]}"


def main() -> int:
    found: list[str] = []
    for path in tracked():
        if not path.is_file() or b"\0" in (data := path.read_bytes()):
            continue  # a deleted or a binary file
        found += findings(path.relative_to(ROOT), data.decode("utf-8", errors="replace"))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

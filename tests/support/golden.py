"""Golden files: the exact bytes of our answers, reviewed like an interface.

`RASEED_UPDATE_GOLDEN=1` writes them anew; the difference is then for review.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

_ROOT = Path(__file__).parents[1] / "golden"


def golden_in(folder: str) -> Callable[[str, bytes], None]:
    """A check of bytes against a file of that folder of tests/golden."""

    def check(name: str, actual: bytes) -> None:
        file = _ROOT / folder / name
        # Stored with indentation for the reader, compared without: key order and number text still count.
        shown = msgspec.json.format(actual, indent=2) + b"\n" if name.endswith(".json") else actual
        if os.environ.get("RASEED_UPDATE_GOLDEN"):
            file.write_bytes(shown)
        assert file.read_bytes() == shown

    return check

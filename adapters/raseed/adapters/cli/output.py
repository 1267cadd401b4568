"""What commands print: one JSON value on standard output with `--json`, lines for people without; errors on stderr.

Exit status: 0 done, 1 it failed or something is broken, 2 the command line or the configuration is wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

FAILED = 1
MISUSED = 2


class Output:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, value: Any, lines: Callable[[], list[str]]) -> None:
        """Print the value as JSON, or what `lines` makes of it."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("".join(f"{line}\n" for line in lines()))


def fail(message: str, status: int = FAILED) -> NoReturn:
    sys.stderr.write(f"raseed: {message}\n")
    raise SystemExit(status)

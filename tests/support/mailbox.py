"""What the driver `outbox` was given: the telephone and the mailbox of every test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.waiting import until

WAIT_S = 10.0


def messages(file: Path, to: str) -> list[dict[str, Any]]:
    """Everything that was sent to a number or address, oldest first."""
    if not file.exists():
        return []
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["to"] == to]


def code_sent(file: Path, to: str, count: int = 1) -> str:
    """The newest code of `count` that were sent there, once they have been."""

    def codes() -> list[str]:
        return [each["parameters"]["code"] for each in messages(file, to) if each["template"] == "code"]

    until(lambda: len(codes()) >= count, WAIT_S, f"{count} codes have been sent")
    return codes()[count - 1]

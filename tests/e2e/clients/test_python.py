"""Clients of others, written in Python: LangChain by its own standard suites, and LlamaIndex.

They run in an environment of their own, whose SDKs are of another major version than the tests'; see
requirements-clients.in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.support.stack import Stack

SUITES = Path(__file__).parent / "suites"
PYTHON = Path(sys.prefix).with_name(".venv-clients") / "bin" / "python"
CREDIT = 1_000_000
TIMEOUT_S = 400.0
"""Usually 15 s, of which importing the clients is half."""

pytestmark = pytest.mark.timeout(TIMEOUT_S + 20)


@dataclass(slots=True)
class Result:
    passed: int = 0
    failures: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def results(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    """What came of each suite, all run by one process."""
    report = tmp_path_factory.mktemp("suites") / "report.xml"
    done = subprocess.run(
        [str(PYTHON), "-m", "pytest", "-c", "pytest.ini", f"--junitxml={report}"],
        cwd=SUITES,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            "RASEED_URL": stack.url,
            "RASEED_KEY": stack.customer(CREDIT).key,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert report.exists(), done.stdout[-5_000:] + done.stderr[-5_000:]
    found: dict[str, Result] = {}
    for case in ET.parse(report).iter("testcase"):
        result = found.setdefault((case.get("classname") or "").partition(".")[0], Result())
        problems = [problem.text or "" for kind in ("failure", "error") for problem in case.findall(kind)]
        if problems:
            result.failures.append(f"{case.get('name')}\n{problems[0][-2_000:]}")
        elif case.find("skipped") is None:
            result.passed += 1
    return found


@pytest.mark.parametrize(
    ("suite", "least"),
    [
        ("openai_chat_suite", 35),
        ("anthropic_chat_suite", 35),
        ("openai_embeddings_suite", 4),
        ("llama_index_suite", 8),
    ],
)
def test_suite(results: Mapping[str, Result], suite: str, least: int) -> None:
    """`least` is how many tests of it do not ask for what only some models can: images, audio, recorded runs."""
    result = results[suite]
    assert not result.failures, "\n\n".join(result.failures)
    assert result.passed >= least


def test_every_suite_is_asked_for(results: Mapping[str, Result]) -> None:
    assert sorted(results) == sorted(path.stem for path in SUITES.glob("*_suite.py"))

